"""Policy files that are wrong: each problem with its file, line and column, and what to do about it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rotator.config.policy_files import load
from rotator.config.windows import HOW_TO_WRITE_A_FREEZE
from rotator.domain.errors import InvalidInput
from tests.unit.config.small_plugins import small_plugins

A_NAME = "use lower-case letters, digits, `.`, `_` and `-`, beginning with a letter or digit"
A_DURATION = "not a duration; write for example '90 days', '24h' or '6 months'"
A_REFERENCE = "write `env:NAME` for an environment variable, or `file:PATH`"
QUOTE_IT = "write it in quotes"
TOO_LONG = "x" * 300
"""A name at which no file system looks: root, too, is refused."""
CANNOT_BE_READ = "cannot be read: File name too long; let the user that runs rotate read it"

IN_A_POLICY = {
    # what is written in place of a line of the policy; lines: 2 name, 3 issuer, 4 stores, 5 schedule, 6 what is added
    "a name with capitals": (
        {"name": "name: Payments"},
        f"2:11: `name`: not a name; {A_NAME}",
    ),
    "a name without end": (
        {"name": f"name: {'a' * 129}"},
        "2:11: `name`: longer than 128 characters; choose a shorter name",
    ),
    "no name": ({"name": None}, "2:5: `name` is missing; add `name:`"),
    "a number for an owner": (
        {"owner": "owner: 5"},
        f"6:12: `owner`: must be text, and YAML reads this as a number; {QUOTE_IT}",
    ),
    "a text for tags": (
        {"tags": "tags: production"},
        "6:11: `tags`: must be a list; write `[a, b]`, or one `- item` a line",
    ),
    "a tag named on": (
        {"tags": "tags: [web, on]"},
        f"6:17: `tags[1]`: must be text, and YAML reads this as true or false; {QUOTE_IT}",
    ),
    "an unknown key": ({"scheduel": "scheduel: never"}, "6:5: unknown key `scheduel`; did you mean `schedule`?"),
    "an unknown key inside": ({"overlap": "overlap: {fro: 24h}"}, "6:15: unknown key `fro`; did you mean `for`?"),
    "an unknown connection": (
        {"issuer": "issuer: {connection: acm}"},
        "3:26: unknown connection `acm`; did you mean `acme`?",
    ),
    "a store for an issuer": (
        {"issuer": "issuer: {connection: shelf}"},
        "3:26: `shelf` is the connection of a store (cabinet), and makes no tokens; name an issuer's connection",
    ),
    "an issuer for a store": (
        {"stores": "stores: [{connection: acme, path: x}]"},
        "4:27: `acme` is the connection of an issuer (saas), and stores nothing; name a store's connection",
    ),
    "an unknown option": (
        {"issuer": "issuer: {connection: acme, usr: bob}"},
        "3:32: unknown key `usr`; did you mean `user`?",
    ),
    "no stores": ({"stores": "stores: []"}, "4:13: `stores`: must not be empty; write at least one"),
    "stores without a value": ({"stores": "stores:"}, "4:12: `stores`: has no value; write one, or remove the key"),
    "a store that is a text": (
        {"stores": "stores: [shelf]"},
        "4:14: `stores[0]`: must be a mapping; write `key: value` lines",
    ),
    "a place with a number for a text": (
        {"stores": "stores: [{connection: shelf, path: 1}]"},
        f"4:40: `path`: must be text, and YAML reads this as a number; {QUOTE_IT}",
    ),
    "a place with a wrong choice": (
        {"stores": "stores: [{connection: shelf, path: a, targets: [prod]}]"},
        "4:53: `targets[0]`: must be 'production' or 'preview'",
    ),
    "a place with a wrong flag": (
        {"stores": "stores: [{connection: shelf, path: a, redeploy: maybe}]"},
        "4:53: `redeploy`: must be true or false",
    ),
    "a token's name without a letter": (
        {"issuer": 'issuer: {connection: acme, token_name: ""}'},
        "3:44: `token_name`: is empty; write something, or remove the key",
    ),
    "an expiry that is no duration": (
        {"issuer": "issuer: {connection: acme, expires_in: 3 moons}"},
        f"3:44: `expires_in`: {A_DURATION}",
    ),
    "no schedule": (
        {"schedule": None},
        (
            "2:5: nothing says when this token is due; add `schedule: {every: 90 days}`, "
            "or `schedule: never` if only `rotate now` shall rotate it"
        ),
    ),
    "a bare duration for a schedule": (
        {"schedule": "schedule: 90 days"},
        "5:15: `schedule`: not a schedule; write `never`, `quarterly`, or a mapping such as {every: 90 days}",
    ),
    "two schedules": (
        {"schedule": 'schedule: {every: 90 days, cron: "0 0 1 * *"}'},
        "5:15: `schedule`: every and cron contradict each other; keep one of them",
    ),
    "never, but before it expires": (
        {"schedule": "schedule: {never: true, before_expiry: 1 day}"},
        "5:15: `schedule`: never and before_expiry contradict each other; keep one of them",
    ),
    "every nothing": (
        {"schedule": "schedule: {every: 0}"},
        "5:23: `every`: must be longer than zero; write for example '90 days'",
    ),
    "a splay in months": (
        {"schedule": "schedule: {every: 90 days, splay: 1 month}"},
        "5:39: `splay`: a length that differs from month to month; write it in days",
    ),
    "a cron line that is too short": (
        {"schedule": 'schedule: {cron: "0 3 1 *"}'},
        '5:22: `cron`: a cron line has five fields; write for example "0 3 1 */3 *"',
    ),
    "a weekday that no week has": (
        {"schedule": 'schedule: {cron: "0 3 * * 9"}'},
        "5:22: `cron`: `9` is not a weekday; write sun to sat, or 0 to 7 (0 and 7 are Sunday)",
    ),
    "a minute that no hour has": (
        {"schedule": 'schedule: {cron: "61 3 * * *"}'},
        (
            "5:22: `cron`: not a cron line (Error validating expression '61': "
            'the last value (61) is higher than the maximum value (59)); write for example "0 3 1 */3 *"'
        ),
    ),
    "a thirtieth of February": (
        {"schedule": 'schedule: {cron: "0 0 30 2 *"}'},
        "5:22: `cron`: this date never comes; check the day and the month",
    ),
    "a freeze that is no day": (
        {"schedule": 'schedule: {every: 90 days, freeze: ["Christmas"]}'},
        f"5:41: `freeze[0]`: not days; {HOW_TO_WRITE_A_FREEZE}",
    ),
    "a freeze that ends before it begins": (
        {"schedule": 'schedule: {every: 90 days, freeze: ["2026-12-20 to 2026-01-03"]}'},
        "5:41: `freeze[0]`: the last day is before the first; exchange them",
    ),
    "a freeze that leaves no day": (
        {"schedule": 'schedule: {every: 90 days, freeze: ["07-01 to 06-30"]}'},
        "5:40: no day of the year is left on which a rotation may begin; leave some days, or write `schedule: never`",
    ),
    "a window without a zone": (
        {"schedule": 'schedule: {every: 90 days, window: "Mon-Fri 09:00-16:00"}'},
        '5:40: `window`: not a window (days, times, zone); write for example "Mon-Thu 09:00-16:00 Europe/Berlin"',
    ),
    "a window in an unknown zone": (
        {"schedule": 'schedule: {every: 90 days, window: "09:00-16:00 Europe/Berln"}'},
        "5:40: `window`: `Europe/Berln` is not a time zone; did you mean `Europe/Berlin`?",
    ),
    "a window on an unknown day": (
        {"schedule": 'schedule: {every: 90 days, window: "Monday-Fri 09:00-16:00 UTC"}'},
        "5:40: `window`: `monday-fri` is not a day or a range of days; write mon, tue, wed, thu, fri, sat, sun",
    ),
    "a window at an impossible time": (
        {"schedule": 'schedule: {every: 90 days, window: "09:00-24:00 UTC"}'},
        "5:40: `window`: not a time of day; write 00:00 to 23:59",
    ),
    "at most less than for": (
        {"overlap": "overlap: {for: 2 days, until_unused_for: 1h, at_most: 1 day}"},
        "6:59: `at_most` is shorter than `for` (2 days); make it longer",
    ),
    "at most of nothing": (
        {"overlap": "overlap: {at_most: 7 days}"},
        "6:24: `at_most` only limits `until_unused_for`, which is not set; add `until_unused_for`, or remove `at_most`",
    ),
    "an unknown way to verify": (
        {"verify": "verify: me"},
        "6:13: `verify`: not a way to verify; write `issuer`, {http: {url: https://…}}, or {command: [/PROGRAM]}",
    ),
    "two ways to verify": (
        {"verify": "verify: {http: {url: a}, command: [/b]}"},
        "6:13: `verify`: http and command contradict each other; keep one of them",
    ),
    "no way to verify": (
        {"verify": "verify: {timeout: 5s}"},
        "6:13: `verify`: nothing says how to verify; add `http` or `command`, or write `verify: issuer`",
    ),
    "a request without an address": ({"verify": "verify: {http: {}}"}, "6:20: `url` is missing; add `url:`"),
    "an address that is none": (
        {"verify": "verify: {http: {url: x}}"},
        "6:26: `url`: this is not a URL; write for example https://api.example.com/v1/me",
    ),
    "an address with a password": (
        {"verify": 'verify: {http: {url: "https://a@b.example/"}}'},
        "6:26: `url`: it has a user, a password or a fragment; remove them; the token goes into a header",
    ),
    "a token in an address": (
        {"verify": 'verify: {http: {url: "https://b.example/{{ token.value }}"}}'},
        "6:26: `url`: this is not a URL; write for example https://api.example.com/v1/me",
    ),
    "a token in an address without blanks": (
        {"verify": 'verify: {http: {url: "https://b.example/{{token.value}}"}}'},
        "6:26: `url`: a token is never put into an address, which servers log; use `auth`, which puts it into a header",
    ),
    "a token sent in plain": (
        {"verify": "verify: {http: {url: http://b.example/}}"},
        "6:26: `url`: plain http would send the token unencrypted; use https",
    ),
    "a host that the settings do not list": (
        {"verify": "verify: {http: {url: https://b.example:8443/me}}"},
        (
            "6:26: `url`: the settings do not let tokens be sent to `b.example:8443`; add it to `verify_hosts` in "
            'rotator.toml (verify_hosts = ["b.example:8443"]), if it may see this token'
        ),
    ),
    "a status that proves nothing": (
        {"verify": "verify: {http: {url: a, expect: [302]}}"},
        "6:38: `expect[0]`: must be less than or equal to 299",
    ),
    "a header without its name": (
        {"verify": "verify: {http: {url: a, auth: {type: header}}}"},
        "6:35: `auth`: `type: header` needs the header's name; add `name:`",
    ),
    "a header without the token": (
        {"verify": "verify: {http: {url: a, auth: {type: header, name: X-Key, value: Token}}}"},
        (
            "6:70: `value`: it must hold the token once, and no other template; "
            "write for example 'Token {{ token.value }}'"
        ),
    ),
    "a command without its path": (
        {"verify": "verify: {command: [curl]}"},
        "6:23: `command`: its program is not found by a search; write its whole path, beginning with `/`",
    ),
    "a token in an argument": (
        {"verify": 'verify: {command: [/usr/bin/curl, "{{ token.value }}"]}'},
        "6:23: `command`: an argument holds no template; the token comes on the program's standard input",
    ),
    "a command as a text": (
        {"verify": "verify: {command: /usr/bin/true}"},
        "6:23: `command`: must be a list; write `[a, b]`, or one `- item` a line",
    ),
    "no command": ({"verify": "verify: {command: []}"}, "6:23: `command`: must not be empty; write at least one"),
    "a command that the settings do not allow": (
        {"verify": "verify: {command: [/usr/bin/true]}"},
        (
            "6:23: `command`: the settings do not let policies run commands; set `allow_commands = true` in "
            "rotator.toml, if whoever writes policies may run programs here"
        ),
    ),
    "an answer that may take too long": (
        {"verify": "verify: {command: [/a], timeout: 2 min}"},
        "6:38: `timeout`: must be longer than zero, and a minute at most; write for example `10s`",
    ),
    "a channel that is no name": (
        {"notify": "notify: [Ops]"},
        f"6:14: `notify[0]`: not a name; {A_NAME}",
    ),
    "a text for channels": (
        {"notify": "notify: ops"},
        "6:13: `notify`: must be a list; write `[a, b]`, or one `- item` a line",
    ),
    "an unknown answer to a compromise": (
        {"compromise": "compromise: rotate first"},
        "6:17: `compromise`: must be 'rotate-first' or 'revoke-first'",
    ),
}


@pytest.mark.parametrize(("keys", "expected"), IN_A_POLICY.values(), ids=IN_A_POLICY.keys())
def test_a_wrong_policy_is_told_with_its_line(policy, keys, expected):
    assert policy(**keys).problems() == [f"p.yaml:{expected}"]


IN_A_CONNECTION = {
    "a name with capitals": (
        "X: {provider: cabinet, url: a}",
        "2:3: `X`: not a name; use lower-case letters, digits, `.`, `_` and `-`, beginning with a letter or digit",
    ),
    "no provider": ("x: {url: a}", "2:6: `provider` is missing; add `provider:`"),
    "nothing at all": ("x:", "2:5: `x`: has no value; write one, or remove the key"),
    "an unknown provider": (
        "x: {provider: cabinat}",
        "2:17: unknown provider `cabinat`; did you mean `cabinet`? `rotate providers` lists what is installed",
    ),
    "a provider unlike any": (
        "x: {provider: zzz}",
        "2:17: unknown provider `zzz`; `rotate providers` lists what is installed",
    ),
    "a missing setting": ("x: {provider: cabinet}", "2:6: `url` is missing; add `url:`"),
    "a wrong type": (
        "x: {provider: cabinet, url: 5}",
        f"2:31: `url`: must be text, and YAML reads this as a number; {QUOTE_IT}",
    ),
    "an unknown key": (
        "x: {provider: cabinet, url: a, verify: no}",
        "2:34: unknown key `verify`; did you mean `verify_tls`?",
    ),
    "limits": (
        "x: {provider: cabinet, url: a, limits: {rate: 1}}",
        "2:49: `rate`: not a rate; write for example `100/min`, `5/s`, `4500/h` or `10/15min`",
    ),
    "a missing credential": (
        "x: {provider: saas}",
        f"2:6: credential `email` is missing (who logs in); add `email:` under `credentials`; {A_REFERENCE}",
    ),
    "an unknown credential": (
        "x: {provider: cabinet, url: a, credentials: {tokn: env:A}}",
        "2:48: provider `cabinet` takes no credential `tokn`; did you mean `token`?",
    ),
    "credentials as a list": (
        "x: {provider: cabinet, url: a, credentials: [a]}",
        "2:47: `credentials`: must be a mapping; write `key: value` lines",
    ),
    "an inline secret": (
        "x: {provider: cabinet, url: a, credentials: {token: hunter2}}",
        f"2:55: `token`: not a reference, and a policy file never holds a secret itself; {A_REFERENCE}",
    ),
    "an inline secret that is a number": (
        "x: {provider: cabinet, url: a, credentials: {token: 12345}}",
        f"2:55: `token`: not a reference, and a policy file never holds a secret itself; {A_REFERENCE}",
    ),
    "a place in a store as a text": (
        'x: {provider: cabinet, url: a, credentials: {token: "vault:prod#token"}}',
        (
            "2:55: `token`: `vault:…` does not say which connection reads it; write the place as a mapping, with the "
            "keys that it has under `stores:`: `{connection: vault-prod, path: rotator/acme, field: password}`"
        ),
    ),
    "a place in a store without its connection": (
        "x: {provider: cabinet, url: a, credentials: {token: {path: a}}}",
        "2:55: `connection` is missing; add `connection:`",
    ),
    "a place in an unknown store": (
        "x: {provider: cabinet, url: a, credentials: {token: {connection: shlf, path: a}}}",
        "2:68: unknown connection `shlf`; did you mean `shelf`?",
    ),
    "a place at an issuer": (
        "x: {provider: cabinet, url: a, credentials: {token: {connection: acme, path: a}}}",
        "2:68: `acme` is the connection of an issuer (saas), and stores nothing; name a store's connection",
    ),
    "a place without its path": (
        "x: {provider: cabinet, url: a, credentials: {token: {connection: shelf}}}",
        "2:55: `path` is missing; add `path:`",
    ),
    "a place with an unknown key": (
        "x: {provider: cabinet, url: a, credentials: {token: {connection: shelf, path: a, fild: b}}}",
        "2:84: unknown key `fild`; did you mean `field`?",
    ),
    "a place that nobody can read": (
        "x: {provider: cabinet, url: a, credentials: {token: {connection: slot, path: a}}}",
        "2:68: `slot` is write-only (letterbox): what it holds can never be read back; name a store that can be read",
    ),
    "a place in the connection's own store": (
        "x: {provider: cabinet, url: a, credentials: {token: {connection: x, path: a}}}",
        (
            "2:68: `x` reads credentials from a store itself, and nothing is looked up in two steps; "
            "give `x` its credentials by `env:NAME` or `file:PATH`"
        ),
    ),
    "a reference to nothing": (
        'x: {provider: cabinet, url: a, credentials: {token: "env:"}}',
        f"2:55: `token`: `env:` needs a name right behind it; {A_REFERENCE}",
    ),
    "a variable with a dollar": (
        "x: {provider: cabinet, url: a, credentials: {token: env:$TOKEN}}",
        "2:55: `token`: not the name of an environment variable; write letters, digits and underscores",
    ),
}


@pytest.mark.parametrize(("connection", "expected"), IN_A_CONNECTION.values(), ids=IN_A_CONNECTION.keys())
def test_a_wrong_connection_is_told_with_its_line(policy, connection, expected):
    folder = policy().write("x.yaml", f"connections:\n  {connection}\n")
    folder.write("slot.yaml", "connections: {slot: {provider: letterbox, url: a}}")
    assert folder.problems() == [f"x.yaml:{expected}"]


def test_a_store_that_reads_credentials_from_a_store_gives_none_to_others(policy):
    folder = policy().write(
        "x.yaml",
        """\
        connections:
          one: {provider: cabinet, url: a, credentials: {token: {connection: two, path: a}}}
          two: {provider: cabinet, url: b, credentials: {token: {connection: shelf, path: a}}}
        """,
    )
    assert folder.problems() == [
        (
            "x.yaml:2:70: `two` reads credentials from a store itself, and nothing is looked up in two steps; "
            "give `two` its credentials by `env:NAME` or `file:PATH`"
        )
    ]


def test_all_that_is_wrong_with_credentials_is_told_at_once(policy):
    text = "connections: {x: {provider: saas, credentials: {email: {connection: shelf}, pasword: hunter2}, team_id: a}}"
    assert [problem.partition("; ")[0] for problem in policy().write("x.yaml", text).problems()] == [
        "x.yaml:1:56: `path` is missing",
        "x.yaml:1:77: provider `saas` takes no credential `pasword`",
        "x.yaml:1:86: `pasword`: not a reference, and a policy file never holds a secret itself",
        "x.yaml:1:105: `team_id`: must be a whole number",
    ]


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


def test_what_can_never_work_with_the_issuer_is_told_with_its_line(policy):
    found = policy(issuer="issuer: {connection: acme, expires_in: 120 days}").problems()
    assert found == ["p.yaml:3:44: this issuer does not offer 120 days; choose one of: 90 days, 6 months"]


def test_a_problem_between_policy_and_issuer_is_placed_where_it_was_written(connected):
    def refuse(_policy, traits):
        assert traits.reports_last_use
        yield ("schedule", "every"), "too seldom", "rotate more often"
        yield ("overlap", "for"), "too long", "shorten it"
        yield ("issuer", "token_name"), "no name", "give it one"

    text = "defaults: {schedule: {every: 1 year}, overlap: {for: 1 day}}\npolicies:\n  - name: x\n"
    text += "    issuer: {connection: acme}\n    stores: [{connection: shelf, path: x}]\n    overlap: {for: 2 days}\n"
    with pytest.raises(InvalidInput) as caught:
        load(connected.write("p.yaml", text).path, small_plugins(), check=refuse)
    places = [(problem.line, problem.column, problem.what) for problem in caught.value.problems]
    assert places == [(1, 30, "too seldom"), (4, 13, "no name"), (6, 20, "too long")]


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


@pytest.mark.parametrize(
    ("line", "place", "what"),
    [
        ("# was ghp_0123456789abcdefghijABCDEFGHIJ012345", "1:7", "a GitHub token"),
        ("# hvs.CAESIJ0123456789abcdefghijklmnopqrstuv", "1:3", "a Vault or OpenBao token"),
        (
            "connections: {x: {provider: cabinet, url: 'https://bob:hunter2@shelf.example'}}",
            "1:49",
            "a password in a URL",
        ),
        (
            "connections: {x: {provider: cabinet, url: u, api_key: 5f4dcc3b5aa765d61d8327deb882cf99}}",
            "1:55",
            "a secret",
        ),
        ("# -----BEGIN RSA PRIVATE KEY-----", "1:3", "a private key"),
    ],
)
def test_what_looks_like_a_token_is_refused_wherever_it_stands_and_not_quoted(policy, line, place, what):
    found = policy().write("x.yaml", f"{line}\n").problems()
    assert any(problem.startswith(f"x.yaml:{place}: this looks like {what};") for problem in found)
    for value in ("0123456789", "hunter2", "5f4dcc3b"):
        assert value not in "\n".join(found)


@pytest.mark.parametrize(
    "text",
    [
        "secret: arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/documenso-AbCdEf",
        "token_name: production-api-2024-eu-west1",
        "secret: prod/customer2024/service-b2b-eu1",
        "token: env:ACME_TOKEN_2024_V2",
        "password: file:/run/secrets/documenso-password-2024",
        "url: https://bao.example:8200/v1/secret",
        "var: DOCUMENSO_API_TOKEN",
        "token_name: sk-production-payments-service",
        "name: api_productionpaymentsservice",
    ],
)
def test_names_and_references_are_not_taken_for_tokens(text):
    from rotator.config.inline_secrets import inline_secrets

    assert list(inline_secrets(f"{text}\n", Path("p.yaml"))) == []


def test_an_empty_directory_is_an_error(folder, tmp_path):
    with pytest.raises(InvalidInput) as caught:
        folder.load()
    assert str(caught.value) == f"{tmp_path}: no policy file (*.yaml) in this directory; `rotate init` writes one"


def test_a_path_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(InvalidInput) as caught:
        load(tmp_path / "policies", small_plugins())
    assert str(caught.value) == (
        f"{tmp_path}/policies: there is no such file or directory; "
        "check the path; `rotate init` writes a first policy file"
    )


def test_a_path_that_may_not_be_looked_at_is_told(tmp_path):
    with pytest.raises(InvalidInput) as caught:
        load(tmp_path / TOO_LONG, small_plugins())
    assert str(caught.value) == f"{tmp_path}/{TOO_LONG}: {CANNOT_BE_READ}"


def test_connections_without_a_policy_are_an_error(connected, tmp_path):
    with pytest.raises(InvalidInput) as caught:
        connected.load()
    assert str(caught.value) == f"{tmp_path}: there is no policy here; add one under `policies:`"


def test_a_file_that_would_be_overlooked_is_an_error(policy):
    assert policy().write("more.yml", "policies: []").problems() == ["more.yml: only *.yaml files are read; rename it"]


def test_a_link_to_nowhere_is_told(policy, tmp_path):
    folder = policy()
    (tmp_path / "gone.yaml").symlink_to(tmp_path / "nowhere")
    assert folder.problems() == ["gone.yaml: there is no such file; check the path"]


def test_a_link_to_where_nobody_may_look_is_told_beside_all_else(policy, tmp_path):
    (tmp_path / "far.yaml").symlink_to(TOO_LONG)
    assert policy(owner="owner: 5").problems() == [
        f"far.yaml: {CANNOT_BE_READ}",
        f"p.yaml:6:12: `owner`: must be text, and YAML reads this as a number; {QUOTE_IT}",
    ]


def test_a_link_that_may_lead_to_a_folder_of_policies_is_not_passed_over(policy, tmp_path):
    (tmp_path / "team").symlink_to(TOO_LONG)
    assert policy().problems() == [f"team: {CANNOT_BE_READ}"]


def test_a_directory_that_may_not_be_read_is_told(policy, tmp_path, monkeypatch):
    folder, scandir = policy(), os.scandir
    (tmp_path / "closed").mkdir()

    def refuse(path):
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert folder.problems() == ["closed: cannot be read: Permission denied; let the user that runs rotate read it"]


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
