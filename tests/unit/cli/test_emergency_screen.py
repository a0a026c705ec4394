"""What is shown before anything is rotated after a compromise: one screen, the urgent first."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from rotator.cli.emergency_screen import Screen
from rotator.cli.selecting import as_typed
from rotator.domain.contracts import IssuerTraits, StoreTraits
from rotator.domain.limits import Limits, Rate
from rotator.domain.model import Cause, ConnectionName, Handle, Mode, SecretName
from rotator.flow.blast_radius import Neighbour, Ring
from rotator.flow.estimate import Trip, estimate
from rotator.flow.incident import Incident
from rotator.flow.opening import Order
from rotator.flow.outlook import Account, Survey, foresee
from tests.unit.domain.builders import ISSUER, NOON, a_policy, a_rotation, a_secret, a_token

HUB = ConnectionName("issuer")


def an_outlook(name="api", mode=Mode.ROTATE_FIRST, traits=None, **secret):
    order = Order(a_policy(name=SecretName(name)), Cause.COMPROMISED, mode, since=NOON)
    current = a_token(f"current-{name}", created_at=NOON - timedelta(days=30), handle=Handle(f"h-{name}"))
    outlook = foresee(order, a_secret(**{"current": current, **secret}), Account(ISSUER, traits or IssuerTraits(), {}))
    return replace(outlook, stores=((ConnectionName("store"), StoreTraits()),))


def command(selection):
    return " ".join(["rotate now", *as_typed(selection), "--compromised --reason leak"])


def shown(*outlooks, neighbours=(), incident=None, takes=None):
    incident = incident or Incident("20260615-1200-ab12", NOON, "alice")
    takes = takes or estimate([], {}, 8)
    screen = Screen(incident, Survey(outlooks), takes, neighbours, NOON, command)
    return [*screen.heading(), *("  ".join(row) for row in screen.rows()), *screen.rest()]


def test_each_token_is_shown_with_its_handle_age_and_what_becomes_of_it():
    lines = shown(an_outlook())
    assert lines[0] == "COMPROMISED: 1 secret to rotate now, without overlap; 1 old token to be proven dead."
    assert lines[1] == "api  h-api  -  30d  issuer  store  replaced, then revoked"
    assert lines[2] == "  api → store path=prod/api"


def test_downtime_is_named():
    lines = shown(an_outlook(mode=Mode.REVOKE_FIRST))
    assert "REVOKED FIRST" in lines[1]
    assert lines[lines.index("DOWNTIME") + 1].startswith("  api: the old one is revoked first: consumers are refused")


def test_many_tokens_fit_on_one_screen_and_the_urgent_ones_come_first():
    lines = shown(*(an_outlook(f"app-{number}") for number in range(500)), an_outlook("last", current=None))
    assert len(lines) < 40
    assert lines[1:3] == ["Issuers: 501 issuer.", "Stores: 501 store."]
    assert lines[3].startswith("last  not known")
    assert "… and 481 more; `--json` tells all of them." in lines
    assert "NEEDS A PERSON" in lines


def test_what_is_the_same_of_many_is_said_once():
    names = [f"app-{number}" for number in range(10)]
    lines = shown(*(replace(an_outlook(name), in_the_way="the issuer allows 10 tokens and has 10") for name in names))
    assert [line for line in lines if "allows 10" in line] == [
        "  app-0, app-1, app-2, app-3, app-4, app-5, app-6, app-7 and 2 more: the issuer allows 10 tokens and has 10"
    ]


def test_a_store_that_does_not_answer_is_said_before_anything_is_tried():
    lines = shown(an_outlook("web"), replace(an_outlook(), unanswered="vault: Vault is sealed (503)."))
    assert "WAITS FOR A STORE" in lines[1]
    [heading] = [line for line in lines if line.startswith("A STORE DOES NOT ANSWER")]
    assert lines[lines.index(heading) + 1] == "  api: vault: Vault is sealed (503)."


def test_both_tokens_of_an_open_rotation_are_shown():
    opened = a_rotation(old=a_token("old", handle=Handle("h-old")), tokens=(a_token("new", handle=Handle("h-new")),))
    lines = shown(an_outlook(open=opened))
    assert [line.split()[0] for line in lines[1:4]] == ["api", "h-old", "h-new"]
    assert "  api: rotation rotation-1 is open (PLANNED); it is ended first, without overlap" in lines


def test_the_limits_say_how_long_it_takes_and_which_connection_decides():
    limits = {HUB: Limits(Rate(10, timedelta(minutes=1)), concurrency=2)}
    lines = shown(an_outlook(), takes=estimate([Trip({HUB: 97}, 97)], limits, 8))
    assert "  issuer: 97 requests at 10/min, 2 at a time: about 10 min 0 s" in lines
    assert "  All of it: about 10 min 0 s, if nothing goes wrong (issuer decides)." in lines


def test_what_may_have_got_out_too_is_named_with_the_command_for_it_alone():
    near = [
        Neighbour(a_policy(name=SecretName("web")), Ring.DOCUMENT, "vault path=a", SecretName("api")),
        Neighbour(a_policy(name=SecretName("ci")), Ring.OWNER, "ops@example.com", SecretName("api")),
    ]
    lines = shown(an_outlook(), neighbours=near)
    assert "  web: the same document (vault path=a); only these: rotate now web --compromised --reason leak" in lines
    assert (
        "  ci: the same owner (ops@example.com); "
        "only these: rotate now --owner ops@example.com --compromised --reason leak"
    ) in lines


def test_what_this_incident_has_done_before_is_said():
    done = [replace(an_outlook(name), done=a_rotation()) for name in ("web", "jobs")]
    incident = Incident("20260615-1200-ab12", NOON, "alice", declared=frozenset({SecretName("web")}))
    lines = shown(an_outlook(), *done, incident=incident)
    assert "goes on with incident 20260615-1200-ab12, declared 2026-06-15 12:00 UTC." in lines[1]
    assert lines[2].startswith("Replaced in it already, and so left alone: 2 secrets (")


def test_tokens_made_by_hand_are_asked_for():
    lines = shown(an_outlook(traits=IssuerTraits(by_hand=True, lists=False)))
    assert "by hand" in lines[1]
    assert any("`rotate provide api`" in line for line in lines)
