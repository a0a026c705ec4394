"""What ``check --online`` looks at: every issuer and destination of a policy, without touching anything.

An issuer's verify call is calibrated on the way: a value that is certainly garbage must be INVALID. An issuer that
says anything else could never prove a death. What a policy's ``verify`` asks for is tried with garbage, too.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from rotator.domain import plan
from rotator.domain.contracts import Issuer, Verdict
from rotator.domain.errors import NeedsOperator, Permanent, RotatorError
from rotator.domain.model import Destination, SecretName
from rotator.domain.policy import Policy
from rotator.domain.secret_value import SecretValue
from rotator.domain.trial import Trial
from rotator.flow.trials import try_out
from rotator.flow.work import Connections, side_by_side
from rotator.observe.sending import Channel, service_of

_GARBAGE_BYTES = 20


@dataclass(frozen=True)
class Check:
    """One thing looked at: what it said, or what is wrong with it."""

    secret: SecretName
    subject: str
    said: str = ""
    error: RotatorError | None = None


def inspect(connections: Connections, policy: Policy) -> Iterator[Check]:
    """Look at a policy's issuer, at what it verifies with beside, and at each of its destinations."""
    subject = f"issuer {policy.issuer.connection}"
    try:
        yield Check(policy.name, subject, _inspect_issuer(connections.issuer(policy.issuer), policy))
    except RotatorError as error:
        yield Check(policy.name, subject, error=error)
    if policy.trial is not None:
        yield _inspect_trial(policy.name, policy.trial)

    def preflight(destination: Destination) -> str:
        opened = connections.destination(destination.target)
        stored = opened.store.preflight(opened.place)
        return "will be created" if stored is None else f"at version {stored.version}"

    places = [Destination(ordinal, target) for ordinal, target in enumerate(policy.targets)]
    for place, result in side_by_side(preflight, places):
        if isinstance(result, RotatorError):
            yield Check(policy.name, str(place.target), error=result)
        elif isinstance(result, Exception):
            raise result
        else:
            yield Check(policy.name, str(place.target), result)


def inspect_credential(subject: str, look_up: Callable[[], SecretValue]) -> Check:
    """Look up a management credential that lies in a store. Whom it is for is not asked."""
    try:
        look_up()
    except RotatorError as error:
        return Check(_CONNECTIONS, subject, error=error)
    return Check(_CONNECTIONS, subject, "it is there")


def inspect_channel(channel: Channel) -> Check:
    """Look a channel's address up, and see whether it is one. Nothing is sent."""
    subject = f"channel {channel.name}"
    try:
        return Check(_CHANNELS, subject, f"its address is one of {service_of(channel)}; nothing was sent")
    except RotatorError as error:
        return Check(_CHANNELS, subject, error=error)


_CONNECTIONS: Final = SecretName("connections")
_CHANNELS: Final = SecretName("notify")
"""Under what credentials and channels are listed: they are no secret's."""


def _inspect_trial(secret: SecretName, trial: Trial) -> Check:
    """See that what a policy verifies with tells a garbage token from one that works."""
    subject = f"verify by {trial}"
    said = try_out(trial, SecretValue(secrets.token_hex(_GARBAGE_BYTES)))
    if said.verdict is Verdict.INVALID:
        return Check(secret, subject, "it refuses what is no token")
    wrong = NeedsOperator(
        f"Asked about a garbage token, {trial} says {said.verdict.value}. {said.reason}".strip(),
        remedy="It must refuse one (401, 403, or exit code 1), or its yes proves nothing: correct `verify`.",
    )
    return Check(secret, subject, error=wrong)


def _inspect_issuer(issuer: Issuer, policy: Policy) -> str:
    tokens = list(issuer.tokens()) if issuer.traits.lists else []
    garbage = issuer.verify(SecretValue(secrets.token_hex(_GARBAGE_BYTES)))
    if garbage.verdict is not Verdict.INVALID:
        raise NeedsOperator(
            f"Asked about a garbage token, the issuer says {garbage.verdict.value}. {garbage.reason}".strip(),
            remedy="It could never prove that a token is dead: mend the verify call of its profile.",
        )
    in_the_way = plan.obstacle(issuer.traits, tokens, policy.compromise)
    if in_the_way:
        raise Permanent(f"{in_the_way}.")
    if issuer.traits.by_hand:
        return "it refuses what is no token; its tokens are made and deleted by hand"
    if not issuer.traits.lists:
        return "logged in"
    return f"logged in; {len(tokens)} {'token' if len(tokens) == 1 else 'tokens'}"
