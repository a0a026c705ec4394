"""Structured logs that cannot carry a token: an allow-list of fields first, redaction by known value last.

Lines go to standard error, as JSON where machines read them. Libraries log through the same door, and only warnings:
at lower levels botocore prints bodies and URLs. urllib3 prints URLs and headers in warnings, too, so it says nothing.

Most runs write no line at all, so structlog (40 ms) is imported for the first one.
"""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from collections.abc import MutableMapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from rotator.domain.clock import SystemClock
from rotator.domain.secret_value import redact
from rotator.domain.visible import one_line
from rotator.observe.events import sentence

if TYPE_CHECKING:
    from rotator.domain.model import Event

ALLOWED_FIELDS: Final = frozenset(
    {
        "at",
        "level",
        "event",
        "secret",
        "rotation",
        "handle",
        "name",
        "kind",
        "step",
        "actor",
        "error",
        "where",
        "logger",
        "file",
        "policies",
    }
)
"""What a log line may say. A field that is not here is dropped by name; its value is never looked at."""

_LIBRARIES: Final = ("alembic", "apscheduler", "boto3", "botocore", "hvac", "requests")

_clock = SystemClock()

Line = MutableMapping[str, Any]


class _Door:
    """The setting up of structlog, put off until the first line is written, and then done once."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # whoever logs while it is being set up is the thread that does it
        self._wanted: tuple[str, bool] | None = None

    def prepare(self, level: str, *, as_json: bool) -> None:
        with self._lock:
            self._wanted = level, as_json

    def open(self) -> None:
        with self._lock:
            if self._wanted is not None:
                _set_up_structlog(*self._wanted)
                self._wanted = None


_door = _Door()


def configure(level: str, *, as_json: bool) -> None:
    """Set up this process's logging: ours at ``level``, libraries' at WARNING, all redacted, to standard error."""
    _door.prepare(level, as_json=as_json)
    handler = _Forwarding(logging.WARNING)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for name in _LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("urllib3").setLevel(logging.CRITICAL)


def logger() -> Any:
    """Give what lines are written with: ``logger().error("what happened", secret=…)``."""
    import structlog  # noqa: PLC0415  see above

    _door.open()
    return structlog.get_logger()


def _set_up_structlog(level: str, as_json: bool) -> None:
    import structlog  # noqa: PLC0415  see above

    renderer: Any = structlog.processors.JSONRenderer(sort_keys=True) if as_json else _plainly
    lines = _Lines()
    structlog.configure(
        processors=[_with_time_and_level, _with_where, _only_allowed, renderer, _redacted],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=lambda: lines,
        cache_logger_on_first_use=False,
    )


class _Lines:
    """Standard error, a line at a time. What it does not take, on a full disk or with nobody to read it, is lost.

    Whoever logs goes on with their work.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def write(self, line: str) -> None:
        with self._lock, suppress(OSError, ValueError):  # ValueError: it is closed
            print(line, file=sys.stderr, flush=True)  # noqa: T201  the log itself

    debug = info = warning = error = critical = write


def log_event(event: Event) -> None:
    """Write an event of the audit log as a log line, too."""
    logger().info(sentence(event), kind=event.kind, secret=event.secret, rotation=event.rotation, actor=event.actor)


def _with_time_and_level(_logger: Any, method: str, line: Line) -> Line:
    return {"at": _clock.now().isoformat(timespec="milliseconds"), "level": method, **line}


def _with_where(_logger: Any, _method: str, line: Line) -> Line:
    """Reduce an exception to its type and the places it went through: a message may quote what it was given."""
    error = line.pop("exc_info", None)
    if isinstance(error, BaseException):
        frames = traceback.extract_tb(error.__traceback__)
        line["error"] = type(error).__name__
        line["where"] = [f"{frame.filename.rsplit('/', 2)[-1]}:{frame.lineno} {frame.name}" for frame in frames]
    return line


def _only_allowed(_logger: Any, _method: str, line: Line) -> Line:
    dropped = sorted(set(line) - ALLOWED_FIELDS)
    kept = {key: value for key, value in line.items() if key in ALLOWED_FIELDS and value is not None}
    return {**kept, "event": f"{kept.get('event', '')} [not logged: {', '.join(dropped)}]"} if dropped else kept


def _plainly(_logger: Any, _method: str, line: Line) -> str:
    rest = " ".join(f"{key}={value}" for key, value in line.items() if key not in ("at", "level", "event"))
    return one_line(f"{line['at']} {line['level']:<7} {line['event']}  {rest}".rstrip())


def _redacted(_logger: Any, _method: str, line: Any) -> str:
    return redact(str(line))


class _Forwarding(logging.Handler):
    """Sends what libraries log through our own processors."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        logger().warning(redact(record.getMessage()), logger=record.name, exc_info=error)
