"""The audit as a whole: what it asks, what it leaves alone, and that nothing keeps it from telling the rest."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace

from sqlalchemy import event

from rotator.domain.model import ConnectionName, IssuerRef
from tests.fakes.memory_store import MemoryPlace
from tests.fakes.scripted import broken, unavailable
from tests.fakes.world import A_DAY, ENV_FILE, HEROKU, SECRETS_MANAGER, VAULT, World
from tests.unit.flow.audit.auditing import audited, kinds, only

EVERY_STORE = {"vault": VAULT, "aws": SECRETS_MANAGER, "file": ENV_FILE, "heroku": HEROKU}


def calls(world: World) -> set[str]:
    scripts = [world.issuer_fake.script, *(store.script for store in world.stores.values())]
    return {call for script in scripts for call in script.calls}


def forget_calls(world: World) -> None:
    for script in [world.issuer_fake.script, *(store.script for store in world.stores.values())]:
        script.calls.clear()


def dump(world: World) -> list[str]:
    with closing(sqlite3.connect(world.folder / "ledger.db")) as connection:
        return list(connection.iterdump())


def in_a_bad_way(world: World) -> None:
    """Leave something of every kind that a later run, or a person, would act on."""
    for name in ("drifted", "late", "overlapping"):
        world.adopt(name)
    world.worker().rotate("overlapping", overlap=A_DAY)
    world.clock.move(days=100)
    world.stores["vault"].put_by_hand("drifted", "sk_a-value-of-somebody-else")
    world.issuer_fake.make_by_hand("nobodys")
    world.issuer_fake.make_by_hand("late-k3j4x2q")
    world.issuer_fake.revoke_by_hand(world.secret("late").current.handle)


def test_it_touches_nothing_whatever_it_finds(make_world):
    world = make_world(stores=EVERY_STORE, secrets=("drifted", "late", "overlapping", "never-adopted"))
    in_a_bad_way(world)
    alive, before = world.alive(), dump(world)
    held = {name: world.stores[name].holds("drifted") for name in EVERY_STORE}
    forget_calls(world)
    found = set(kinds(audited(world)))
    assert found >= {"drift", "ended", "nobodys", "orphan", "outlived", "not-adopted", "overdue"}
    assert calls(world) == {"tokens", "current"}
    assert world.alive() == alive
    assert {name: world.stores[name].holds("drifted") for name in EVERY_STORE} == held
    assert dump(world) == before


def test_the_gravest_comes_first(make_world):
    world = make_world(stores=EVERY_STORE, secrets=("drifted", "late", "overlapping", "never-adopted"))
    in_a_bad_way(world)
    weights = [str(finding.weight) for finding in audited(world).findings]
    assert weights == sorted(weights, key=["urgent", "warning", "note"].index)


def test_an_account_is_asked_once_however_many_secrets_it_serves(make_world):
    names = tuple(f"app-{number}" for number in range(30))
    world = make_world(secrets=names)
    for name in names:
        world.adopt(name)
    forget_calls(world)
    result = audited(world)
    assert (result.accounts, result.tokens, result.places, result.findings) == (1, 30, 30, ())
    assert world.issuer_fake.script.calls == ["tokens"]


def test_the_ledger_is_asked_as_often_for_many_secrets_as_for_one(make_world):
    def statements(world: World) -> int:
        counted: list[str] = []
        engine = world.ledger._database.engine
        note = lambda *arguments: counted.append(arguments[2])  # noqa: E731
        event.listen(engine, "before_cursor_execute", note)
        audited(world)
        event.remove(engine, "before_cursor_execute", note)
        return len(counted)

    names = tuple(f"app-{number}" for number in range(20))
    world = make_world(secrets=names)
    world.adopt("app-0")
    world.worker().rotate("app-0", overlap=A_DAY)
    one = statements(world)
    for name in names[1:]:
        world.adopt(name)
        world.worker().rotate(name, overlap=A_DAY)
    assert statements(world) == one


def test_accounts_of_one_connection_are_asked_apart(make_world):
    world = make_world(secrets=("app", "other"))
    world.policies["other"] = replace(
        world.policies["other"], issuer=IssuerRef(ConnectionName("issuer"), {"user": "bob"})
    )
    world.adopt("app")
    world.adopt("other")
    stranger = world.issuer_fake.make_by_hand("nobodys")
    result = audited(world)
    assert result.accounts == 2
    assert only(result).token.handle == stranger.handle, "told once, though both lists have it"


def test_only_what_was_chosen_is_looked_at_and_others_tokens_are_no_strangers(make_world):
    world = make_world(secrets=("app", "other"))
    world.adopt("app")
    world.adopt("other")
    world.stores["vault"].put_by_hand("other", "sk_a-value-of-somebody-else")
    result = audited(world, "app")
    assert (result.findings, result.places, result.tokens) == ((), 1, 2)


def test_an_issuer_that_is_down_is_a_finding_and_stops_nothing(make_world):
    world = make_world(secrets=("app", "other"))
    world.adopt("app")
    world.issuer_fake.script.fail("tokens", unavailable())
    assert kinds(audited(world)) == ["not-asked", "not-adopted"]


def test_a_bug_in_a_plug_in_is_a_finding_without_its_message(world):
    world.adopt()
    world.issuer_fake.script.fail("tokens", broken(KeyError("sk_a-value-in-an-error")))
    found = only(audited(world))
    assert found.kind == "not-asked"
    assert "KeyError, which is a bug" in found.what


def test_a_secret_that_is_rotated_meanwhile_is_not_judged_by_what_was_seen_of_it(world):
    world.adopt()
    rotated: list[str] = []

    def rotate(moment: str) -> None:
        if moment == "after vault.current" and not rotated:
            rotated.append(moment)
            world.worker().rotate()

    world.hook = rotate
    result = audited(world)
    assert rotated
    assert result.findings == ()
    assert result.moved == {"app"}
    assert audited(world).moved == frozenset()


def test_a_history_that_was_changed_is_the_gravest(make_world):
    world = make_world(secrets=("app", "other"))
    world.adopt("app")
    world.adopt("other")
    with closing(sqlite3.connect(world.folder / "ledger.db")) as connection:
        for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {trigger}")
        connection.execute("UPDATE events SET actor = 'mallory' WHERE secret = 'app'")
        connection.commit()
    found = only(audited(world))
    assert (found.kind, found.weight, found.secret) == ("tampered", "urgent", "app")
    assert only(audited(world, "app")) == found
    assert audited(world, "other").findings == ()


def test_no_value_is_kept_of_what_was_read(world):
    value = world.adopt()
    seen = repr(audited(world))
    assert value not in seen
    assert world.stores["vault"].current(MemoryPlace(name="app")).value.reveal() == value
