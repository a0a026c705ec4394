"""The user's own profiles, alone: the policies beside them may not be there yet, or not be right."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from rotator.config.documents import parse
from rotator.config.plugins import Plugins
from rotator.config.policy_paths import policy_paths
from rotator.config.yaml_text import read_text
from rotator.domain.errors import InvalidInput, Problem

_LOOKS_LIKE_ONE: Final = re.compile(r"""^["']?kind["']?\s*:""", re.MULTILINE)
"""Seen without taking every policy file apart: there may be very many."""


def add_own_profiles(path: Path, plugins: Plugins) -> list[Problem]:
    """Make the profiles below ``path`` known; give what is wrong with those that cannot be. Policies are not read."""
    problems: list[Problem] = []
    try:
        files = policy_paths(path)
    except InvalidInput as error:
        # That there is no folder, or nothing in it, is no trouble here: then there are no profiles.
        return [problem for problem in error.problems if problem.file != path]
    for file in files:
        try:
            text = read_text(file)
            if _LOOKS_LIKE_ONE.search(text):
                plugins.add_profile(parse(text, file))
        except InvalidInput as error:
            problems += error.problems
    return problems
