"""The drill: a hundred tokens got out, on real servers, with things broken as they are at night.

One store does not answer, one account is full, two tokens are made by hand, three rotations are open in their overlap.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.drill import Drill, Spec
from tests.acceptance.drill_setting import REASON, at_once, drill
from tests.servers.jupyterhub import JupyterHub
from tests.servers.moto import Moto
from tests.servers.openbao import OpenBao
from tests.servers.sandbox import StartSandbox

EVERYTHING = at_once("--all")
SOME = 10
OPEN = ("hub-00", "bao-01", "web-08")


@pytest.fixture
def night(
    tmp_path: Path, jupyterhub: JupyterHub, openbao: OpenBao, moto: Moto, start_sandbox: StartSandbox
) -> Iterator[Drill]:
    with drill(tmp_path, jupyterhub, openbao, moto, start_sandbox) as made:
        yield made


def test_a_hundred_tokens_got_out_and_in_the_end_each_is_proven_dead(night: Drill) -> None:
    assert len(night.specs) > 100
    leaked_too = begin_some(night)
    forgotten = night.sandboxes["full"].issue("forgotten")
    night.link.cut()
    left = [spec.name for spec in night.specs if spec.issuer in ("full", "dashboard") or "far" in spec.stores]

    first = night.desk.json(*EVERYTHING, code=4)
    foresaw_what_is_in_the_way(first.events[0])
    assert night.alive() == left
    assert [name for name, value in leaked_too.items() if night.accepts(name, value)] == []
    report = night.report()
    assert report == first.document["incident"]
    assert (report["status"], report["reason"]) == ("not contained", REASON)
    assert [token["secret"] for token in report["alive"]] == left
    says_what_to_do(report, night.page())

    what_the_person_does(night, report, forgotten["id"])
    said = night.desk.rotate(*EVERYTHING).out
    assert f"This goes on with incident {report['id']}" in said
    assert f"Replaced in it already, and so left alone: {len(night.specs) - len(left)} secrets" in said
    count, secrets = len(night.specs) + len(OPEN), len(night.specs)
    assert f"CONTAINED: {count} old tokens proven dead, 0 not; {secrets} of {secrets} secrets done." in said
    night.is_whole()
    proves_each_death(night.report(), count)
    assert "**CONTAINED: every old token is proven dead.**" in night.page()
    assert night.desk.json("audit").document["exit_code"] == 0


def begin_some(night: Drill) -> dict[str, str]:
    """Rotate some as on any day: their old tokens live on in the overlap. Gives the new ones, which get out, too."""
    night.desk.rotate("now", *OPEN, "--yes")
    assert set(OPEN) <= set(night.alive())
    return {name: night.in_use(name) for name in OPEN}


def foresaw_what_is_in_the_way(plan: dict[str, Any]) -> None:
    assert plan["event"] == "plan"
    for secret in plan["secrets"]:
        name = secret["secret"]
        assert len(secret["old"]) == (2 if name in OPEN else 1)
        assert ("allows 6 tokens and has 6" in (secret["in_the_way"] or "")) == name.startswith("full")
        assert ("Vault" in (secret["unanswered"] or "")) == name.startswith("far")
        assert (f"`rotate provide {name}`" in (secret["needs"] or "")) == name.startswith("manual")
        assert ("both its tokens die" in " ".join(secret["notes"])) == (name in OPEN)
    assert plan["eta_seconds"] > 0


def says_what_to_do(report: dict[str, Any], page: str) -> None:
    to_do = {secret["secret"]: secret["to_do"] for secret in report["secrets"] if secret["to_do"]}
    assert set(to_do) == {token["secret"] for token in report["alive"]}
    assert f"rotate now full-0 --compromised --reason '{REASON}'" in to_do["full-0"]
    assert "with DOWNTIME: `rotate now full-0 --compromised --revoke-first" in to_do["full-0"]
    assert to_do["far-0"].startswith("far path=far-0 field=far_0: Vault at 127.0.0.1")
    assert "https://dashboard.example/tokens (New token)" in to_do["manual-0"]
    assert "rotate " + " ".join(EVERYTHING).replace(REASON, f"'{REASON}'") in page
    assert page.index("## Not proven dead") < page.index("## Needs a person") < page.index("## Every old token")


def what_the_person_does(night: Drill, report: dict[str, Any], forgotten: str) -> None:
    """Delete what nobody uses, get the store back, make the tokens that were asked for, and delete the old ones."""
    night.sandboxes["full"].request("DELETE", f"/v1/tokens/{forgotten}")
    night.link.mend()
    dashboard = night.sandboxes["dashboard"]
    for secret in report["secrets"]:
        if secret["issuer"] != "dashboard":
            continue
        name = secret["secret"]
        asked_for = re.search("exactly this name: `([^`]+)`", secret["to_do"])
        assert asked_for
        value = dashboard.issue(asked_for[1])["token"]
        said = night.desk.rotate("provide", name, "--stdin", given=f"{value}\n", code=4).out
        assert f"somebody has to delete {name}-made-long-ago there" in said
        [old] = [handle for handle, held in dashboard.live_values().items() if held == night.old[name]]
        dashboard.request("DELETE", f"/v1/tokens/{old}")


def proves_each_death(report: dict[str, Any], count: int) -> None:
    began, written_at = (datetime.fromisoformat(report[moment]) for moment in ("began", "written_at"))
    assert report["status"] == "contained"
    assert len(report["tokens"]) == count
    for token in report["tokens"]:
        assert (token["fate"], token["proof"]) == ("dead", "refused")
        died_at = datetime.fromisoformat(token["died_at"])
        assert began <= died_at <= written_at
        assert abs(token["exposed_for"] - (died_at - began).total_seconds()) <= 1
        tells = token["issuer"] in ("hub", "web", "full")
        assert (token["last_used_at"] is not None) == (token["last_use_asked_at"] is not None) == tells
    for secret in report["secrets"]:
        assert (secret["outcome"], secret["to_do"]) == ("rotated", "")
        for place in secret["destinations"]:
            assert place["state"] == "CONFIRMED"
            assert place["put_away"] == (None if place["target"].startswith("env ") else "done")


def is_never_lost(spec: Spec) -> bool:
    """Choose half of those whose old value a kill cannot take: it stays in a version of a document."""
    keeps_versions = spec.issuer in ("hub", "tokens", "web") and spec.stores != ("env",)
    return keeps_versions and int(spec.name.partition("-")[2]) % 4 in (0, 1)


@pytest.fixture
def calm(
    tmp_path: Path, jupyterhub: JupyterHub, openbao: OpenBao, moto: Moto, start_sandbox: StartSandbox
) -> Iterator[Drill]:
    """Nothing is broken, so all that is left undone is for the interruptions."""
    with drill(tmp_path, jupyterhub, openbao, moto, start_sandbox, is_never_lost) as made:
        yield made


def test_stopped_and_killed_in_the_middle_it_goes_on_to_the_same_end(calm: Drill) -> None:
    run = calm.desk.start(*EVERYTHING)
    for _ in range(SOME):
        run.until("retired")
    run.send(signal.SIGINT)
    stopped = run.ends(4).document["incident"]
    assert stopped["status"] == calm.report()["status"] == "interrupted"
    assert stopped["again"] == "rotate " + " ".join(EVERYTHING).replace(REASON, f"'{REASON}'")
    alive = calm.alive()
    untouched = {secret["secret"] for secret in stopped["secrets"] if "stopped before its turn" in secret["to_do"]}
    assert untouched
    assert untouched <= set(alive)
    done = {name: calm.in_use(name) for name in calm.names if name not in alive}
    assert len(done) >= SOME

    run = calm.desk.start(*EVERYTHING)
    for _ in range(SOME):
        run.until("published")
    run.send(signal.SIGKILL)
    run.ends(-signal.SIGKILL)
    assert calm.report()["status"] == "under way"
    alive = calm.alive()
    done |= {name: calm.in_use(name) for name in calm.names if name not in alive}

    ended = calm.desk.json(*EVERYTHING)
    report = ended.document["incident"]
    assert report["id"] == stopped["id"]
    proves_each_death(report, len(calm.specs))
    calm.is_whole()
    assert {name: calm.in_use(name) for name in done} == done, "what was done is not rotated twice"
    taken_up = [each["secret"] for each in report["secrets"] if len(each["rotations"]) > 1]
    assert taken_up == [], "what was begun is finished, and not begun anew"
    assert calm.desk.json("audit").document["exit_code"] == 0
