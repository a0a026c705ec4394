"""A new token is tried as its consumers use it: by a request, or by a command. Nothing is changed by it.

The answer is one of the three that an issuer gives, so the flow treats it alike. It never raises for an answer, and
nothing of an answer but a status or an exit code is read, kept or told.
"""

from __future__ import annotations

from rotator.domain.contracts import Verification
from rotator.domain.secret_value import SecretValue
from rotator.domain.trial import HttpTrial, Trial


def try_out(trial: Trial, value: SecretValue) -> Verification:
    """Try a value once. INDETERMINATE for whatever proves neither that it works nor that it does not."""
    if isinstance(trial, HttpTrial):
        from rotator.flow.http_trial import send  # noqa: PLC0415  hardly any policy asks for one

        return send(trial, value)
    from rotator.flow.command_trial import run  # noqa: PLC0415  as above

    return run(trial, value)
