"""Finds what looks like a token in the text of a policy file, comments included: policy files live in git.

Known shapes are found anywhere; a long random-looking word only behind a key that says it is a secret. What is found
is never quoted. This is a safety net, not a proof: `credentials` takes references only, whatever they look like.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rotator.config.documents import spot_in
from rotator.domain.errors import Problem

_SHAPES: Final = {
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "a GitHub token": r"\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_[A-Za-z0-9_]{20,}",
    "a GitLab token": r"\bgl(?:pat|ptt|dt|rt|cbt)-[A-Za-z0-9_-]{20,}",
    "a Vault or OpenBao token": r"\b[hb]v[sbr]\.[A-Za-z0-9_-]{20,}|(?<![\w.])[sbr]\.[A-Za-z0-9]{24,}\b",
    "an AWS access key": r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    "a Slack token": r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}",
    "a Stripe key": r"\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}",
    "an API key": r"\bsk-[A-Za-z0-9_-]{20,}|\bAIza[A-Za-z0-9_-]{35}|\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}",
    "a package registry's token": r"\bnpm_[A-Za-z0-9]{30,}|\bpypi-[A-Za-z0-9_-]{30,}",
    "a Heroku token": r"\bHRKU-[A-Za-z0-9_-]{20,}",
    "a token": r"\bapi_[a-z0-9]{16,}\b|\bdop_v1_[a-f0-9]{40,}",
    "a signed token (JWT)": r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",
    "a password in a URL": r"\b[a-z][a-z0-9+.-]*://[^\s/:@'\"{}]+:[^\s/@'\"{}]+@",
}
_SHAPE: Final = re.compile("|".join(f"(?P<shape{number}>{shape})" for number, shape in enumerate(_SHAPES.values())))
_NAMES: Final = tuple(_SHAPES)

_BEHIND_A_TELLING_KEY: Final = re.compile(
    r"""(?:passw(?:or)?d|passphrase|secret|token|api_?key|access_?key|credential|bearer)[\w-]*["']?\s*:\s*["']?"""
    r"(?P<value>[A-Za-z0-9+/_=.~-]{16,})",
    re.IGNORECASE,
)
_WORD: Final = re.compile(r"[A-Za-z0-9]{16,}")
_LETTER_BESIDE_DIGIT: Final = re.compile(r"(?<=[A-Za-z])(?=[0-9])|(?<=[0-9])(?=[A-Za-z])")
_TOO_MIXED_FOR_A_NAME: Final = 4
"""How often a word changes between letters and digits. ``production2024eu1`` does three times."""

_REMEDY: Final = (
    "put it in a file or an environment variable, write `file:PATH` or `env:NAME` here, "
    "and replace the token: it has been in this file"
)


def inline_secrets(text: str, file: Path) -> Iterator[Problem]:
    """Give a problem for everything that looks like a token, with its line and without its text."""
    for match in _SHAPE.finditer(text):
        name = _NAMES[int((match.lastgroup or "shape0").removeprefix("shape"))]
        yield Problem(f"this looks like {name}", _REMEDY, file, *spot_in(text, match.start()))
    for match in _BEHIND_A_TELLING_KEY.finditer(text):
        if looks_random(match["value"]) and not _SHAPE.search(match["value"]):
            yield Problem("this looks like a secret", _REMEDY, file, *spot_in(text, match.start("value")))


def looks_random(text: str) -> bool:
    """Tell whether a text holds a long word that nobody would choose as a name."""
    return any(len(_LETTER_BESIDE_DIGIT.findall(word)) >= _TOO_MIXED_FOR_A_NAME for word in _WORD.findall(text))
