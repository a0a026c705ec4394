"""Whether a new token works: the issuer is asked, and whoever else the policy names. All of them must accept it.

Nothing is changed by asking, so it may be done at any time and again. Of old tokens the issuer alone is asked.
"""

from __future__ import annotations

from collections.abc import Callable

from rotator.domain.contracts import Verdict, Verification
from rotator.domain.errors import NeedsOperator, Permanent, Temporary
from rotator.domain.secret_value import SecretValue
from rotator.flow.trials import try_out
from rotator.flow.work import Work, poll


def accepted_everywhere(work: Work, value: SecretValue) -> dict[str, str]:
    """Return once ``value`` is accepted as the new token's. Permanent: it is refused; Temporary: somebody does not say.

    Gives who was asked beside the issuer, for the history. The policy in force says who that is: one that was wrong
    can be corrected while the rotation is open.
    """
    _accepted_by_issuer(work, value)
    return passed_trial(work, value)


def passed_trial(work: Work, value: SecretValue) -> dict[str, str]:
    """Return once what the policy asks for beside the issuer accepts the value; the rest as ``accepted_everywhere``."""
    trial = work.tools.trial_of(work.rotation.secret)
    if trial is None:
        return {}
    tried = _until_valid(work, lambda: try_out(trial, value))
    new = work.new.handle or work.new.name
    remedy = "See that the token may do what its consumers need, or correct the policy's `verify`."
    if tried.verdict is Verdict.INVALID:
        what = f"The issuer accepts the new token {new}, but {trial} refuses it. {tried.reason}"
        raise Permanent(what, remedy=remedy)
    if tried.verdict is Verdict.INDETERMINATE:
        what = f"The issuer accepts the new token {new}, but {trial} does not say whether it works. {tried.reason}"
        raise Temporary(what, remedy=remedy)
    return {"tried": str(trial)}


def _accepted_by_issuer(work: Work, value: SecretValue) -> None:
    new = work.new.handle
    said = _until_valid(work, lambda: work.issuer.verify(value))
    if said.verdict is Verdict.INVALID:
        raise Permanent(f"The issuer refuses the new token {new} that it made itself. {said.reason}".strip())
    if said.verdict is Verdict.INDETERMINATE:
        raise Temporary(f"The issuer does not say whether the new token {new} works. {said.reason}".strip())
    if said.handle is not None and said.handle != new:
        raise NeedsOperator(
            f"The issuer says that the new value belongs to {said.handle}, but it made {new}.",
            remedy="Nothing was published. Look at both tokens at the issuer before you go on.",
        )


def _until_valid(work: Work, ask: Callable[[], Verification]) -> Verification:
    """Ask until the answer is VALID, for as long as a new token may still be unknown. Gives the last answer."""
    said: list[Verification] = []

    def valid() -> Verification | None:
        said.append(ask())
        return said[-1] if said[-1].verdict is Verdict.VALID else None

    poll(work, work.issuer.traits.issue_propagation, valid)
    return said[-1]
