"""What providers on Azure share: ``auth`` is what a policy file says of it, ``login`` signs in."""
