"""What the ledger shows an audit: all that may live, and of the dead only what was found again outside."""

from __future__ import annotations

from dataclasses import replace

from rotator.domain.model import (
    ConnectionName,
    Fingerprint,
    Handle,
    IssuerRef,
    Phase,
    Proof,
    SecretName,
    TokenId,
    TokenName,
    TokenState,
)
from rotator.ledger.ledger import Ledger
from rotator.ledger.picture import Sought
from tests.integration.ledger.builders import (
    HAPPY_PATH,
    NAME,
    NOW,
    a_rotation,
    a_token,
    an_event,
    begun,
    finished,
    moved_to,
    with_new_token,
)

OTHER = SecretName("other")
DEAD = {"state": TokenState.DEAD, "proof": Proof.UNLISTED, "ended_at": NOW}


def rotated(ledger: Ledger, proof: Proof = Proof.UNLISTED) -> None:
    """Adopt a token, and rotate it: the old one is dead."""
    old = a_token("old", handle=Handle("1"), name=TokenName("by hand"), fingerprint=Fingerprint("f1"))
    ledger.adopt(old, an_event("adopted"))
    opened, lease = begun(ledger, a_rotation(old=old))
    issued = ledger.record(lease, opened, with_new_token(opened, a_token("new", handle=Handle("2"))), an_event())
    confirmed = moved_to(ledger, lease, issued, *HAPPY_PATH[:-1])
    buried = replace(confirmed, old=replace(old, **DEAD | {"proof": proof}))
    moved_to(ledger, lease, ledger.record(lease, confirmed, buried, an_event()), HAPPY_PATH[-1])


def ids(ledger: Ledger, **sought: set[str]) -> set[TokenId]:
    return {known.token.id for known in ledger.picture(Sought(**sought)).tokens}


def test_an_empty_ledger_shows_nothing(ledger: Ledger) -> None:
    shown = ledger.picture()
    assert (shown.secrets, shown.in_force, shown.tokens, shown.weak_deaths) == ((), {}, (), ())


def test_a_dead_token_is_shown_when_it_was_found_by_handle_name_or_fingerprint(ledger: Ledger) -> None:
    rotated(ledger)
    assert ids(ledger) == {"new"}
    assert ids(ledger, handles={"1"}) == ids(ledger, names={"by hand"}) == ids(ledger, fingerprints={"f1"})
    assert ids(ledger, handles={"1"}) == {"old", "new"}
    assert ids(ledger, handles={"3"}, names={"f1"}, fingerprints={"1"}) == {"new"}


def test_a_token_comes_with_the_connection_that_it_was_asked_of(ledger: Ledger) -> None:
    rotated(ledger)
    shown = ledger.picture(Sought(handles={Handle("1")}))
    assert {known.token.id: known.connection for known in shown.tokens} == {"new": "hub", "old": None}


def test_an_adopted_token_comes_with_the_issuer_at_which_it_was_adopted(ledger: Ledger) -> None:
    """Also when the rotation that it is left with ends a token of another issuer."""
    rotated(ledger)
    here, there = IssuerRef(ConnectionName("hub"), {"user": "alice"}), IssuerRef(ConnectionName("forge"))
    by_hand = a_token("adopted-1", secret=OTHER)
    ledger.adopt(by_hand, an_event("adopted", secret=OTHER), issuer=here)
    replaced, adopted = ledger.secret(NAME).current, a_token("adopted-2", handle=Handle("3"))
    ended_by = a_rotation("20260105-2222bbbb", phase=Phase.CONFIRMED, old=replaced, tokens=(adopted,))
    ledger.adopt(adopted, an_event("adopted"), ended_by, there)
    shown = ledger.picture()
    assert {known.token.id: known.connection for known in shown.tokens} == {
        "adopted-1": "hub", "adopted-2": "forge", "new": "hub",
    }  # fmt: skip
    assert shown.made_through == {OTHER: here, NAME: there}
    assert (ledger.made_through(by_hand.id), ledger.made_through(adopted.id)) == (here, there)
    assert {token.id for token in ledger.tokens_of_issuer(there.connection)} == {"adopted-2"}
    assert {token.id for token in ledger.tokens_of_issuer(here.connection)} == {"adopted-1", "new"}


def test_the_rotation_that_brought_the_token_in_force_is_shown_and_no_other(ledger: Ledger) -> None:
    rotated(ledger)
    finished(ledger, a_rotation("20260105-2222bbbb", old=ledger.secret(NAME).current), a_token("newer"))
    ledger.adopt(a_token("by hand", secret=OTHER), an_event("adopted", secret=OTHER))
    shown = ledger.picture()
    assert {name: rotation.id for name, rotation in shown.in_force.items()} == {NAME: "20260105-2222bbbb"}
    assert [secret.name for secret in shown.secrets] == [OTHER, NAME]
    assert list(shown.secrets) == ledger.secrets()


def test_deaths_that_nobody_could_try_are_counted(ledger: Ledger) -> None:
    rotated(ledger)
    [deaths] = ledger.picture().weak_deaths
    assert (deaths.secret, deaths.proof, deaths.count, deaths.last) == (NAME, Proof.UNLISTED, 1, NOW)


def test_a_death_that_was_tried_is_not_among_them(ledger: Ledger) -> None:
    rotated(ledger, Proof.REFUSED)
    assert ledger.picture().weak_deaths == ()


def test_chains_of_several_secrets_are_checked_together(ledger: Ledger) -> None:
    rotated(ledger)
    ledger.adopt(a_token("by hand", secret=OTHER), an_event("adopted", secret=OTHER))
    assert ledger.broken_links(NAME, OTHER) == []
