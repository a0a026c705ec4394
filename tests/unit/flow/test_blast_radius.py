"""Which secrets may have got out together with a chosen one."""

from __future__ import annotations

from rotator.domain.contracts import Where
from rotator.domain.model import ConnectionName, IssuerRef, SecretName, Target
from rotator.flow.blast_radius import Ring, by_ring, neighbours
from tests.unit.domain.builders import a_policy


def in_vault(path: str = "prod/app", field: str = "token") -> Target:
    return Target(ConnectionName("vault"), {"path": path, "field": field, "create": True})


def a_secret_policy(name: str, *targets: Target, issuer: str = "", owner: str = ""):
    ref = IssuerRef(ConnectionName(issuer or f"issuer-of-{name}"))
    return a_policy(name=SecretName(name), targets=targets, issuer=ref, owner=owner)


def where(target: Target) -> Where:
    """Tell where a value lies as these stores' plug-ins would."""
    part = "var" if "var" in target.place else "field"
    named = {name: value for name, value in target.place.items() if name not in (part, "create")}
    return Where(str((target.connection, sorted(named.items()))), target.place.get(part))


def found(chosen, *others):
    return {str(each.policy.name): (each.ring, each.shared) for each in neighbours([chosen], [chosen, *others], where)}


def test_another_field_of_the_same_document_is_the_nearest():
    leaked = a_secret_policy("leaked", in_vault(field="a"), issuer="hub", owner="us")
    other = a_secret_policy("other", in_vault(field="b"), issuer="hub", owner="us")
    assert found(leaked, other) == {"other": (Ring.DOCUMENT, "vault path=prod/app")}


def test_variables_of_one_file_or_app_are_one_document():
    places = [Target(ConnectionName("env"), {"file": "/srv/.env", "var": var}) for var in ("A", "B")]
    assert found(a_secret_policy("leaked", places[0]), a_secret_policy("other", places[1])) == {
        "other": (Ring.DOCUMENT, "env file=/srv/.env")
    }


def test_the_same_path_in_another_store_is_another_document():
    there = Target(ConnectionName("vault-2"), {"path": "prod/app", "field": "b"})
    assert found(a_secret_policy("leaked", in_vault()), a_secret_policy("other", there)) == {}


def test_each_is_named_once_with_what_is_nearest():
    leaked = a_secret_policy("leaked", in_vault(), issuer="hub", owner="us")
    assert found(
        leaked,
        a_secret_policy("same-store", in_vault("b")),
        a_secret_policy("same-owner", in_vault("c"), owner="us"),
        a_secret_policy("same-issuer", in_vault("d"), owner="us", issuer="hub"),
        a_secret_policy("stranger"),
    ) == {
        "same-issuer": (Ring.ISSUER, "hub"),
        "same-owner": (Ring.OWNER, "us"),
        "same-store": (Ring.STORE, "vault"),
    }


def test_nobody_in_particular_is_no_owner():
    assert found(a_secret_policy("leaked"), a_secret_policy("other")) == {}


def test_the_neighbours_of_neighbours_are_not_among_them():
    leaked = a_secret_policy("leaked", issuer="hub")
    near = a_secret_policy("near", issuer="hub", owner="us")
    assert set(found(leaked, near, a_secret_policy("far", owner="us"))) == {"near"}


def test_they_come_by_ring_the_nearest_first():
    leaked = a_secret_policy("leaked", in_vault(), issuer="hub")
    near = neighbours(
        [leaked],
        [a_secret_policy("b", in_vault("x")), a_secret_policy("a", issuer="hub"), a_secret_policy("c", in_vault())],
        where,
    )
    assert [(ring, [str(each.policy.name) for each in some]) for ring, some in by_ring(near).items()] == [
        (Ring.DOCUMENT, ["c"]),
        (Ring.ISSUER, ["a"]),
        (Ring.STORE, ["b"]),
    ]


def test_who_read_a_credential_of_ours_may_have_what_it_makes_and_what_it_stores():
    leaked = a_secret_policy("leaked", in_vault("rotator/hub", "other"))
    made = a_secret_policy("made", issuer="hub", owner="us")
    stored = a_secret_policy("stored", Target(ConnectionName("safe"), {"path": "x"}))
    stranger = a_secret_policy("stranger", issuer="other")
    place = in_vault("rotator/hub", "token")
    credentials = {ConnectionName("hub"): [place], ConnectionName("safe"): [in_vault("elsewhere"), place]}
    near = neighbours([leaked], [leaked, stranger, stored, made], where, credentials)
    assert [(str(each.policy.name), each.ring, each.shared) for each in near] == [
        ("made", Ring.CREDENTIAL, "vault path=rotator/hub, read by hub"),
        ("stored", Ring.CREDENTIAL, "vault path=rotator/hub, read by safe"),
    ]
