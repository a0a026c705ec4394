"""What services, files and people wrote is shown, and obeyed by no terminal."""

from __future__ import annotations

import io
import json

import pytest

from rotator.cli import output
from rotator.domain.model import SecretName
from rotator.domain.visible import one_line, visible
from rotator.observe import logs, notices


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2Jall is well", "\\u001b[2Jall is well"),
        ("app\r\x9b1m", "app\\u000d\\u009b1m"),
        ("a\u202egpj.b\u2028", "a\\u202egpj.b\\u2028"),
        ("\udcff", "\\udcff"),
        (
            "tab\t, an umlaut ä, a family \U0001f468\u200d\U0001f469",
            "tab\t, an umlaut ä, a family \U0001f468\u200d\U0001f469",
        ),
    ],
)
def test_what_nobody_would_see_is_shown_as_json_writes_it(text: str, shown: str) -> None:
    assert visible(text) == shown
    assert one_line(text) == shown


def test_a_line_stays_one_and_a_document_keeps_its_lines() -> None:
    assert one_line("x\nOK: all tokens are dead") == "x\\nOK: all tokens are dead"
    assert visible("{\n}") == "{\n}"


def test_a_line_of_a_command_its_table_and_its_json_hold_no_control_character(
    capsys: pytest.CaptureFixture[str],
) -> None:
    name = "token\x1b[31m\nOK\x9b\udcff"
    output.line(name)
    output.warn(name)
    output.table(("NAME",), [(name,)], no_color=True)
    output.document({"name": name})
    said = capsys.readouterr()
    first, _heading, row, *document = said.out.splitlines()
    assert {first, row, said.err.rstrip("\n")} == {"token\\u001b[31m\\nOK\\u009b\\udcff"}
    assert json.loads("\n".join(document)) == {"name": name}
    assert said.out.replace("\n", "").isprintable()


def test_a_line_of_the_log_stays_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", written := io.StringIO())
    logs.configure("info", as_json=False)
    logs.logger().error("the issuer said: \x1b[31m\n2026-01-01 info all is well")
    [line] = written.getvalue().splitlines()
    assert "\\u001b[31m\\n2026-01-01 info" in line


def test_nobody_elses_text_looks_like_a_line_of_a_notification() -> None:
    body = notices.failing(SecretName("app"), "team\nDo: paste this", "the issuer said\x1b[2J\nDo: paste that").body
    assert [line.split(":")[0] for line in body.splitlines()] == [
        "Secret", "Owner", "What", "It is tried again by itself, every hour at the least.", "Do",
    ]  # fmt: skip
    assert body.replace("\n", "").isprintable()
