"""Reads one answer from a connection, with llhttp (the parser of Node.js), and decides whether all of it came.

What llhttp refuses is an answer that was lost, and so is one that ends before its end. Nothing of either is quoted.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPMethod, HTTPStatus
from typing import Final

from httptools import HttpParserCallbackError, HttpParserError, HttpParserUpgrade, HttpResponseParser

_LARGEST_BODY: Final = 8 * 1024 * 1024
_LARGEST_HEAD: Final = 256 * 1024
"""With all early answers before it. No server of ours sends a tenth of that, but a broken one may go on for ever."""
_LARGEST_ANSWER: Final = 2 * _LARGEST_BODY
"""As it is sent: chunks have lengths, which may have extensions, and headers may follow the last."""
_AT_ONCE: Final = 64 * 1024
_GZIP_OR_ZLIB: Final = 32 + zlib.MAX_WBITS
_COMPRESSED: Final = ("gzip", "x-gzip", "deflate")
_NO_CODINGS: Final = ("", "identity", "none", "utf-8")
"""What some servers call that they did not compress, or take for the place of the character set."""


class NotAnswered(Exception):
    """The request may have arrived, and no whole answer came. Says why in a word or two, and quotes nothing."""


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """An answer with all of its body, decompressed."""

    status: int
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    """In the order in which they came, by lower-case names, which may stand there more than once."""
    body: bytes = field(repr=False)
    leaves_connection: bool
    """Whether another request may follow on the same connection."""


def read_answer(receive: Callable[[int], bytes], method: str) -> RawAnswer:
    """Read the answer to a request of this method. ``receive`` gives some bytes, at most so many; none at the end.

    Raises NotAnswered, and whatever ``receive`` raises.
    """
    reading = _Reading(without_body=method == HTTPMethod.HEAD)
    reading.parser = parser = HttpResponseParser(reading)
    # What RFC 9112 lets pass (2.2, 5.2, 6.3, 7.1.1). The danger is two who read the same bytes: a proxy and its server.
    parser.set_dangerous_leniencies(
        lenient_chunked_length=True,
        lenient_headers=True,  # a value may go on in the next line: a policy for browsers often does
        lenient_optional_cr_before_lf=True,
        lenient_spaces_after_chunk_size=True,
    )
    try:
        while not reading.is_whole and not reading.refused:
            data = receive(_AT_ONCE)
            if not data:
                reading.ends()
                break
            parser.feed_data(data)
            reading.count(len(data))
    except HttpParserCallbackError as error:  # not the answer's fault: a signal's handler may have raised
        raise error.__context__ or error from None
    except (HttpParserError, HttpParserUpgrade) as error:
        if not reading.is_whole:  # else it is about what came after it, unasked
            raise NotAnswered("it is not HTTP") from error
        reading.leaves_connection = False
    finally:
        del reading.parser  # else they hold each other, and what came, until the collector finds them
    if reading.refused:
        raise NotAnswered(reading.refused)
    codings = ",".join(value for name, value in reading.headers if name == "content-encoding")
    return RawAnswer(
        reading.status,
        tuple(reading.headers),
        _decompressed(b"".join(reading.body), codings),
        reading.leaves_connection,
    )


class _Reading:
    """What llhttp calls, and what it has told so far."""

    parser: HttpResponseParser

    def __init__(self, *, without_body: bool) -> None:
        self._without_body = without_body
        self.status = 0
        self.headers: list[tuple[str, str]] = []
        self.body: list[bytes] = []
        self.is_whole = False
        self.leaves_connection = False
        self.refused = ""
        """Why what is well-formed is not taken."""
        self._in_head = True
        self._received = 0
        self._room = _LARGEST_BODY

    def count(self, received: int) -> None:
        """Refuse what has no end."""
        self._received += received
        if self._received > (_LARGEST_HEAD if self._in_head else _LARGEST_ANSWER):
            self.refused = "the answer is too large"

    def on_message_begin(self) -> None:
        if self.is_whole:
            self.leaves_connection = False  # more came than was asked for
        else:
            self._in_head = True
            self.headers.clear()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.is_whole or not self._in_head:  # it comes after the body, where nothing counts
            return
        if b"\0" in value or name.endswith(b" "):  # which passes, too, where lines may be folded
            self.refused = "it is not HTTP"
        else:
            self.headers.append((name.decode("latin-1").lower(), value.strip(b" \t").decode("latin-1")))

    def on_headers_complete(self) -> None:
        if self.is_whole:
            return
        self._in_head = False
        self.status = self.parser.get_status_code()
        if any(name == "transfer-encoding" and value.lower() != "chunked" for name, value in self.headers):
            self.refused = "it is in a coding that nobody asked for"
        if self._without_body:
            self.on_message_complete()

    def on_body(self, data: bytes) -> None:
        if self.is_whole:
            self.leaves_connection = False
            return
        self._room -= len(data)
        if self._room < 0:
            self.refused = "the answer is too large"
        else:
            self.body.append(data)

    def on_message_complete(self) -> None:
        if not self.is_whole and self.status >= HTTPStatus.OK:  # others may come before it (RFC 9110, 15.2)
            self.is_whole = True
            self.leaves_connection = self.parser.should_keep_alive()

    def ends(self) -> None:
        """Take the connection's end for the body's, where nothing else tells it."""
        lengths = ("content-length", "transfer-encoding")
        if self._in_head or self.status < HTTPStatus.OK or any(name in lengths for name, _ in self.headers):
            raise NotAnswered("the connection ended")


def _decompressed(body: bytes, codings: str) -> bytes:
    """Undo what a server does that compresses though it is asked not to."""
    applied = [coding for word in codings.split(",") if (coding := word.strip().lower()) not in _NO_CODINGS]
    if not applied or not body:
        return body
    if len(applied) > 1 or applied[0] not in _COMPRESSED:
        raise NotAnswered("it is in a coding that nobody asked for")
    unpacking = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        whole = unpacking.decompress(body, _LARGEST_BODY + 1)
    except zlib.error as error:
        raise NotAnswered("it cannot be decompressed") from error
    if len(whole) > _LARGEST_BODY:
        raise NotAnswered("the answer is too large")
    if not unpacking.eof or unpacking.unused_data:  # cut, or with more behind it that would be missing
        raise NotAnswered("it cannot be decompressed")
    return whole
