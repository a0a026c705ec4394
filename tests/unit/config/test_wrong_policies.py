"""A policy that is wrong in itself: the problem with its file, line and column, and what to do about it."""

from __future__ import annotations

import pytest

from rotator.config.policy_files import load
from rotator.config.windows import HOW_TO_WRITE_A_FREEZE
from rotator.domain.errors import InvalidInput
from tests.unit.config.small_plugins import small_plugins

A_NAME = "use lower-case letters, digits, `.`, `_` and `-`, beginning with a letter or digit"
A_DURATION = "not a duration; write for example '90 days', '24h' or '6 months'"
QUOTE_IT = "write it in quotes"

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
