"""Every command that we name exists: in the documents, and in the remedies that the program itself gives."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.unit.cli.commands_page import commands, global_options, page

ROOT: Final = Path(__file__).parents[3]
DOCUMENTS: Final = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
SOURCES: Final = [
    file for folder in ("rotator", "providers", "deploy", "policies") for file in (ROOT / folder).rglob("*.*")
]

NAMED: Final = re.compile(r"`rotate ([a-z-][^`]*)`")
TYPED: Final = re.compile(r"^(?:\$ |#? *\w+=\S+ )?rotate +(?!\[)([a-z-].*)$", re.MULTILINE)
FENCED: Final = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def mentions(file: Path) -> Iterator[str]:
    """Give what stands behind ``rotate`` in code spans and fenced blocks."""
    text = file.read_text(encoding="utf-8")
    yield from NAMED.findall(text)
    if file.suffix == ".md":
        for block in FENCED.findall(text):
            yield from TYPED.findall(block)


def unknown(mention: str) -> str | None:
    """Say what in ``now NAME --yes`` does not exist, or None."""
    words = shlex.split(re.split(r" [>|#] ?|\s#|; ", mention)[0].replace("'", ""))
    every = {name for option in global_options() for name in option.opts}
    while words and words[0].startswith("--"):
        option = words.pop(0).partition("=")[0]
        if option not in every:
            return option if option != "--help" else None
        if option in ("--policies", "--ledger", "--log-level"):
            words = words[1:]
    if not words:
        return None
    command = commands().get(words[0])
    if command is None:
        return words[0]
    known = every | {name for parameter in command.params for name in parameter.opts}
    options = [word.partition("=")[0].rstrip(".,:;)") for word in words[1:] if word.startswith("-")]
    return next((option for option in options if option not in known), None)


def test_every_command_that_a_document_names_exists() -> None:
    wrong = [
        f"{file.relative_to(ROOT)}: `rotate {each}`" for file in DOCUMENTS for each in mentions(file) if unknown(each)
    ]
    assert wrong == []


def test_every_command_that_the_program_advises_exists() -> None:
    files = [file for file in SOURCES if file.suffix in (".py", ".yaml", ".hcl", ".json")]
    wrong = [f"{file.relative_to(ROOT)}: `rotate {each}`" for file in files for each in mentions(file) if unknown(each)]
    assert wrong == []


@pytest.mark.parametrize(
    ("mention", "wrong"),
    [
        ("now NAME --compromised --yes", None),
        ("--policies policies/sandbox.yaml now sandbox-app", None),
        ("schema > policies/schema.json", None),
        ("plan                # what is due, and why", None),
        ("status --json", None),
        ("now NAME --forc", "--forc"),
        ("--polices x now", "--polices"),
        ("rotat", "rotat"),
    ],
)
def test_the_search_tells_what_exists_from_what_does_not(mention: str, wrong: str | None) -> None:
    assert unknown(mention) == wrong


def test_the_documents_are_really_searched() -> None:
    found = [each.split()[0] for file in DOCUMENTS for each in mentions(file)]
    assert {"adopt", "check", "plan", "now", "run", "status", "history", "resume", "init"} <= set(found)


def test_the_page_of_all_commands_says_what_the_program_says() -> None:
    written = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert written.rstrip() == page().rstrip(), (
        "write it anew: python -m tests.unit.cli.commands_page > docs/commands.md"
    )
