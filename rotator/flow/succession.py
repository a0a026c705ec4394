"""What becomes of the token in force when another one is adopted in its place: it is ended, as after any rotation.

Who replaced a token by hand has made a new one and written it to its places: all of a rotation but its end. So a
rotation is left behind that is CONFIRMED already, and the flow does the rest: the overlap, the revoke, the proof. A
token that may live is never forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from rotator.domain.contracts import Stored
from rotator.domain.errors import NeedsOperator
from rotator.domain.model import Cause, Destination, IssuerRef, Phase, Placed, Rotation, Secret, Token
from rotator.domain.policy import Policy
from rotator.flow.declaration import is_under_way
from rotator.flow.opening import Order, planned
from rotator.flow.work import Tools
from rotator.ledger.picture import Picture


@dataclass(frozen=True)
class Seen:
    """One destination, as it was found."""

    destination: Destination
    readable: bool
    stored: Stored | None


def as_known(current: Token, made_through: IssuerRef | None, token: Token, issuer: IssuerRef) -> Token | None:
    """Give the token in force with what is told of it now; None when ``token``, of this issuer, is another one.

    The same handle is the same token: revoking one would end the other. So is the same value, whatever handle a person
    told before. Raises NeedsOperator for the same handle with another value, or no value at all, where there may be
    another issuer: two of them may count alike. That one only moved is believed where nothing can be read.
    """
    same_handle = current.handle == token.handle
    same_value = current.fingerprint is not None and current.fingerprint == token.fingerprint
    if not same_handle and not same_value:
        return None
    if not same_value and made_through is not None and made_through.may_be_another(issuer):
        _refuse_unless_it_moved(made_through, token, issuer)
    return replace(
        current,
        name=token.name or current.name,
        handle=token.handle,
        fingerprint=token.fingerprint or current.fingerprint,
        created_at=current.created_at if same_handle else token.created_at,
        expires_at=token.expires_at or current.expires_at,
    )


def _refuse_unless_it_moved(made_through: IssuerRef, token: Token, issuer: IssuerRef) -> None:
    """Refuse to take two tokens of one handle for the same. That a service moved is believed where nothing is read."""
    if made_through.connection == issuer.connection and token.fingerprint is None:
        return
    earlier = " at ".join([made_through.connection, ", ".join(made_through.hosts)]) if made_through.hosts else ""
    raise NeedsOperator(
        f"The token in force is {token.handle}, too, and was made through {earlier or made_through.connection}: "
        "whether both are one token, nobody can tell.",
        remedy="If both are one issuer, give the connection its earlier name and address back. Else put another token "
        f"of {issuer.connection} in the places, and adopt that.",
    )


def the_end_of(
    tools: Tools, policy: Policy, secret: Secret, picture: Picture, token: Token, seen: list[Seen]
) -> Rotation:
    """Give the rotation that ends the token in force, now that ``token`` is in its place. It is yet to be recorded.

    It ends where it was made, also where the policy has another issuer by now. One that was declared compromised gets
    no overlap. Raises NeedsOperator where a place that nobody can read was not written since, or nobody knows: its
    consumers would be left with a dead token. Where no place can be read, a person's word is believed.
    """
    assert secret.current is not None
    brought_by = picture.in_force.get(secret.name)
    was = {str(place.target): place for place in brought_by.destinations} if brought_by is not None else {}
    places = tuple(_with(token, each, was.get(str(each.destination.target)), secret.current) for each in seen)
    got_out = is_under_way(tools.ledger.history(policy.name), tools.clock.now())
    cause = Cause.COMPROMISED if got_out else Cause.ASKED
    order = Order(policy, cause, reason="another token was adopted in its place")
    return replace(
        planned(tools, order, secret, places),
        phase=Phase.CONFIRMED,
        issuer=picture.made_through.get(secret.name) or policy.issuer,
        tokens=(token,),
    )


def _with(token: Token, seen: Seen, was: Destination | None, current: Token) -> Destination:
    """Give a destination that holds the new token, with the version that held the one before, where we know it."""
    if seen.stored is None or (seen.readable and seen.stored.value is None):
        return seen.destination
    known = was is not None and was.token == current.id and was.version is not None
    before = was.version if was is not None and known else None
    if not seen.readable and before == seen.stored.version:
        raise NeedsOperator(
            f"{seen.destination.target} holds {current.handle or current.name} yet: nobody wrote there since we did.",
            remedy=f"Put {token.handle} there, too, and adopt it then.",
        )
    if not seen.readable and not known and token.fingerprint is not None:
        raise NeedsOperator(
            f"{seen.destination.target} cannot be read, and may hold {current.handle or current.name} yet: "
            "nobody knows what it held before.",
            remedy=f"`rotate now {current.secret}` puts a new token in every place. Then delete {token.handle} at its "
            "issuer, if nobody else uses it.",
        )
    return replace(
        seen.destination,
        state=Placed.CONFIRMED,
        token=token.id,
        before=before,
        before_fingerprint=current.fingerprint if known else None,
        version=seen.stored.version,
    )
