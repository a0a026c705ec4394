"""What people are told, and in which words: from facts to a subject and a body. Pure; no value ever.

Each body says whose secret it is, what is the matter, and the command that helps.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from rotator.domain import reminders
from rotator.domain.errors import Problem
from rotator.domain.model import Cause, Phase, Rotation, SecretName, Token, TokenState
from rotator.domain.notice import OF_NO_SECRET, Notice, Told, Topic
from rotator.domain.visible import one_line
from rotator.observe.troubles import as_sentence, way_out

AN_HOUR: Final = timedelta(hours=1)
"""How long something that is tried again by itself may fail before anybody is told."""

_WITHOUT_LEDGER: Final = timedelta(minutes=5)
_PROBLEMS_SHOWN: Final = 10


def got_out(secret: SecretName, owner: str, what: str, since: datetime, remedy: str) -> Notice:
    """A token that somebody declared compromised, and that nothing is about to end."""
    lines = [f"What: {what}", f"Declared at {_moment(since)}. No rotation is under way that would end it."]
    return Notice(
        Topic.GOT_OUT,
        secret,
        f"{secret}: a compromised token may still live",
        _body(secret, owner, *lines, do=remedy),
        same_as=f"{since.isoformat()} {what}",
    )


def needs_person(rotation: Rotation, owner: str) -> Notice:
    """An open rotation that only a person can move on."""
    trouble = rotation.trouble
    assert trouble is not None
    lines = [
        f"What: {as_sentence(trouble.what)}",
        f"Rotation: {rotation.id} ({rotation.phase}, since {_moment(rotation.phase_at)})",
        _consequence(rotation),
    ]
    if trouble.kind == "operator" and old_is_still_used(rotation):
        subject = "the old token is still used, and its longest overlap is over"
        places = "; ".join(str(each.target) for each in rotation.destinations)
        lines.append(f"Consumers read the new one from: {places}")
    else:
        subject = "somebody is asked to do something" if trouble.kind == "person" else "the rotation needs a person"
    return Notice(
        Topic.NEEDS_PERSON,
        rotation.secret,
        f"{rotation.secret}: {subject}",
        _body(rotation.secret, owner, *lines, do=way_out(rotation, trouble)),
        same_as=f"{rotation.id} {trouble.what}",
        deadline=reminders.deadline(rotation),
    )


def old_is_still_used(rotation: Rotation) -> bool:
    """Tell whether a rotation stands still because its longest overlap has passed and the old token lives."""
    overlap, old = rotation.overlap, rotation.old
    return (
        rotation.phase is Phase.CONFIRMED
        and overlap.until_unused_for is not None
        and old is not None
        and old.state is TokenState.LIVE
    )


def _consequence(rotation: Rotation) -> str:
    """Say what it means for consumers, so that somebody who was woken up knows whether to stay up."""
    if rotation.cause is Cause.COMPROMISED and rotation.phase is not Phase.RETIRED:
        return "It was begun because of a compromise: the old token may still work for whoever has it."
    old = rotation.old
    if rotation.phase is not Phase.CONFIRMED and old is not None and old.state is not TokenState.LIVE:
        return "The old token was revoked first: consumers may be without a working one."
    return "Meanwhile consumers have a token that works."


def failing(secret: SecretName, owner: str, why: str) -> Notice:
    """A rotation that does not come about, or does not end, though it is tried again and again."""
    lines = [f"What: {as_sentence(why)}", "It is tried again by itself, every hour at the least."]
    do = f"`rotate plan {secret}` says what stands in the way; when it is mended, `rotate now {secret}` does not wait."
    subject = f"{secret}: cannot be rotated"
    return Notice(Topic.FAILING, secret, subject, _body(secret, owner, *lines, do=do), patience=AN_HOUR)


def expiring(secret: SecretName, owner: str, expires_at: datetime, why_not: str, now: datetime) -> Notice:
    """A token that will expire, or has, and that nothing replaces by itself. ``why_not``: what stands in the way."""
    left = expires_at - now
    when = f"expires in {_length(left)}" if left > timedelta() else "has expired"
    lines = [
        f"What: the token in force {when}, at {_moment(expires_at)}.",
        f"It is not rotated: {as_sentence(why_not)}",
    ]
    do = f"`rotate now {secret}` replaces it at once; `rotate status {secret}` says where it stands."
    return Notice(
        Topic.EXPIRING,
        secret,
        f"{secret}: the token {when}",
        _body(secret, owner, *lines, do=do),
        deadline=expires_at,
    )


def no_policy(secret: SecretName, token: Token) -> Notice:
    """A secret that no policy names any more, while its token lives."""
    expiry = f"expires at {_moment(token.expires_at)}" if token.expires_at else "does not expire, as far as is known"
    lines = [
        "What: no policy names it any more. Nothing is revoked for that: its token lives on, and nobody rotates it.",
        f"The token: {token.handle or token.name or 'without a known id'}, which {expiry}.",
    ]
    do = "put the policy back; or, when nobody needs the token, revoke it at its issuer."
    return Notice(Topic.NO_POLICY, secret, f"{secret}: no policy any more", _body(secret, "", *lines, do=do))


def policies_refused(problems: Sequence[Problem]) -> Notice:
    """New policies that are not good."""
    shown = [one_line(f"  {problem}") for problem in problems[:_PROBLEMS_SHOWN]]
    more = len(problems) - len(shown)
    lines = ["The newest policies are refused. Those in force stay in force.", *shown]
    if more:
        lines.append(f"  and {more} more")
    body = "\n".join([*lines, "Do: mend them and commit; `rotate check` shows the same problems."])
    same_as = "\n".join(map(str, problems))
    return Notice(Topic.POLICIES, OF_NO_SECRET, "the newest policies are refused", body, same_as)


def ledger_unreachable(trouble: str) -> Notice:
    """A ledger that cannot be used: nothing is rotated without it."""
    body = "\n".join(
        [
            f"What: {as_sentence(trouble)}",
            "Nothing is rotated, and nothing else can be told, until it is back. Consumers keep the tokens they have.",
            "Do: bring the database back; the daemon goes on by itself.",
        ]
    )
    return Notice(Topic.LEDGER, OF_NO_SECRET, "the ledger cannot be used", body, patience=_WITHOUT_LEDGER)


def compromise_ended(rotation: Rotation, owner: str, old_may_live: str | None) -> Notice:
    """How a rotation after a compromise ended: what is proven, and what is not."""
    deaths = [f"{token.handle or token.name}: {token.proof}" for token in (rotation.old, *rotation.strays) if token]
    if rotation.phase is Phase.WITHDRAWN:
        result = "it was WITHDRAWN: the old token is in force everywhere, for whoever has it, too"
        again = f"`rotate now {rotation.secret} --compromised`"
        do = f"`rotate history {rotation.secret}` says why; mend that and run {again}."
    elif old_may_live is not None:
        result, do = f"rotated, BUT {old_may_live}", "see at the issuer that it is gone."
    else:
        result, do = "rotated; every old token is proven dead", ""
    lines = [
        f"What: {as_sentence(result)}",
        f"Proof of death: {', '.join(deaths) or 'none'}.",
        f"Rotation: {rotation.id}, begun {_moment(rotation.opened_at)}, ended {_moment(rotation.phase_at)}",
        *([f"Reason: {rotation.reason}"] if rotation.reason else []),
    ]
    mark = "is contained" if not do else "is NOT contained"
    return Notice(
        Topic.COMPROMISE_ENDED,
        rotation.secret,
        f"{rotation.secret}: the compromise {mark}",
        _body(rotation.secret, owner, *lines, do=do),
        same_as=rotation.id,
    )


def rotated(rotation: Rotation, owner: str) -> Notice:
    """An ordinary success, for the channels that ask for them."""
    expiry = rotation.new.expires_at if rotation.new else None
    lines = [f"What: rotated, and the old token is dead. Rotation: {rotation.id}"]
    if expiry is not None:
        lines.append(f"The new one expires at {_moment(expiry)}.")
    body = _body(rotation.secret, owner, *lines)
    return Notice(Topic.ROTATED, rotation.secret, f"{rotation.secret}: rotated", body, same_as=rotation.id)


def healed(told: Told, now: datetime) -> tuple[str, str]:
    """Say that a matter that was told is over: its subject and its body."""
    stood = _length(max(now - told.since, timedelta()))
    body = f"It is over, after {stood}. Nothing needs to be done.\nIt was: {told.notice.subject}"
    about = f"{told.notice.secret}: healed" if told.notice.secret else "healed"
    return f"{about} ({_in_short(told.notice)})", body


def _in_short(notice: Notice) -> str:
    return notice.subject.removeprefix(f"{notice.secret}: ")


def message(tellings: Sequence[Told]) -> tuple[str, str]:
    """Put what one channel is to be told now into one message: what was told before says so."""
    parts = [(told.notice.subject, _with_reminder(told)) for told in tellings]
    if len(parts) == 1:
        return f"Rotator: {parts[0][0]}", parts[0][1]
    first, rest = parts[:_IN_FULL], parts[_IN_FULL:]
    texts = [f"* {subject}\n{body}" for subject, body in first]
    if rest:
        names = [f"* {subject}" for subject, _ in rest[:_NAMED]]
        texts.append("\n".join(["And also:", *names]))
        if len(rest) > _NAMED:
            texts.append(f"and {len(rest) - _NAMED} more. `rotate status` shows all of them.")
    return f"Rotator: {len(parts)} matters", "\n\n".join(texts)


_IN_FULL: Final = 8
_NAMED: Final = 30


def _with_reminder(told: Told) -> str:
    if told.is_over:
        return told.notice.body
    since = f"Since: {_moment(told.since)}"
    if told.first_told is not None:
        since += f" (told {told.times} {'time' if told.times == 1 else 'times'} before)"
    return f"{told.notice.body}\n{since}"


def _body(secret: SecretName, owner: str, *lines: str, do: str = "") -> str:
    whose = [f"Secret: {secret}", *([f"Owner: {owner}"] if owner else [])]
    return "\n".join(map(one_line, [*whose, *lines, *([f"Do: {do}"] if do else [])]))


def _moment(when: datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M} UTC"


def _length(length: timedelta) -> str:
    """Write a length of time in its largest unit: ``3 days``, ``5 hours``."""
    for unit, size in (("day", timedelta(days=1)), ("hour", timedelta(hours=1)), ("minute", timedelta(minutes=1))):
        count = length // size
        if count:
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return "less than a minute"
