"""Where policies come from: a directory, or a git repository that is followed.

``in_force`` says what every source promises, ``opening`` makes the one that the settings ask for.
"""
