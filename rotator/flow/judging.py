"""What is to be done with a secret, where many are looked at: what goes wrong with one is that one's alone."""

from __future__ import annotations

from datetime import datetime

from rotator.domain import plan
from rotator.domain.model import Secret
from rotator.domain.plan import Action, Decision, Reason
from rotator.domain.policy import Policy
from rotator.observe.logs import logger


def judge(policy: Policy, secret: Secret, now: datetime) -> Decision:
    """Decide by the schedule. Where that fails, which is a bug, it is written down, and a person has to look."""
    try:
        return plan.decide(policy, secret, now)
    except Exception as bug:  # noqa: BLE001  one policy's bug must not keep every other secret from its rotation
        logger().error("nobody can tell when this is due", secret=policy.name, exc_info=bug)
        what = f"nobody can tell when it is due: {type(bug).__name__}, which is a bug; the log has the details"
        return Decision(Action.BLOCKED, Reason.UNFORESEEN, f"{what}. `rotate now {policy.name}` works all the same")
