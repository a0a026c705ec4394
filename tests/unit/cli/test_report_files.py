"""Reports in files: refused before anything is done where they cannot be written, and never half written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rotator.cli import report_files
from rotator.cli.context import Context
from rotator.cli.reporting import conclude
from rotator.domain.errors import InvalidInput
from rotator.domain.model import Phase, SecretName
from rotator.flow.report import Report
from tests.unit.domain.builders import a_rotation, a_token


@pytest.mark.parametrize(
    ("file", "problem"),
    [("report.txt", "a report is .md or .json"), ("nowhere/report.md", "no such folder"), ("folder.md", "a folder")],
)
def test_a_file_that_cannot_be_a_report_is_refused(tmp_path, file, problem):
    (tmp_path / "folder.md").mkdir()
    with pytest.raises(InvalidInput, match=problem):
        report_files.refuse_unwritable([tmp_path / "good.md", tmp_path / file], *report_files.SUFFIXES)


def test_a_place_where_nothing_can_be_written_is_refused():
    with pytest.raises(InvalidInput, match="cannot be written: No such file or directory; name a file that can be"):
        report_files.refuse_unwritable([Path("/proc/report.json")], ".json")


def test_an_earlier_report_stays_until_there_is_another(tmp_path):
    earlier = tmp_path / "a.json"
    earlier.write_text("{}")
    report_files.refuse_unwritable([earlier, tmp_path / "b.json"], ".json")
    assert (earlier.read_text(), list(tmp_path.iterdir())) == ("{}", [earlier])


@pytest.mark.parametrize("as_json", [True, False])
def test_a_report_that_could_not_be_written_in_the_end_is_yet_to_be_done(capsys, as_json):
    rotated = Report(SecretName("api"), a_rotation(Phase.RETIRED, old=a_token("old")))
    session = Context({}, as_json=as_json, no_color=True)
    assert conclude(session, [rotated]) == 0
    assert conclude(session, [rotated], ["The report could not be written."]) == 4
    said = capsys.readouterr().err
    assert (json.loads(said)["text"] if as_json else said.strip()) == "The report could not be written."


def test_the_suffix_says_what_is_written_and_only_the_owner_may_read_it(tmp_path):
    page, data = tmp_path / "a.md", tmp_path / "b.json"
    page.write_text("an earlier one")
    page.chmod(0o644)
    assert report_files.write([page, data], {"secrets": []}, lambda: "# Incident") == []
    assert page.read_text() == "# Incident\n"
    assert json.loads(data.read_text()) == {"secrets": []}
    assert {file.stat().st_mode & 0o777 for file in (page, data)} == {0o600}
    assert {file.name for file in tmp_path.iterdir()} == {"a.md", "b.json"}


def test_what_cannot_be_written_leaves_the_earlier_one_whole_and_is_said(tmp_path, monkeypatch):
    file = tmp_path / "a.md"
    file.write_text("an earlier one")

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    [failure] = report_files.write([file], {}, lambda: "# Incident")
    assert "No space left on device" in failure
    assert file.read_text() == "an earlier one"
    assert [each.name for each in tmp_path.iterdir()] == ["a.md"]
