"""Properties are about answers, not about speed: a busy machine may take its time over an example."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
