"""Finds what looks like a token in the text of a policy file, comments included: policy files live in git.

Known shapes are found anywhere; a long random-looking word only behind a key that says it is a secret. What is found
is never quoted. This is a safety net, not a proof: `credentials` takes references only, whatever they look like.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rotator.config.yaml_text import spot_in
from rotator.domain.errors import Problem

_SHAPES: Final = {
    what: re.compile(shape)
    for what, shape in {
        "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
        "a GitHub token": r"gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}",
        "a GitLab token": r"gl(?:pat|ptt|dt|rt|cbt)-[A-Za-z0-9_-]{20,}",
        "a Vault or OpenBao token": r"[hb]v[sbr]\.(?<=\b...\.)[A-Za-z0-9_-]{20,}",
        "a Vault token": r"[sbr]\.(?<![\w.].\.)[A-Za-z0-9]{24,}\b",
        "an AWS access key": r"A(?:KIA|SIA)(?<=\b....)[A-Z0-9]{16}\b",
        "a Slack token": r"xox[abeoprs]-[A-Za-z0-9-]{10,}",
        "a Stripe key": r"[rs]k_(?<=\b.k_)(?:live|test)_[A-Za-z0-9]{16,}",
        "an API key": r"sk-(?<=\b.k-)(?:(?:proj|ant|or|svcacct|admin)-[A-Za-z0-9_-]{20,}|[A-Za-z0-9]{32,})",
        "a Google API key": r"AIza[A-Za-z0-9_-]{35}",
        "a SendGrid key": r"SG\.(?<=\b.G\.)[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}",
        "a package registry's token": r"npm_[A-Za-z0-9]{30,}|pypi-[A-Za-z0-9_-]{30,}",
        "a Heroku token": r"HRKU-[A-Za-z0-9_-]{20,}",
        "an API token": r"api_(?<=\b..._)(?=[a-z]*[0-9])[a-z0-9]{16,}\b|dop_v1_[a-f0-9]{40,}",
        "a signed token (JWT)": r"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",
        "a password in a URL": r"://[^\s/:@'\"{}]+:[^\s/@'\"{}]+@",
    }.items()
}
"""Each begins with letters, and asks what stands before them only then: so a search leaps from one to the next."""

_VALUE: Final = re.compile(r""":\s*["']?(?P<value>[A-Za-z0-9+/_=.~-]{16,})""")
_TELLING_KEY: Final = re.compile(
    r"""(?:passw(?:or)?d|passphrase|secret|token|api_?key|access_?key|credential|bearer)[\w-]*["']?\s*\Z""",
    re.IGNORECASE,
)
_LONGEST_KEY: Final = 200
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
    for what, shape in _SHAPES.items():
        for match in shape.finditer(text):
            yield Problem(f"this looks like {what}", _REMEDY, file, *spot_in(text, match.start()))
    for match in _VALUE.finditer(text):
        value, colon = match["value"], match.start()
        if not looks_random(value) or not _TELLING_KEY.search(text, max(colon - _LONGEST_KEY, 0), colon):
            continue
        if not any(shape.search(value) for shape in _SHAPES.values()):
            yield Problem("this looks like a secret", _REMEDY, file, *spot_in(text, match.start("value")))


def looks_random(text: str) -> bool:
    """Tell whether a text holds a long word that nobody would choose as a name."""
    return any(len(_LETTER_BESIDE_DIGIT.findall(word)) >= _TOO_MIXED_FOR_A_NAME for word in _WORD.findall(text))
