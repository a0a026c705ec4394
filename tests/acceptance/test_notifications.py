"""People are told by ``rotate now`` before it ends; and whoever sets a channel up can see whether it works."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from tests.acceptance.command import Desk
from tests.canary import CANARY
from tests.fakes.webhook import Webhook


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    served = Webhook(CANARY.add(f"hook{secrets.token_hex(12)}"))
    yield served
    served.close()


@pytest.fixture
def desk(sandbox_desk: Desk, webhook: Webhook) -> Desk:
    """A desk whose policy tells ``ops``, and ``audit``, which asks for successes."""
    (sandbox_desk.folder / "rotator.toml").write_text(
        '[notify]\nops = "env:OPS_WEBHOOK"\naudit = {url = "env:AUDIT_WEBHOOK", successes = true}\n'
    )
    sandbox_desk.environment |= {"OPS_WEBHOOK": webhook.apprise_url, "AUDIT_WEBHOOK": webhook.apprise_url}
    policy = sandbox_desk.policies / "policies.yaml"
    policy.write_text(policy.read_text() + "    notify: [ops, audit]\n    owner: team@acme.example\n")
    return sandbox_desk


def test_people_are_told_and_a_channel_can_be_tried_before_it_matters(desk: Desk, webhook: Webhook) -> None:
    desk.rotate("now", "app", "--overlap", "0", "--yes")
    assert webhook.subjects == ["Rotator: app: rotated"]
    assert "Owner: team@acme.example" in webhook.taken[0]["message"]
    desk.environment["OPS_WEBHOOK"] = CANARY.add("htp://nobody-knows-4711")
    said = desk.rotate("check", "--online", code=3).out
    assert "ok   notify: channel audit: its address is one of JSON; nothing was sent" in said
    assert "FAIL notify: channel ops: The address of channel ops is no URL that Apprise understands" in said
    webhook.status = 500
    said = desk.rotate("notify-test", "audit", code=3).err
    assert said == "Channel audit did not take a message: its service answered 500.\n"
