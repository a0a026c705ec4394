"""Where MariaDB and MySQL differ: how accounts are listed, made, and given their role.

MariaDB keeps an account as one JSON document, MySQL in columns. Both are read by those whom we grant SELECT on these
tables. MariaDB's part was measured on 10.11.19; MySQL's follows its reference manual (8.0, 8.4), and was never run.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from providers.database_login.value import Login

_MARIADB_ACCOUNTS: Final = """
SELECT g.User, g.Host, JSON_VALUE(g.Priv, '$.account_locked') = 1,
       JSON_VALUE(g.Priv, '$.password_last_changed'), JSON_VALUE(g.Priv, '$.password_lifetime'),
       (SELECT MAX(m.Admin_option) FROM mysql.roles_mapping m
        WHERE m.User = g.User AND m.Host = g.Host AND m.Role = %s),
       EXISTS (SELECT 1 FROM mysql.roles_mapping m WHERE m.User = g.User AND m.Host = g.Host)
FROM mysql.global_priv g WHERE JSON_VALUE(g.Priv, '$.is_role') IS NULL
"""

_MYSQL_ACCOUNTS: Final = """
SELECT u.User, u.Host, u.account_locked = 'Y',
       UNIX_TIMESTAMP(u.password_last_changed), u.password_lifetime,
       (SELECT MAX(e.WITH_ADMIN_OPTION) FROM mysql.role_edges e
        WHERE e.TO_USER = u.User AND e.TO_HOST = u.Host AND e.FROM_USER = %s),
       EXISTS (SELECT 1 FROM mysql.role_edges e WHERE e.TO_USER = u.User AND e.TO_HOST = u.Host)
FROM mysql.user u
"""


@dataclass(frozen=True)
class Dialect:
    """What one kind of server wants to be told."""

    accounts: str
    """A question with the role as its parameter."""
    kills: tuple[str, ...]
    """Any of these rights lets us end sessions."""
    takes_hashes: bool
    """We hash the password; else the server gets it, and keeps it out of its logs."""
    sets_role_for_others: bool
    """We may set the default role of a new account. Else only that account itself may, or who may write all of them."""


MARIADB: Final = Dialect(_MARIADB_ACCOUNTS, ("CONNECTION ADMIN", "SUPER"), True, False)
MYSQL: Final = Dialect(_MYSQL_ACCOUNTS, ("CONNECTION_ADMIN", "SUPER"), False, True)


def dialect_of(version: str) -> Dialect:
    """Tell by what ``SELECT VERSION()`` gives."""
    return MARIADB if "mariadb" in version.lower() else MYSQL


def identified(dialect: Dialect, login: Login) -> tuple[str, str]:
    """Give the clause that sets a password, with its parameter.

    MariaDB gets a hash: it writes statements into its log as they are. The hash is an old one, but of 256 random bits.
    MySQL gets the password, over the connection's TLS; it keeps passwords out of its logs (manual, "Passwords and
    Logging"), and its own hash could not be tried here.
    """
    password = login.password.reveal()
    if not dialect.takes_hashes:
        return "IDENTIFIED WITH caching_sha2_password BY %s", password
    twice = hashlib.sha1(hashlib.sha1(password.encode()).digest()).hexdigest()  # noqa: S324 -- the server's own
    return "IDENTIFIED BY PASSWORD %s", f"*{twice.upper()}"
