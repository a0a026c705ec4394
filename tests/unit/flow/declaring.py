"""Declaring a compromise as the command does before it begins."""

from __future__ import annotations

from rotator.domain.model import Cause
from rotator.flow import incident
from rotator.flow.opening import Order
from rotator.flow.outlook import survey
from tests.fakes.world import World

REASON = "laptop stolen"


def declare(world: World, reason: str = REASON) -> Order:
    """Write down that the token got out; give what the command would begin."""
    tools, policy = world.worker().runner.tools, world.policies["app"]
    declared = incident.current(tools, [policy.name], reason)
    order = Order(policy, Cause.COMPROMISED, reason=reason, since=declared.began)
    incident.declare(tools, declared, survey(tools, [order], {}, workers=1).to_do)
    return order
