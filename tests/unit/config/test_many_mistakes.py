"""Mistakes beside one another: each is told in the same run, and nothing that only follows from another."""

from __future__ import annotations

import pytest

from rotator.config.policy_files import load
from rotator.domain.errors import InvalidInput
from tests.unit.config.small_plugins import small_plugins
from tests.unit.config.test_wrong_policies import A_DURATION, A_NAME

HIDING_NOTHING = {
    # what is wrong in the form of a policy, and what else is wrong with it: with a cousin, the issuer, the settings
    "a window": (
        {"schedule": "schedule: {every: 90 days, window: noon}"},
        ["3:44: this issuer does not offer", "4:14: policy `payments` writes to", "5:40: `window`: not a window"],
    ),
    "an unknown key": (
        {"colour": "colour: red"},
        ["3:44: this issuer does not offer", "4:14: policy `payments` writes to", "6:5: unknown key `colour`"],
    ),
    "no name": (
        {"name": None},
        ["2:5: `name` is missing", "2:44: this issuer does not offer", "3:14: policy `unnamed` writes to"],
    ),
    "a name that is taken": (
        {"name": "name: cousin"},
        [
            *("2:11: policy `cousin` is already defined", "3:44: this issuer does not offer"),
            "4:14: policy `cousin` writes to",
        ],
    ),
    "a taken name, and a bad cron line": (
        {"name": "name: cousin", "issuer": "issuer: {connection: acme}", "schedule": "schedule: {cron: daily}"},
        [
            *("2:11: policy `cousin` is already defined", "4:14: policy `cousin` writes to"),
            "5:22: `cron`: a cron line has five fields",
        ],
    ),
    "a token's name, and a host": (
        {
            "issuer": "issuer: {connection: acme, token_name: 5, expires_in: 120 days}",
            "verify": "verify: {http: {url: https://b.example/}}",
        },
        [
            *("3:44: `token_name`: must be text", "3:59: this issuer does not offer"),
            *("4:14: policy `payments` writes to", "6:26: `url`: the settings do not let"),
        ],
    ),
    "an expiry": (
        {"issuer": "issuer: {connection: acme, expires_in: soon, usr: bob}"},
        [
            *("3:44: `expires_in`: not a duration", "3:50: unknown key `usr`; did you mean `user`?"),
            "4:14: policy `payments` writes to",
        ],
    ),
    "one of the stores": (
        {"stores": "stores: [shelf, {connection: shelf, path: a}, {connection: shelf, pth: a}]"},
        [
            *("3:44: this issuer does not offer", "4:14: `stores[0]`: must be a mapping"),
            *("4:21: policy `payments` writes to", "4:51: `path` is missing", "4:71: unknown key `pth`"),
        ],
    ),
    "no issuer": (
        {"issuer": None, "overlap": "overlap: {at_most: 1 day}"},
        ["2:5: `issuer` is missing", "3:14: policy `payments`", "5:24: `at_most` only limits"],
    ),
}


@pytest.mark.parametrize(("keys", "expected"), HIDING_NOTHING.values(), ids=HIDING_NOTHING.keys())
def test_a_mistake_hides_no_other_mistake_of_its_policy(policy, keys, expected):
    usual = {
        "issuer": "issuer: {connection: acme, expires_in: 120 days}",
        "stores": "stores: [{connection: shelf, path: a}]",
    }
    folder = policy(**usual | keys).write(
        "a.yaml",
        """\
        policies:
          - {name: cousin, issuer: {connection: acme}, stores: [{connection: shelf, path: a}], schedule: never}
        """,
    )
    told = folder.problems()
    assert [line[: len(words)] for line, words in zip(told, [f"p.yaml:{each}" for each in expected], strict=True)] == [
        f"p.yaml:{each}" for each in expected
    ], told


FOLLOWING = {
    # what is wrong, of which something else would follow if it were concluded from what is left
    "a mistyped schedule": ({"schedule": "scheduel: never"}, "5:5: unknown key `scheduel`; did you mean `schedule`?"),
    "a schedule without a when": (
        {"schedule": "schedule: {every: soon}", "overlap": "overlap: {for: 200 days}"},
        f"5:23: `every`: {A_DURATION}",
    ),
    "what `at_most` limits": (
        {"overlap": "overlap: {until_unused_for: a while, at_most: 2 days}"},
        f"6:33: `until_unused_for`: {A_DURATION}",
    ),
    "a name that would be the token's": (
        {"name": "name: A-NAME-THAT-IS-FAR-TOO-LONG-FOR-A-TOKEN-OF-THIS-ISSUER"},
        f"2:11: `name`: not a name; {A_NAME}",
    ),
}


@pytest.mark.parametrize(("keys", "expected"), FOLLOWING.values(), ids=FOLLOWING.keys())
def test_nothing_is_concluded_from_what_is_wrong(policy, keys, expected):
    assert policy(**keys).problems() == [f"p.yaml:{expected}"]


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({}, ["for", "issuer", "token_name", "every"]),
        ({"issuer": "issuer: {connection: acme, expires_in: soon}"}, ["token_name", "for"]),
        ({"issuer": "issuer: {connection: acme, token_name: 5}"}, ["every", "for"]),
        ({"name": "name: Payments"}, ["every", "for"]),
        ({"name": "name: Payments", "issuer": "issuer: {connection: acme, token_name: a}"},
         ["issuer", "every", "for", "token_name"]),
        ({"schedule": "schedule: {every: 90 days, splay: 1 month}"}, ["issuer", "token_name", "for"]),
        ({"issuer": None}, []),
    ],
)  # fmt: skip
def test_what_only_holds_of_the_whole_is_not_told_of_the_rest(policy, keys, told):
    def refuse(_policy, _traits):
        for at in (("issuer",), ("issuer", "token_name"), ("schedule", "every"), ("overlap", "for")):
            yield at, f"judged: {at[-1]}", ""

    with pytest.raises(InvalidInput) as caught:
        load(policy(**keys).path, small_plugins(), check=refuse)
    judged = {each.what.removeprefix("judged: ") for each in caught.value.problems if "judged: " in each.what}
    assert judged == set(told)


@pytest.mark.parametrize(
    ("defaults", "expected"),
    [
        ("{schedule: {every: soon}, notify: [Ops]}", ["1:30: `every`", "1:46: `notify[0]`"]),
        ("{scheduel: never}", ["1:12: unknown key `scheduel`"]),
        ("never", ["1:11: `defaults`: must be a mapping"]),
        (
            "{schedule: {every: 90 days}, owner: 5, overlap: {at_most: 1 day}}",
            ["1:47: `owner`", "1:69: `at_most` only"],
        ),
    ],
)
def test_policies_are_not_told_of_what_is_wrong_with_their_defaults(connected, defaults, expected):
    text = f"defaults: {defaults}\npolicies:\n  - name: x\n    issuer: {{connection: acme}}\n"
    told = connected.write("p.yaml", f"{text}    stores: [{{connection: shelf, path: x}}]\n").problems()
    assert [line[: len(words) + 7] for line, words in zip(told, expected, strict=True)] == [
        f"p.yaml:{each}" for each in expected
    ], told


def test_wrong_limits_hide_nothing_else_of_their_connection(policy):
    folder = policy().write("x.yaml", "connections: {x: {provider: cabinet, limits: {rate: 1}, verify: no}}")
    assert [problem.partition(";")[0] for problem in folder.problems()] == [
        "x.yaml:1:18: `url` is missing",
        "x.yaml:1:53: `rate`: not a rate",
        "x.yaml:1:57: unknown key `verify`",
    ]
