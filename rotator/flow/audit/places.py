"""What destinations hold, against what they must: our token in force. Not judged while a rotation is on its way."""

from __future__ import annotations

from collections.abc import Iterator

from rotator.domain.model import ConnectionName, Destination, Placed, Secret, SecretName, Target, Token, TokenState
from rotator.domain.policy import Policy
from rotator.flow.audit.evidence import Evidence, is_between_tokens, shown, tokens_of
from rotator.flow.audit.findings import Finding, Kind
from rotator.flow.audit.looking import Reading, key_of_place


def judge_places(evidence: Evidence) -> Iterator[Finding]:
    """Go through every destination that was looked at."""
    for held in evidence.seen.places:
        secret = evidence.secrets.get(held.secret) or Secret(held.secret)
        if held.error is not None:
            what = f"It could not be asked what it holds. {held.error.what}"
            yield Finding(Kind.NOT_ASKED, str(held.target), what, held.error.remedy, held.secret)
        elif secret.current is not None and held.secret not in evidence.moved and not is_between_tokens(secret):
            yield from _judge(held, secret, secret.current, evidence)


def judge_left_behind(evidence: Evidence) -> Iterator[Finding]:
    """Find the places that hold our token, and that the policy does not name any more. The ledger alone tells."""
    for policy in evidence.chosen:
        for place in _left(policy, evidence):
            if not _new(policy, place.target.connection, evidence):
                yield Finding(
                    Kind.LEFT_BEHIND,
                    str(place.target),
                    "The policy does not name it any more, and it was given the token in force.",
                    f"Take the token out there, or put the place back: `rotate now {policy.name}` leaves it with a "
                    "dead one.",
                    policy.name,
                )


def _judge(held: Reading, secret: Secret, current: Token, evidence: Evidence) -> Iterator[Finding]:
    written = _written(secret.name, held.target, evidence)
    if secret.name in evidence.picture.in_force and written is None:
        yield from _unknown_place(held, current, evidence)
    elif not held.exists or (held.readable and held.fingerprint is None):
        what = "It holds no token" if held.exists else "It does not exist"
        yield Finding(
            Kind.EMPTY,
            str(held.target),
            f"{what}, and should hold {_named(current)}.",
            f"`rotate now {secret.name}` puts a new token in every place.",
            secret.name,
        )
    elif held.fingerprint is None:
        yield from _compared_by_version(held, written)
    elif current.fingerprint is None:
        yield _cannot_compare(held)
    elif held.fingerprint != current.fingerprint:
        yield _another(held, evidence.by_fingerprint.get(held.fingerprint), secret)


def _another(held: Reading, token: Token | None, secret: Secret) -> Finding:
    """Tell whose value it is that a place holds in place of the token in force."""
    again = f"`rotate now {secret.name}` puts a new token in every place."
    if token is None:
        return Finding(
            Kind.DRIFT,
            str(held.target),
            "It holds a value that is not ours and never was.",
            f"Find out who wrote it, and what it opens. {again}",
            secret.name,
        )
    if token.secret != secret.name:
        whose = f"the token {_named(token)} of {token.secret}"
    elif token.state is TokenState.DEAD:
        whose = f"{_named(token)}, an earlier token, dead since {shown(token.ended_at)}"
    elif secret.open is not None and token.id in {each.id for each in tokens_of(secret.open)}:
        whose = f"{_named(token)} again, the old token, which is to be revoked"
    else:
        whose = f"{_named(token)}, an earlier token"
    return Finding(Kind.EARLIER_TOKEN, str(held.target), f"It holds {whose}.", again, secret.name, since=token.ended_at)


def _compared_by_version(held: Reading, written: Destination | None) -> Iterator[Finding]:
    if written is None or written.version is None:
        yield _cannot_compare(held)
    elif written.version != held.version:
        yield Finding(
            Kind.DRIFT,
            str(held.target),
            f"Somebody wrote there after us: we left version {written.version}, it is at {held.version}. What it holds "
            "cannot be read.",
            f"Find out who. `rotate now {held.secret}` puts a new token in every place.",
            held.secret,
        )


def _cannot_compare(held: Reading) -> Finding:
    return Finding(
        Kind.CANNOT_TELL,
        str(held.target),
        "It cannot be told whether it holds our token: it shows no value, or we never had the value to compare.",
        f"The next rotation, by schedule or `rotate now {held.secret}`, makes it comparable.",
        held.secret,
    )


def _unknown_place(held: Reading, current: Token, evidence: Evidence) -> Iterator[Finding]:
    """Judge a place that the last rotation did not write, at least not as the policy describes it now."""
    if held.fingerprint is not None and held.fingerprint == current.fingerprint:
        return
    left = _left(evidence.policies[held.secret], evidence)
    if held.exists and not held.readable and any(place.target.connection == held.target.connection for place in left):
        yield _cannot_compare(held)  # the same place, perhaps, in other words
        return
    yield Finding(
        Kind.NOT_WRITTEN,
        str(held.target),
        "The policy has named it since the last rotation; it does not hold the token in force.",
        f"The next rotation writes it; `rotate now {held.secret}` does so at once.",
        held.secret,
    )


def _written(name: SecretName, target: Target, evidence: Evidence) -> Destination | None:
    """Give what the ledger remembers of this place from the rotation that brought the token in force."""
    key = key_of_place(target)
    return next((place for place in _places(name, evidence) if key_of_place(place.target) == key), None)


def _left(policy: Policy, evidence: Evidence) -> list[Destination]:
    """Give the places that were written with the token in force, and are not in the policy as they were."""
    in_policy = {key_of_place(target) for target in policy.targets}
    written = [place for place in _places(policy.name, evidence) if place.state is Placed.CONFIRMED]
    return [place for place in written if key_of_place(place.target) not in in_policy]


def _new(policy: Policy, connection: ConnectionName, evidence: Evidence) -> bool:
    """Tell whether the policy names a place of this store that was not written: an old one in other words, perhaps."""
    of_store = [target for target in policy.targets if target.connection == connection]
    return any(_written(policy.name, target, evidence) is None for target in of_store)


def _places(name: SecretName, evidence: Evidence) -> tuple[Destination, ...]:
    rotation = evidence.picture.in_force.get(name)
    return rotation.destinations if rotation is not None else ()


def _named(token: Token) -> str:
    return str(token.handle or token.name)
