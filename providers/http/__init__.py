"""HTTP as providers speak it: ``client`` sends and weighs, ``wire`` holds the connections, ``reading`` reads an answer.

``config`` and ``address`` are what a policy file says of a server; ``status`` and ``headers`` what an answer means.
Importing this imports none of them: a plug-in's module needs the settings only.
"""
