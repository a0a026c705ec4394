"""Where a request goes: the path as it is sent, the origin that may have credentials, and the next page's address."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from providers.http.address import origin_of, target_of
from providers.http.headers import cookies_of, next_link


@pytest.mark.parametrize(
    ("address", "sent"),
    [
        ("/things", "/things"),
        ("/a b/ü", "/a%20b/%C3%BC"),
        ("/a%20b%2Fc", "/a%20b%2Fc"),
        ("/100%/%zz", "/100%25/%25zz"),
        ("/a;b=1/c:d@e,(f)'*!$&+=~-._", "/a;b=1/c:d@e,(f)'*!$&+=~-._"),
        ('/[a]{b}<c>|^`"\\', "/%5Ba%5D%7Bb%7D%3Cc%3E%7C%5E%60%22%5C"),
        ("/a/../b/./c", "/b/c"),
        ("/..", "/"),
        ("//x//y/", "//x//y/"),
        ("/.well-known/x", "/.well-known/x"),
        ("/things?a=b c&d=/ü?", "/things?a=b%20c&d=/%C3%BC?"),
        ("/things?a=%2F+x", "/things?a=%2F+x"),
        ("/things?a=../b", "/things?a=../b"),
        ("/things#part?x", "/things"),
    ],
)
def test_what_may_not_stand_in_a_path_is_quoted_once(address, sent):
    assert target_of(address, {}) == sent


@pytest.mark.parametrize(
    ("address", "query", "sent"),
    [
        ("/things", {"a": "b c&d=e", "ü": "~"}, "/things?a=b+c%26d%3De&%C3%BC=~"),
        ("/things?page=2&empty=", {"key": "%"}, "/things?page=2&empty=&key=%25"),
        ("/things?page=2&page=3&x=y", {"page": "4"}, "/things?x=y&page=4"),
        ("/things?x=%2F+y", {"page": "4"}, "/things?x=%2F+y&page=4"),
    ],
)
def test_a_query_comes_on_top_of_what_is_asked_already(address, query, sent):
    assert target_of(address, query) == sent


@pytest.mark.parametrize(
    ("one", "another"),
    [
        ("https://API.example.com/x", "https://api.example.com:443/y"),
        ("http://127.0.0.1", "http://127.0.0.1:80"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("http://[::1]", "http://[::1]:80/x"),
    ],
)
def test_one_origin_written_in_two_ways(one, another):
    assert origin_of(urlsplit(one)) == origin_of(urlsplit(another))


@pytest.mark.parametrize(
    "other",
    ["http://api.example.com", "https://api.example.com:444", "https://example.com", "https://api.example.com.evil"],
)
def test_another_origin(other):
    assert origin_of(urlsplit("https://api.example.com")) != origin_of(urlsplit(other))


@pytest.mark.parametrize(
    "url", ["https://straße.example", "https://ﬁ.example", "https:///x", "ftp://x", "https://a..b", "https://a b"]
)
def test_a_name_that_may_stand_for_two_hosts_is_none(url):
    with pytest.raises(ValueError, match=r"host|label"):
        origin_of(urlsplit(url))


@pytest.mark.parametrize(
    ("header", "address"),
    [
        ('<https://x/?page=2>; rel="next"', "https://x/?page=2"),
        ('<https://x/?page=1>; rel="prev", <https://x/?page=3>; rel="next"', "https://x/?page=3"),
        ("</a,b;c>;rel=next", "/a,b;c"),
        ('</a> ; title="a, <b>; rel=\\"next\\"" ; rel=prev , </c>; REL="last NEXT"', "/c"),
        ('</a>; rel="next"; title="x", </b>; rel="next"', "/a"),
        ('</a>; rel="nextish", </b>; x-rel="next", </c>', None),
        ("next", None),
        ("", None),
        ("<" * 60_000, None),
        ("<a>;" + " " * 60_000, None),
        ("<a>" + ";x" * 30_000 + '"', None),
    ],
    ids=lambda value: str(value)[:40],
)
def test_the_next_page_is_what_the_link_header_calls_so(header, address):
    assert next_link(header) == address


def test_cookies_of_other_hosts_and_ended_ones_are_left_out():
    set_cookies = (
        'session="a b=c"; Path=/hub; Secure; HttpOnly',
        "empty=",
        "elsewhere=1; Domain=example.org",
        "parent=1; Domain=example.com",
        "ended=1; Max-Age=0",
        "long_ago=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
        "csrf=d; SameSite=Lax",
    )
    given = dict(cookies_of(set_cookies, "https://api.example.com"))
    assert given == {"session": '"a b=c"', "empty": "", "parent": "1", "csrf": "d"}
