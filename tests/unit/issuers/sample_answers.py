"""Answers as servers send them: whole in many ways, cut, and garbled."""

from __future__ import annotations

import gzip
import zlib

from tests.unit.issuers.raw_server import DONE, head

CHUNKED = head("Transfer-Encoding: chunked")
CUT = {
    "nothing": b"",
    "a piece of a status": b"HTTP/1.1 20",
    "a status without its end": b"HTTP/1.1 200 OK",
    "a status and no more": b"HTTP/1.1 200 OK\r\n",
    "half of the headers": b"HTTP/1.1 200 OK\r\nX-One: 1\r\n",
    "half a header": b"HTTP/1.1 200 OK\r\nX-One: 1\r\nX-T",
    "half a body": head("Content-Length: 9") + b"{}",
    "no body": head("Content-Length: 9"),
    "half a chunk": CHUNKED + b"9\r\n{}",
    "half a chunk's length": CHUNKED + b"2\r\n{}\r\n1",
    "all chunks but the last": CHUNKED + b"2\r\n{}\r\n",
    "an early answer": b"HTTP/1.1 103 Early Hints\r\nLink: </style>\r\n\r\n",
}
GARBLED = {
    "another protocol": b"SSH-2.0-OpenSSH_9.6\r\n",
    "a status that is none": b"HTTP/1.1 OK\r\n\r\n",
    "another HTTP": b"HTTP/3.0 200 OK\r\n\r\n",
    "a line that is no header": head("garbage", "X-One: 1", "Content-Length: 2") + b"{}",
    "a header with a NUL": head("X-One: 1\x00", "Content-Length: 2") + b"{}",
    "a header with half the end of a line": head("X-One: 1\rX-Two: 2", "Content-Length: 2") + b"{}",
    "a name with a space": head("Content-Length : 2") + b"{}",
    "two lengths": head("Content-Length: 2", "Content-Length: 3") + b"{} ",
    "a status with more in it": head("Content-Length: 2", status="X-One: 1") + b"{}",
    "a length that is none": head("Content-Length: two") + b"{}",
    "a negative length": head("Content-Length: -2") + b"{}",
    "a coding that nobody asked for": head("Transfer-Encoding: gzip, chunked") + b"2\r\n{}\r\n0\r\n\r\n",
    "a coding that nobody asked for, and more": head("Transfer-Encoding: gzip, chunked") + b"2\r\n{}\r\n0\r\n\r\n?",
    "a chunk's length that is none": CHUNKED + b"two\r\n{}\r\n0\r\n\r\n",
    "no gzip": head("Content-Encoding: gzip", "Content-Length: 2") + b"{}",
    "a coding in a coding": head("Content-Encoding: gzip, gzip", "Content-Length: 2") + b"{}",
    "a coding in one of another header": head("Content-Encoding: br", "Content-Encoding: gzip") + gzip.compress(b"{}"),
    "more than was compressed": head("Content-Encoding: gzip") + gzip.compress(b"{") + gzip.compress(b"}"),
}
WHOLE = {
    "with its length": head("Content-Length: 2") + b"{}",
    "in chunks": CHUNKED + b"1\r\n{\r\n1;more=yes\r\n}\r\n0\r\nX-Sum: 1\r\n\r\n",
    "both, which means chunks": head("Content-Length: 9", "Transfer-Encoding: chunked") + b"2\r\n{}\r\n0\r\n\r\n",
    "after many headers": head(*["X-One: 1"] * 200, "Content-Length: 2") + b"{}",
    "after a long header": head(f"X-One: {'1' * 70_000}", "Content-Length: 2") + b"{}",
    "with a header of several lines": head("X-One: 1;\r\n\t2;\n  3", "Content-Length: 2") + b"{}",
    "in chunks with spaces": CHUNKED + b"2  \r\n{}\r\n0\r\n\r\n",
    "in lines that end as on Unix": b"HTTP/1.1 200 OK\nContent-Length: 2\n\n{}",
    "without a reason": head("Content-Length: 2", status="200") + b"{}",
    "until the end": head() + b"{}",
    "by an old server": b"HTTP/1.0 200 OK\r\n\r\n{}",
    "after early ones": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nX-Early: 1\r\n\r\n" + DONE,
    "compressed, though we asked for none": head("Content-Encoding: gzip") + gzip.compress(b"{}"),
    "deflated": head("Content-Encoding: deflate") + zlib.compress(b"{}"),
    "in a coding that means nothing": head("Content-Encoding: identity") + b"{}",
    "in no coding": head("Content-Encoding:", "Content-Encoding: none") + b"{}",
    "in a character set": head("Content-Encoding: UTF-8") + b"{}",
}
