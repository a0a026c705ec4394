"""What a store should make of a redirect that answers a change."""

from __future__ import annotations

from rotator.domain.errors import Ambiguous, Permanent, RotatorError


def is_taken_for_what_it_may_be(refusal: RotatorError, status: int, says: str) -> bool:
    """Tell whether it hides nothing: 302 and 303 may come after the change was made, the others come instead of it."""
    if status in (302, 303):
        return type(refusal) is Ambiguous
    return type(refusal) is Permanent and says in str(refusal)
