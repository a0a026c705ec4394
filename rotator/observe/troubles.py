"""Why a rotation does not move, and the command that moves it: one wording for commands and notifications."""

from __future__ import annotations

from rotator.domain.model import Phase, Rotation, Trouble


def stuck(rotation: Rotation) -> str:
    """Say why a rotation does not move, and what moves it."""
    trouble = rotation.trouble
    if trouble is None:
        return f"It was interrupted. The next run goes on; `rotate resume {rotation.id}` does at once."
    return f"{as_sentence(trouble.what)} {way_out(rotation, trouble)}".rstrip()


def way_out(rotation: Rotation, trouble: Trouble) -> str:
    """Say what a person can do, with the command."""
    return f"{as_sentence(trouble.remedy)} {_command(rotation, trouble)}".strip()


def _command(rotation: Rotation, trouble: Trouble) -> str:
    if "`rotate " in trouble.remedy:
        return ""
    if not trouble.needs_operator:
        again = f"The next run after {rotation.retry_at:%Y-%m-%d %H:%M} UTC" if rotation.retry_at else "The next run"
        return f"{again} tries again; `rotate resume {rotation.id}` does at once."
    onward = f"Then run `rotate resume {rotation.id}`"
    return f"{onward}, or `rotate withdraw {rotation.id}` to go back." if _can_go_back(rotation) else f"{onward}."


def _can_go_back(rotation: Rotation) -> bool:
    old_lives = rotation.old is None or rotation.old.state.may_live
    return old_lives and rotation.phase is not Phase.CONFIRMED


def as_sentence(text: str) -> str:
    """End a text as a sentence ends."""
    return text if not text or text.endswith((".", "!", "?")) else f"{text}."
