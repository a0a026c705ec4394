"""What providers on AWS share: ``client`` has settings, sessions and errors, ``wire`` sends what was signed."""
