"""What only the ledger can find out: two ways in which somebody else was quicker."""

from __future__ import annotations

from rotator.domain.errors import RotatorError
from rotator.domain.model import RotationId, SecretName


class AlreadyOpen(RotatorError):
    """The secret has an open rotation, begun by this process or another one. Nothing was written."""

    def __init__(self, secret: SecretName, rotation_id: RotationId) -> None:
        super().__init__(
            f"{secret} already has an open rotation, {rotation_id}.",
            remedy="Let it finish, or see `rotate status` for what it waits for.",
        )
        self.secret = secret
        self.rotation_id = rotation_id


class OutOfDate(RotatorError):
    """The secret's token is not the one that this rotation was planned to replace. Nothing was written; plan again."""

    def __init__(self, secret: SecretName) -> None:
        super().__init__(
            f"The token of {secret} was changed by another rotation or adoption since this one was planned.",
            remedy="Plan it again.",
        )
        self.secret = secret
