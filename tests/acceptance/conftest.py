"""The fixtures of the acceptance tests: a token in use, and the desk of the person who is to rotate it."""

from __future__ import annotations

from tests.acceptance.one_token import adopted, token
from tests.acceptance.sandbox_token import sandbox_desk

__all__ = ["adopted", "sandbox_desk", "token"]
