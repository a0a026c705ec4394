"""``rotate adopt``: take over the token that is in use now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rotator.cli.context import Context
from rotator.cli.expiry import Expires, moment_of
from rotator.cli.output import document, line, moment
from rotator.domain.errors import InvalidInput

if TYPE_CHECKING:
    from rotator.domain.model import Token


def adopt(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The secret's name.", metavar="NAME")],
    handle: Annotated[
        str | None, typer.Option(help="The token's id (or name) at the issuer, where its value does not tell.")
    ] = None,
    expires: Expires = None,
) -> None:
    """Take over the token in use. Its first rotation then knows which one to revoke. Touches no issuer and no store.

    Another one that was in force is then ended as after a rotation, when its overlap is over.
    """
    from rotator.config.selection import Selection, select
    from rotator.domain.model import Handle
    from rotator.domain.visible import one_line
    from rotator.flow.adoption import adopt as adopt_token

    session: Context = context.obj
    chosen = select(session.app.policies, Selection([name]))
    if len(chosen) > 1:
        names = ", ".join(each.name for each in chosen)
        raise InvalidInput.of(f"`{name}` fits {len(chosen)} policies: {names}", "adopt one at a time")
    policy = chosen[0]
    expires_at = moment_of(expires, session.app.clock.now())
    told = Handle(one_line(handle)) if handle else None
    token = adopt_token(session.app.runner().tools, policy, told, expires_at, session.app.policies)
    ended_by = session.app.ledger.secret(policy.name).open
    if session.as_json:
        document({"secret": policy.name, "handle": token.handle, "name": token.name, "expires_at": token.expires_at})
    else:
        known_as = f" ({token.name})" if token.name else ""
        line(f"{policy.name}: adopted {token.handle}{known_as}, {_end(token)}. Next: `rotate plan {policy.name}`.")
        if ended_by is not None and ended_by.old is not None:
            line(f"{ended_by.old.handle}, which was in force, is revoked when its overlap is over ({ended_by.id}).")


def _end(token: Token) -> str:
    return f"expires {moment(token.expires_at)} UTC" if token.expires_at else "whose expiry nobody tells"
