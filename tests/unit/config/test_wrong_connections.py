"""A connection that is wrong: the problem with its file, line and column, and what to do about it."""

from __future__ import annotations

import pytest

A_REFERENCE = "write `env:NAME` for an environment variable, or `file:PATH`"
QUOTE_IT = "write it in quotes"

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
