"""The incident report as Markdown and as JSON: what lives comes first, and nothing breaks a table."""

from __future__ import annotations

import json
from datetime import timedelta

from rotator.domain.model import ConnectionName, Handle, SecretName, TokenName
from rotator.observe.incident import Fate, IncidentReport, OldToken, Related, SecretReport, Status, Written, as_data
from rotator.observe.incident_page import length, page
from tests.unit.domain.builders import NOON

HUB, APP = ConnectionName("hub"), SecretName("app")


def a_report(status=Status.CONTAINED, **changes):
    fields = {
        "id": "20260615-1200-ab12",
        "status": status,
        "began": NOON,
        "written_at": NOON + timedelta(minutes=3),
        "by": "alice",
        "reason": "laptop stolen",
        "again": "rotate now app --compromised",
    }
    return IncidentReport(**{**fields, **changes})


def an_old_token(fate=Fate.DEAD, **changes):
    fields = {
        "secret": APP,
        "issuer": HUB,
        "handle": Handle("t1"),
        "name": TokenName("app-abc"),
        "fate": fate,
        "proof": "refused" if fate is Fate.DEAD else None,
    }
    return OldToken(**{**fields, **changes})


def test_a_contained_incident_says_so_and_shows_each_proof():
    died = NOON + timedelta(minutes=2, seconds=5)
    token = an_old_token(died_at=died, exposed_for=died - NOON, last_used_at=NOON, last_use_asked_at=NOON)
    written = page(a_report(tokens=(token,)))
    assert "**CONTAINED: every old token is proven dead.**" in written
    assert "| t1 (app-abc) | - | 2026-06-15 12:00:00 UTC (asked 12:00:00) | dead | refused | " in written
    assert "2 min 5 s |" in written
    assert "Not proven dead" not in written
    assert "## Go on" not in written


def test_what_lives_comes_before_everything_else_with_the_command_that_goes_on():
    written = page(
        a_report(
            Status.NOT_CONTAINED,
            tokens=(an_old_token(), an_old_token(Fate.ALIVE, secret=SecretName("web"), proof=None)),
            secrets=(SecretReport(SecretName("web"), "ops", HUB, "refused", to_do="mend it", needs_person=True),),
        )
    )
    order = [
        written.index(text) for text in ("## Not proven dead", "## Needs a person", "## Go on", "## Every old token")
    ]
    assert order == sorted(order)
    assert "| web | ops | refused | mend it |" in written
    assert "```\nrotate now app --compromised\n```" in written


def test_a_token_that_nobody_adopted_and_one_that_nobody_could_try_are_told_apart():
    unknown = an_old_token(Fate.ALIVE, handle=None, name=None, known=False)
    untried = an_old_token(Fate.UNPROVEN, proof="unlisted")
    written = page(a_report(Status.NOT_CONTAINED, tokens=(unknown, untried)))
    assert "never adopted: not known here | it works until somebody deletes it" in written
    assert "taken for dead (unlisted); see at the issuer that it is gone" in written


def test_what_people_wrote_stays_in_its_cell():
    written = page(a_report(reason="pushed | to\ngit <b>"))
    assert "| Why | pushed \\| to git &lt;b> |" in written


def test_where_it_was_written_whether_the_earlier_value_is_gone_and_what_was_left_alone():
    places = (Written("vault path=a", "CONFIRMED", "done"), Written("env file=b", "CONFIRMED"))
    secret = SecretReport(APP, "", HUB, "rotated", new_handle=Handle("t2"), destinations=places)
    related = Related(SecretName("web"), "the same owner as app: ops")
    written = page(a_report(secrets=(secret,), related=(related,), advice=("Review its use.",)))
    assert "| app | vault path=a | CONFIRMED | t2 | done |" in written
    assert "| app | env file=b | CONFIRMED | t2 | - |" in written
    assert "rolled back to" not in written
    assert "- web: the same owner as app: ops" in written
    assert "- Review its use." in written


def test_a_store_that_could_be_rolled_back_to_a_dead_token_is_named_apart():
    place = Written("aws secret=a", "CONFIRMED", "it lacks `UpdateSecretVersionStage`")
    written = page(a_report(secrets=(SecretReport(APP, "", HUB, "rotated", destinations=(place,)),)))
    assert "- aws secret=a: it lacks `UpdateSecretVersionStage`" in written


def test_machines_get_the_same_with_times_in_iso_and_lengths_in_seconds():
    token = an_old_token(Fate.ALIVE, exposed_for=timedelta(seconds=90))
    data = json.loads(json.dumps(as_data(a_report(Status.INTERRUPTED, tokens=(token,)))))
    assert (data["status"], data["began"], data["is_contained"]) == ("interrupted", "2026-06-15T12:00:00+00:00", False)
    assert data["alive"] == data["tokens"]
    assert (data["tokens"][0]["fate"], data["tokens"][0]["exposed_for"]) == ("alive", 90.0)


def test_what_is_left_to_do_for_a_secret_keeps_an_incident_open():
    secret = SecretReport(APP, "", HUB, "withdrawn", to_do="again")
    assert not a_report(secrets=(secret,), tokens=(an_old_token(),)).is_contained
    assert a_report(tokens=(an_old_token(),)).is_contained


def test_lengths_are_written_as_people_say_them():
    seconds = (0, 45, 200, 7500)
    assert [length(timedelta(seconds=each)) for each in seconds] == ["less than 1 s", "45 s", "3 min 20 s", "2 h 5 min"]
