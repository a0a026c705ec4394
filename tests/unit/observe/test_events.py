"""Events as sentences. As a table of named cases."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

import rotator
from rotator.domain.model import Event, SecretName
from rotator.observe import events
from rotator.observe.events import sentence
from tests.unit.domain.builders import NOON

COMMIT = "0123456789abcdef0123456789abcdef01234567"

SENTENCES = {
    "asked for, with a reason": (
        ("opened", {"cause": "asked", "reason": "it was in a screenshot", "commit": None}),
        "rotation opened (asked): it was in a screenshot",
    ),
    "due, by policies from git": (
        ("opened", {"cause": "due", "reason": "", "commit": COMMIT}),
        "rotation opened (due), policies at 0123456789ab",
    ),
    "by policies that differ from the commit": (
        ("opened", {"cause": "due", "reason": "", "commit": f"{COMMIT}-dirty"}),
        "rotation opened (due), policies at 0123456789ab-dirty",
    ),
    "written": (
        ("written", {"destinations": ["vault path=a", "aws secret=b"], "failed": {}}),
        "written to vault path=a, aws secret=b",
    ),
    "written in part": (
        ("written", {"destinations": ["vault path=a"], "failed": {"aws secret=b": "AWS said no."}}),
        "written to vault path=a; failed: aws secret=b: AWS said no.",
    ),
    "written nowhere": (
        ("written", {"destinations": [], "failed": {"aws secret=b": "AWS said no."}}),
        "written nowhere; failed: aws secret=b: AWS said no.",
    ),
    "an overlap": (
        ("overlap", {"until": "2026-06-16T12:00:00+00:00"}),
        "the old token lives until 2026-06-16 12:00 UTC",
    ),
    "retired": (("retired", {"proof": {"a2": "refused"}}), "retired; proof of death: a2: refused"),
    "retired, when all were dead before": (("retired", {"proof": {}}), "retired; no old token was left to revoke"),
    "a trouble with a remedy": (
        ("trouble", {"what": "Vault is sealed.", "remedy": "Unseal it."}),
        "Vault is sealed. Unseal it.",
    ),
    "a trouble that nobody can do anything about": (("trouble", {"what": "It is busy.", "remedy": ""}), "It is busy."),
    "a lost token that was not found": (
        ("sought", {"name": "api-k3j4x2q", "found": None}),
        "looked for api-k3j4x2q, whose creation was not answered: none",
    ),
    "a kind of a later version": (("teleported", {"to": "the moon"}), "teleported"),
    "an event that lacks a field": (("issued", {}), "issued -"),
}


@pytest.mark.parametrize(("event", "words"), SENTENCES.values(), ids=SENTENCES)
def test_an_event_is_one_sentence(event: tuple[str, dict[str, object]], words: str) -> None:
    kind, detail = event
    assert sentence(Event(kind, SecretName("api"), NOON, "alice", detail=detail)) == words


def _nodes_of(*folders: str) -> Iterator[ast.AST]:
    for folder in folders:
        for module in (Path(rotator.__file__).parent / folder).rglob("*.py"):
            yield from ast.walk(ast.parse(module.read_text()))


def _texts(nodes: Iterable[ast.AST]) -> set[str]:
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def _kinds_written() -> Iterator[ast.expr]:
    """Give what is said of its kind where an event is written."""
    for node in _nodes_of("flow"):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Event":
            yield node.args[0]
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("work.record", "work.note"):
            yield node.args[1]


def test_every_event_has_its_sentence():
    written = _texts(part for kind in _kinds_written() for part in ast.walk(kind))
    assert len(written) > 25
    assert written <= set(events._SENTENCES)


def test_no_sentence_is_for_an_event_that_nobody_writes():
    assert set(events._SENTENCES) <= _texts(_nodes_of("flow", "domain"))
