"""What policy files say of one another, and cannot all be so: names, places, quotas, files that are broken."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("policy: []", "x.yaml:1:1: unknown key `policy`; did you mean `policies`?"),
        ("- name: x", "x.yaml:1:1: a policy file is a mapping; begin with `policies:`"),
        ("policies: {name: x}", "x.yaml:1:11: `policies`: must be a list; begin each with `- name: …`"),
        ("connections: []", "x.yaml:1:14: `connections`: must be a mapping; write `name: {provider: …}` lines"),
        (
            "defaults: {every: 90 days}",
            "x.yaml:1:12: unknown key `every`; known: compromise, overlap, owner, schedule, tags",
        ),
        ("defaults: never", "x.yaml:1:11: `defaults`: must be a mapping; write `key: value` lines"),
    ],
)
def test_a_file_with_wrong_sections_is_told_with_its_line(policy, text, expected):
    found = policy().write("x.yaml", text).problems()
    assert found[0].startswith(expected.partition("; known")[0])
    assert len(found) == 1


def test_names_are_unique_over_all_files_and_the_error_names_both_places(policy, tmp_path):
    folder = policy().write("q.yaml", (policy().path / "p.yaml").read_text())
    folder.write("twice.yaml", "connections:\n  acme: {provider: saas, credentials: {email: env:A}}\n")
    assert folder.problems() == [
        f"q.yaml:2:11: policy `payments` is already defined in {tmp_path}/p.yaml:2; rename one of them".replace(
            f"{tmp_path}/", ""
        ),
        (
            "q.yaml:4:14: policy `payments` writes to shelf path=prod/payments, and so does `payments` (p.yaml:4); "
            "write each token to a place of its own"
        ),
        "twice.yaml:2:3: connection `acme` is already defined in connections.yaml:2; rename one of them",
    ]


def test_two_policies_do_not_write_to_one_destination(policy):
    second = "policies:\n  - {name: other, issuer: {connection: acme}, schedule: never,\n"
    second += "     stores: [{connection: shelf, path: prod/payments}]}\n"
    assert policy().write("q.yaml", second).problems() == [
        (
            "q.yaml:3:15: policy `other` writes to shelf path=prod/payments, and so does `payments` (p.yaml:4); "
            "write each token to a place of its own"
        )
    ]


def test_a_destination_is_the_same_through_another_connection_with_other_credentials(policy):
    folder = policy(stores="stores: [{connection: shelf, path: a}, {connection: twin, path: a, redeploy: false}]")
    folder.write(
        "twin.yaml", "connections: {twin: {provider: cabinet, url: https://shelf.example, credentials: {token: env:T}}}"
    )
    assert folder.problems() == [
        (
            "p.yaml:4:44: policy `payments` writes to twin path=a, and so does `payments` (p.yaml:4); "
            "write each token to a place of its own"
        )
    ]


@pytest.mark.parametrize(
    ("store", "how"),
    [
        ("{connection: shelf, path: a", "redeploy: true, grace: 1 day, create: true}"),  # it says where itself
        ("{connection: bare, path: a", "verify_tls: true}"),
        ("{connection: slot, path: a", "create: true}"),  # the default
    ],
)
def test_a_destination_is_the_same_however_it_is_written_there(policy, store, how):
    folder = policy().write(
        "more.yaml",
        """\
        connections:
          bare: {provider: cabinet, url: https://shelf.example, verify_tls: false}
          slot: {provider: letterbox, url: https://slot.example}
        """,
    )
    other = store.replace("bare", "shelf") if "bare" in store else store
    rest = "" if "bare" in store else f", {how[:-1]}"
    policy(stores=f"stores: [{other}}}, {store}{rest}}}]")
    [problem] = folder.problems()
    assert "and so does `payments` (p.yaml:4); write each token to a place of its own" in problem


def test_places_of_a_store_that_says_nothing_of_them_differ_by_all_else(policy):
    folder = policy(stores="stores: [{connection: slot, path: a}, {connection: slot, path: a, redeploy: true}]")
    folder.write("slot.yaml", "connections: {slot: {provider: letterbox, url: https://slot.example}}")
    assert folder.load().policies


def test_a_place_that_there_can_never_be_is_told_with_its_line(policy):
    folder = policy(stores="stores: [{connection: shelf, path: ../a}]").write(
        "c.yaml",
        "connections: {x: {provider: saas, credentials: {email: {connection: shelf, path: ../b}}}}",
    )
    assert folder.problems() == [
        "c.yaml:1:56: the path ../b leads out of the cabinet; write one from its top",
        "p.yaml:4:14: the path ../a leads out of the cabinet; write one from its top",
    ]


def test_every_problem_of_every_file_is_told_at_once_in_order(policy):
    folder = policy(owner="owner: 5", tags="tags: x").write("a.yaml", "policies: 1").write("z.yaml", "nothing: here")
    assert [problem.partition(": ")[0] for problem in folder.problems()] == [
        "a.yaml:1:11",
        "p.yaml:6:12",
        "p.yaml:7:11",
        "z.yaml:1:1",
    ]


def test_what_a_broken_file_may_define_is_not_called_unknown(policy):
    folder = policy().write("connections.yaml", "connections:\n\tacme: {}\n")
    assert folder.problems() == ["connections.yaml:2:1: a tab in the indentation; indent with spaces"]


def test_who_names_a_broken_connection_is_not_to_blame(policy):
    folder = policy().write(
        "connections.yaml", "connections:\n  acme: {provider: sass}\n  shelf: {provider: cabinet, url: 1}\n"
    )
    assert [problem.partition(": ")[0] for problem in folder.problems()] == [
        "connections.yaml:2:20",
        "connections.yaml:3:35",
    ]


@pytest.mark.parametrize(("secrets", "users", "problems"), [(4, 1, 0), (5, 1, 1), (7, 1, 1), (8, 2, 0)])
def test_more_secrets_than_an_issuers_quota_leaves_room_for_are_refused_once(connected, secrets, users, problems):
    one = """\
  - name: app-{0}
    issuer: {{connection: acme, user: user-{1}}}
    stores: [{{connection: shelf, path: app-{0}}}]
    schedule: never
"""
    body = "".join(one.format(number, number % users) for number in range(secrets))
    folder = connected.write("p.yaml", f"policies:\n{body}")
    said = folder.problems() if problems else []
    assert len(said) == problems
    assert all("p.yaml:19:" in each and "this issuer allows 5 tokens at a time" in each for each in said)
    if not problems:
        folder.load()
