"""``python -m providers.issuers.sandbox``."""

import sys

from providers.issuers.sandbox.server import main

sys.exit(main())
