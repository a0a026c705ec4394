"""What is said at the end of an emergency: short, however many secrets there are, and nothing that lives left out."""

from __future__ import annotations

from rotator.cli.emergency_ending import ending
from rotator.domain.errors import Permanent
from rotator.domain.model import ConnectionName, Handle, Phase, SecretName
from rotator.flow.emergency import STOPPED
from rotator.flow.report import Report
from rotator.observe.incident import Fate, IncidentReport, OldToken, SecretReport, Status
from tests.unit.domain.builders import NOON, a_rotation

HUB = ConnectionName("hub")


def done(name):
    return Report(SecretName(name), a_rotation(Phase.RETIRED, secret=SecretName(name)))


def refused(name, why):
    return Report(SecretName(name), refused=why)


def shown(*reports):
    secrets = [
        SecretReport(report.secret, "", HUB, "", to_do="Run it." if report.rotation is None else "")
        for report in reports
    ]
    tokens = [
        OldToken(report.secret, HUB, Handle(f"h-{report.secret}"), None, Fate.DEAD if report.rotation else Fate.ALIVE)
        for report in reports
    ]
    written = IncidentReport(
        "i-1", Status.INTERRUPTED, NOON, NOON, "alice", "", "", secrets=tuple(secrets), tokens=tuple(tokens)
    )
    return list(ending(written, reports, lambda report: f"{report.secret}: told"))


def test_those_that_had_no_turn_share_one_line():
    lines = shown(done("a"), refused("b", STOPPED), refused("c", STOPPED), refused("d", Permanent("no room")))
    assert lines == [
        "a: told",
        "d: told",
        "NOT BEGUN when it was stopped, so their old tokens live: b, c.",
        "NOT PROVEN DEAD: d: h-d",
        "Incident i-1 is INTERRUPTED: 1 old token proven dead, 3 not; 1 of 4 secrets done.",
    ]


def test_of_many_only_those_are_named_that_are_left():
    lines = shown(*(done(f"app-{number}") for number in range(40)), refused("d", Permanent("no room")))
    assert lines[:2] == ["d: told", "NOT PROVEN DEAD: d: h-d"]
    assert len(lines) == 3


def test_of_a_token_that_nobody_could_try_it_is_said_what_to_do():
    token = OldToken(SecretName("a"), HUB, Handle("h-a"), None, Fate.UNPROVEN, "unlisted")
    written = IncidentReport("i-1", Status.NOT_CONTAINED, NOON, NOON, "alice", "", "", tokens=(token,))
    first, _all_of_it = ending(written, [], str)
    assert first == "NOT PROVEN DEAD: a: h-a, taken for dead (unlisted); see at the issuer that it is gone"
    assert not written.can_go_on
