"""``python -m rotator`` is ``rotate``."""

from rotator.cli.main import main

main()
