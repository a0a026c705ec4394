"""A list is whole or an error, whichever way its pages are found."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from rotator.domain.errors import Ambiguous, NeedsOperator, Permanent, Temporary
from tests.unit.issuers.acme import ADMIN, open_acme
from tests.unit.issuers.scripted_server import Answer, Lost


def keys(*handles, **more):
    return Answer(200, {"keys": [{"id": handle, "name": f"key {handle}"} for handle in handles], **more})


def listed(issuer):
    return [info.handle for info in issuer.tokens()]


def paginated(server, **paginate):
    return open_acme(server, {"operations.list.paginate": paginate})


def test_a_token_is_listed_with_what_the_issuer_tells(server):
    server.answers(Answer(200, {"keys": [{"id": 7, "name": "app", "created": 1795315587, "expires": None}]}))
    [info] = open_acme(server).tokens()
    assert (info.handle, info.name, info.expires_at, info.last_used_at) == ("7", "app", None, None)
    assert info.created_at == datetime(2026, 11, 22, 2, 46, 27, tzinfo=UTC)


def test_pages_by_number_end_at_the_total(server):
    server.answers(keys(1, 2, pages=2), keys(3, 4, pages=2))
    assert listed(paginated(server, type="page", total_pages="pages")) == ["1", "2", "3", "4"]
    assert [asked.query for asked in server.asked] == [{"size": "2", "page": "1"}, {"size": "2", "page": "2"}]


def test_pages_by_number_without_a_total_end_at_an_empty_page(server):
    server.answers(keys(1, 2), keys(3), keys())
    assert listed(paginated(server, type="page", param="p", start=0)) == ["1", "2", "3"]
    assert [asked.query["p"] for asked in server.asked] == ["0", "1", "2"]


def test_pages_by_offset_count_items(server):
    server.answers(keys(1, 2, total=3), keys(3, total=3))
    assert listed(paginated(server, type="offset", total="total")) == ["1", "2", "3"]
    assert [asked.query["offset"] for asked in server.asked] == ["0", "2"]


def test_pages_by_cursor_end_without_one(server):
    server.answers(keys(1, next="abc"), keys(2, next="def"), keys(3, next=None))
    assert listed(paginated(server, type="cursor", param="after", next="next")) == ["1", "2", "3"]
    assert [asked.query.get("after") for asked in server.asked] == [None, "abc", "def"]


def test_pages_by_link_header(server):
    first = keys(1)
    link = {"Link": '</projects/p1/keys?page=2>; rel="next", </projects/p1/keys>; rel="first"'}
    server.answers(Answer(200, first.body, headers=link), keys(2))
    assert listed(paginated(server, type="link_header")) == ["1", "2"]
    assert server.asked[1].query == {"page": "2"}


def test_pages_by_address_in_the_answer(server):
    server.answers(keys(1, next=f"{server.url}/projects/p1/keys?from=1"), keys(2, next=""))
    assert listed(paginated(server, type="next_url", next="next")) == ["1", "2"]
    assert server.asked[1].headers["authorization"] == f"Bearer {ADMIN}"


@pytest.mark.parametrize("kind", ["next_url", "link_header"])
def test_a_next_page_on_another_host_never_gets_our_credential(server, elsewhere, kind):
    address = f"{elsewhere.url}/projects/p1/keys"
    answer = keys(1, next=address)
    server.answers(Answer(200, answer.body, headers={"Link": f'<{address}>; rel="next"'}))
    paginate = {"type": kind, "next": "next"} if kind == "next_url" else {"type": kind}
    with pytest.raises(Permanent, match="another host"):
        listed(paginated(server, **paginate))
    assert elsewhere.asked == []


def test_a_list_that_goes_round_in_a_circle_is_given_up(server):
    server.at["GET /projects/p1/keys"] = keys(1, next="again")
    with pytest.raises(Permanent, match="without an end"):
        listed(paginated(server, type="cursor", next="next"))


def test_a_server_that_ignores_the_page_number_is_given_up(server):
    server.at["GET /projects/p1/keys"] = keys(1)
    with pytest.raises(Permanent, match="without an end"):
        listed(paginated(server, type="page"))
    assert len(server.asked) == 2


def test_a_token_on_two_pages_is_listed_once(server):
    server.answers(keys(1, 2, next="a"), keys(2, 3))
    assert listed(paginated(server, type="cursor", next="next")) == ["1", "2", "3"]


PARTS = {
    "the second page is lost": (Lost(), Temporary),
    "the second page fails": (Answer(500), Temporary),
    "the second page takes too long": (Answer(408), Temporary),
    "the second page takes so long that a gateway thinks us gone": (Answer(499), Temporary),
    "the second page is limited": (Answer(429), Temporary),
    "the second page is denied": (Answer(403), NeedsOperator),
    "the second page is no list": (Answer(200, {"keys": None}), Permanent),
    "the second page is not JSON": (Answer(200, b"<html>"), Permanent),
    "an item has no handle": (Answer(200, {"keys": [{"name": "x"}]}), Permanent),
    "an item is not an object": (Answer(200, {"keys": ["x"]}), Permanent),
    "a time cannot be read": (Answer(200, {"keys": [{"id": 9, "created": "yesterday"}]}), Permanent),
    "a time is beyond all times": (
        Answer(200, {"keys": [{"id": 9, "expires": "9999-12-31T23:59:59-05:00"}]}),
        Permanent,
    ),
    "the second page is not there": (Answer(404), Permanent),
    "a redirect": (Answer(302, headers={"Location": "/login"}), Permanent),
}


@pytest.mark.parametrize(("answer", "family"), PARTS.values(), ids=PARTS)
def test_a_part_of_a_list_is_no_list_when(server, answer, family):
    server.answers(keys(1, 2, next="b"), answer)
    with pytest.raises(family) as failed:
        listed(paginated(server, type="cursor", next="next"))
    assert not isinstance(failed.value, Ambiguous), "reading changes nothing"


def test_an_empty_list_that_may_be_a_lie_is_shown_to_a_person(server):
    server.answers(keys(), keys())
    assert listed(open_acme(server)) == []
    with pytest.raises(NeedsOperator, match="no tokens at all"):
        listed(open_acme(server, {"operations.list.empty_may_lie": True}))


def test_an_issuer_without_a_list_says_so_in_its_traits(server):
    issuer = open_acme(server, {"operations.list": None})
    assert not issuer.traits.lists
    assert not issuer.traits.names_tokens
    with pytest.raises(Permanent, match="cannot list"):
        issuer.tokens()


# --- each ---

EACH = {
    "operations.list.items": "keys[].id",
    "operations.list.each": {
        "request": {"method": "GET", "path": "/keys/{{ item }}"},
        "responses": [{"status": 200, "outcome": "ok"}, {"status": 404, "outcome": "gone"}],
    },
}


def test_each_item_is_asked_about_and_those_that_vanished_are_left_out(server):
    server.at = {
        "GET /projects/p1/keys": keys(1, 2, 3),
        "GET /keys/1": Answer(200, {"id": 1, "name": "one"}),
        "GET /keys/2": Answer(404),
        "GET /keys/3": Answer(200, {"id": 3, "name": "three"}),
    }
    assert [(info.handle, info.name) for info in open_acme(server, EACH).tokens()] == [("1", "one"), ("3", "three")]


def test_an_item_that_cannot_be_asked_about_fails_the_list(server):
    server.at = {"GET /projects/p1/keys": keys(1), "GET /keys/1": Answer(500)}
    with pytest.raises(Temporary):
        listed(open_acme(server, EACH))
