"""What the guides advise after a compromise, beyond what a program can do."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Final, cast

from rotator.domain.contracts import IssuerByHand
from rotator.domain.errors import RotatorError
from rotator.flow.outlook import Outlook
from rotator.flow.work import Connections
from rotator.observe.troubles import as_sentence

_FOR_ALL: Final = """\
Review what each old token did until it died: its issuer's own log of accesses tells more than a last use.
Remove it from where it got out (a history in git, a log, a message, an image): the next one would go the same way.
Who could read one field of a document could read the others: `--related` rotates what shares the blast radius.
If it was this machine or a management credential that got out, replace that first: whoever has it makes tokens anew.
"""


def advice(connections: Connections, outlooks: Sequence[Outlook]) -> tuple[str, ...]:
    """Give what is left for people to think of: for all, and as the makers of these issuers advise."""
    found = _FOR_ALL.splitlines()
    for ref in {outlook.order.policy.issuer.connection: outlook.account.ref for outlook in outlooks}.values():
        with suppress(RotatorError):  # it cannot be opened: that was told already
            issuer = connections.issuer(ref)
            said = cast("IssuerByHand", issuer).instructions(None).compromised if issuer.traits.by_hand else ""
            found += [f"{ref.connection}: {as_sentence(said)}"] if said else []
    return tuple(found)
