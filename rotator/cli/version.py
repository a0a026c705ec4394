"""Which version of the product this is."""

from __future__ import annotations


def version() -> str:
    from importlib.metadata import version as installed

    return installed("secrets-rotator")
