"""Events as sentences: one wording for the history, the progress of a command and the daemon's log."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rotator.domain.model import Event

_SENTENCES: Final[Mapping[str, str]] = {
    "compromised": "its tokens got out{because}; incident {incident}",
    "incident over": "every old token is proven dead; incident {incident} is over",
    "revoked again": "{handle} was revoked before, and listed again: revoked once more; {seen}",
    "adopted": "adopted {handle}: it is the token in use now{in_place_of}",
    "came too late": "{handle} ({name}) came when others had gone on without it: revoking it",
    "late one ended": "{handle}, which came too late, is dead: {proof}",
    "opened": "rotation opened ({cause}){because}{at_commit}",
    "containing": "revoking the old token first: {handles}",
    "contained": "the old token is dead: {proof}",
    "issuing": "asking the issuer for {name}",
    "to be made": "{name} is to be made by hand",
    "asked": "asked a person: {what} {remedy}",
    "reminded": "reminded, for the {number}. time: {what} {remedy}",
    "handed in": "a person handed in {name}",
    "handed in again": "a person handed in {name} again",
    "looked for the value": "no destination can give the value back",
    "hurried": "the token in use got out: no overlap, and ahead of everything else",
    "to be deleted": "to be deleted by hand: {names}",
    "gone": "gone; {deaths}",
    "issued": "issued {handle}",
    "refused": "the issuer made no token",
    "sought": "looked for {name}, whose creation was not answered: {found}",
    "discarding": "revoking a token that nobody holds: {handles}",
    "shortened": "the issuer ends {handle} at {expires}, now that there is another",
    "discarded": "it is dead: {proof}",
    "recovered": "took the value of {handle} back from a destination",
    "value lost": "the value of {handle} is lost; another token will be issued",
    "verified": "the issuer accepts {handle}{tried_by}",
    "publishing": "writing to {destinations}",
    "written": "written {to_destinations}{failures}",
    "published": "published everywhere",
    "confirmed": "read back and confirmed: {handle} is in use{tried_by}",
    "overlap": "the old token lives until {until}",
    "overlap ended": "the overlap was ended early",
    "retiring": "revoking {handles}",
    "proven": "{deaths}",
    "retired": "retired; {deaths}{put_away}",
    "withdrawing": "taking it back: {why}",
    "taken back": "the earlier value is back everywhere",
    "no way back": "it could not be taken back: {why}",
    "withdrawn": "withdrawn; the old token is in force",
    "moved": "a person says that {issuer} is the same service under its new address",
    "resumed": "resumed",
    "trouble": "{what} {remedy}",
}


def sentence(event: Event) -> str:
    """Say what happened, in one line. An unknown kind is shown as it is."""
    detail = {key: _plain(value) for key, value in event.detail.items()}
    return _SENTENCES.get(event.kind, event.kind).format_map(_Known({**detail, **_phrases(event.detail)})).strip()


def _phrases(detail: Mapping[str, Any]) -> dict[str, str]:
    """Give the parts of sentences that are there only when there is something to say."""
    reason, commit, proof, until = (detail.get(key) for key in ("reason", "commit", "proof", "until"))
    written, failed = detail.get("destinations"), detail.get("failed")
    put_away = detail.get("put_away") or {}
    still_there = {place: why for place, why in put_away.items() if why != "done"}
    left = detail.get("left") or {}
    return {
        "until": f"{datetime.fromisoformat(until):%Y-%m-%d %H:%M} UTC" if until else "-",
        "because": f": {reason}" if reason else "",
        "tried_by": f"; {detail['tried']} accepted it, too" if detail.get("tried") else "",
        "in_place_of": f"; {detail['in_place_of']}, which was, is ended after its overlap"
        if detail.get("in_place_of")
        else "",
        "at_commit": f", policies at {_short(str(commit))}" if commit else "",
        "to_destinations": f"to {_plain(written)}" if written else "nowhere",
        "put_away": "".join(
            (
                "; the version with the old one is put away" if len(put_away) > len(still_there) else "",
                f"; it is still kept at {_plain(still_there)}" if still_there else "",
                f"; one is left to the rotation that needs it for its own proof: {_plain(left)}" if left else "",
            )
        ),
        "remedy": _plain(detail["remedy"]) if detail.get("remedy") else "",
        "failures": f"; failed: {_plain(failed)}" if failed else "",
        "deaths": f"proof of death: {_plain(proof)}" if proof else "no old token was left to revoke",
    }


def _short(commit: str) -> str:
    digits, dash, dirty = commit.partition("-")
    return f"{digits[:_DIGITS_OF_A_COMMIT]}{dash}{dirty}"


_DIGITS_OF_A_COMMIT: Final = 12


class _Known(dict[str, str]):
    """A field that an event does not have is shown as a dash: an old event must stay readable."""

    def __missing__(self, _key: str) -> str:
        return "-"


def _plain(value: Any) -> str:
    if value in (None, "", [], {}):
        return "none"
    match value:
        case dict():
            return ", ".join(f"{key}: {_plain(item)}" for key, item in value.items())
        case list() | tuple():
            return ", ".join(_plain(item) for item in value)
        case _:
            return str(value)
