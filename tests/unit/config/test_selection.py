"""SELECT: what a command is about, and that a typing error never selects nothing in silence."""

from __future__ import annotations

import pytest

from rotator.config.selection import Selection, select
from rotator.domain.errors import InvalidInput


@pytest.fixture
def policies(connected):
    connected.write("twin.yaml", "connections: {twin: {provider: cabinet, url: https://twin.example}}")
    return connected.write(
        "p.yaml",
        """
        defaults: {schedule: never}
        policies:
          - {name: payments-web, owner: ann, tags: [web, production], issuer: {connection: acme},
             stores: [{connection: shelf, path: a}]}
          - {name: payments-jobs, owner: bob, tags: [production], issuer: {connection: acme},
             stores: [{connection: shelf, path: b}, {connection: twin, path: b}]}
          - {name: reports, issuer: {connection: acme}, stores: [{connection: twin, path: c}]}
        """,
    ).load()


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(["reports"]), ["reports"]),
        (Selection(["payments-*"]), ["payments-web", "payments-jobs"]),
        (Selection(["reports", "*-web"]), ["payments-web", "reports"]),
        (Selection(everything=True), ["payments-web", "payments-jobs", "reports"]),
        (Selection(issuer="acme"), ["payments-web", "payments-jobs", "reports"]),
        (Selection(issuer="saas"), ["payments-web", "payments-jobs", "reports"]),
        (Selection(store="twin"), ["payments-jobs", "reports"]),
        (Selection(store="cabinet", tag="web"), ["payments-web"]),
        (Selection(tag="production", owner="bob"), ["payments-jobs"]),
        (Selection(["payments-*"], store="twin"), ["payments-jobs"]),
        (Selection(everything=True, owner="ann"), ["payments-web"]),
    ],
)
def test_names_and_options_narrow_each_other(policies, selection, expected):
    assert [policy.name for policy in select(policies, selection)] == expected


def test_a_command_that_changes_nothing_is_about_everything_by_default(policies):
    assert len(select(policies, Selection(), all_by_default=True)) == 3


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(), "nothing is selected; name what you mean, narrow it with options, or say --all"),
        (Selection(["report"]), "no policy is named `report`; did you mean `reports`?"),
        (
            Selection(["reports", "x-*"]),
            "no policy is named `x-*`; known: payments-jobs, payments-web, reports",
        ),
        (Selection(issuer="acne"), "--issuer: no policy has `acne`; did you mean `acme`?"),
        (Selection(store="acme"), "--store: no policy has `acme`; known: cabinet, shelf, twin"),
        (Selection(tag="prodution"), "--tag: no policy has `prodution`; did you mean `production`?"),
        (Selection(owner="eve"), "--owner: no policy has `eve`; known: ann, bob"),
        (
            Selection(["reports"], tag="web"),
            "nothing fits all that was asked for; ask for less: the options narrow each other",
        ),
    ],
)
def test_what_finds_nothing_is_an_error_that_helps(policies, selection, expected):
    with pytest.raises(InvalidInput) as caught:
        select(policies, selection)
    assert str(caught.value) == expected
