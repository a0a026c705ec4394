"""``rotate audit``: reality held against the ledger. Looking is one thing, judging another; neither touches anything.

Issuers and stores are asked once and side by side; then pure functions compare what they said with what the ledger
knows: ``tokens`` judges what issuers list, ``places`` what destinations hold, ``times`` what should have happened.
"""
