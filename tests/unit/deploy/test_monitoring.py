"""Alerts, dashboard and runbook speak of what there is: metrics of the real page, sections, messages of the program."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from rotator.flow.report import Outcome
from rotator.observe.metrics import ConnectionReading, Metrics, Reading, SecretReading
from tests.servers.process import require

ROOT: Final = Path(__file__).parents[3]
ALERTS: Final = ROOT / "deploy/prometheus/alerts.yaml"
DASHBOARD: Final = ROOT / "deploy/grafana/rotator.json"
RUNBOOK: Final = ROOT / "docs/runbook.md"
DOCUMENTS: Final = [RUNBOOK, ROOT / "docs/deploying.md"]

NOT_OURS: Final = {"instance", "le"}
"""Labels that Prometheus adds, or the format of histograms."""

RULES: Final = [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def expressions() -> dict[str, str]:
    of_alerts = {rule["alert"]: rule["expr"] for rule in RULES}
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return of_alerts | {
        f"{panel['title']} {target['refId']}": target["expr"] for panel in panels for target in panel["targets"]
    }


@pytest.fixture(scope="module")
def samples() -> dict[str, set[str]]:
    """Every name of the daemon's real page, with its labels."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    reading = Reading(
        now,
        [SecretReading("app", now, now + timedelta(days=1), now)],
        [ConnectionReading("hub", 1, 1, is_broken=False)],
        {"moving": 0, "waiting": 0, "stuck": 0},
    )
    metrics = Metrics(lambda: reading)
    metrics.outcome(Outcome.ROTATED)
    metrics.step("verify", timedelta(seconds=1))
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(metrics.page().decode()):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


@pytest.mark.parametrize("name", expressions())
def test_an_expression_asks_for_metrics_and_labels_that_there_are(name: str, samples: dict[str, set[str]]):
    expression = expressions()[name]
    asked = re.findall(r"\brotator_\w+", expression)
    assert asked
    assert [metric for metric in asked if metric not in samples] == []
    labels = {label.strip() for group in re.findall(r"\bby \(([^)]*)\)", expression) for label in group.split(",")}
    labels |= set(re.findall(r"(\w+)=~?\"", expression))
    known = set[str]().union(*(samples[metric] for metric in asked))
    assert labels <= known | NOT_OURS


def test_an_expression_names_states_and_outcomes_that_there_are():
    text = " ".join(expressions().values())
    assert set(re.findall(r'state="(\w+)"', text)) <= {"moving", "waiting", "stuck"}
    (outcomes,) = set(re.findall(r'outcome=~"([^"]+)"', text))
    assert set(outcomes.split("|")) <= {outcome.value for outcome in Outcome}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: file.name)
def test_a_document_names_metrics_that_there_are(document: Path, samples: dict[str, set[str]]):
    families = {re.sub(r"_(bucket|count|sum|created)$", "", name) for name in samples}
    named = set(re.findall(r"`(rotator_\w+)`", document.read_text()))
    assert named <= set(samples) | families


def test_every_metric_is_explained(samples: dict[str, set[str]]):
    text = (ROOT / "docs/deploying.md").read_text()
    ours = {re.sub(r"_(bucket|count|sum)$", "", name) for name in samples if not name.endswith("_created")}
    assert sorted(name for name in ours if f"`{name}`" not in text) == []


def anchors(document: Path) -> set[str]:
    """Give the anchors of a document's headings, as GitHub and GitLab make them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_alert_leads_to_its_section_of_the_runbook(rule: dict[str, Any]):
    assert rule["annotations"]["runbook"] == f"docs/runbook.md#{rule['alert'].lower()}"
    assert rule["alert"].lower() in anchors(RUNBOOK)
    assert rule["labels"]["severity"] in ("critical", "warning")


def test_every_section_about_an_alert_has_its_alert():
    sections = set(re.findall(r"^## (Rotator\w+)$", RUNBOOK.read_text(), re.MULTILINE))
    assert sections == {rule["alert"] for rule in RULES}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: file.name)
def test_every_link_leads_somewhere(document: Path):
    for path, _, anchor in (link.partition("#") for link in re.findall(r"\]\(([^)]+)\)", document.read_text())):
        goal = (document.parent / path).resolve() if path else document
        assert goal.exists(), path
        assert not anchor or anchor in anchors(goal), anchor


def quoted_messages() -> Iterator[str]:
    text = re.sub(r"```.*?```|`[^`]*`", "", RUNBOOK.read_text(), flags=re.DOTALL)
    for quote in re.findall(r'"([^"\n]+)"', text):
        yield from filter(None, (part.strip() for part in quote.split("…")))


@pytest.mark.parametrize("message", sorted(set(quoted_messages())))
def test_a_message_in_the_runbook_is_one_of_the_program(message: str):
    assert any(message in file.read_text() for file in (ROOT / "rotator").rglob("*.py"))


def test_the_alerts_fire_on_what_they_are_about_and_on_nothing_else():
    require(shutil.which("promtool") is not None, "promtool is missing (Debian: in the package prometheus)")
    tested = subprocess.run(
        ["promtool", "test", "rules", ROOT / "deploy/prometheus/alerts.test.yaml"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_a_panel_of_the_dashboard_overlaps_no_other():
    taken = set[tuple[int, int]]()
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
