from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from rotator.domain.model import Phase
from rotator.domain.secret_value import SecretValue
from rotator.ledger.plain_data import plain, storable


def test_plain_data_stays_as_it_is() -> None:
    detail = {"text": "a", "count": 3, "yes": True, "nothing": None, "list": [1, ["b"]], "dict": {"c": {}}}
    assert plain(detail) == detail


def test_a_word_of_the_domain_becomes_a_text() -> None:
    [kept] = plain({"phase": Phase.ISSUED}).values()
    assert type(kept) is str
    assert kept == "ISSUED"


@pytest.mark.parametrize(
    ("detail", "where"),
    [
        ({"value": SecretValue("hunter2!")}, "detail.value in an event is a SecretValue"),
        ({"deep": [{"er": [SecretValue("hunter2!")]}]}, r"detail.deep\[0\].er\[0\] in an event is a SecretValue"),
        ({"at": datetime(2026, 1, 1, tzinfo=UTC)}, "detail.at in an event is a datetime"),
        ({"ratio": 0.5}, "detail.ratio in an event is a float"),
        ({"raw": b"hunter2!"}, "detail.raw in an event is a bytes"),
        ({"pair": ("a", "b")}, "detail.pair in an event is a tuple"),
        ({"map": {1: "a"}}, "a key of detail.map in an event is a int"),
        ({SecretValue("hunter2!"): "a"}, "a key of detail in an event is a SecretValue"),
    ],
)
def test_anything_else_is_refused_by_its_place_and_kind(detail: dict[Any, Any], where: str) -> None:
    with pytest.raises(TypeError, match=where):
        plain(detail)


def test_a_known_value_is_masked_wherever_it_stands() -> None:
    value = SecretValue("tok-8fj2k1l9")
    kept = plain({value.reveal(): [f"<{value.reveal()}>"]})
    assert kept == {"•••": ["<•••>"]}


def test_what_a_database_cannot_hold_is_replaced() -> None:
    assert storable("a\0b\udcffc") == "a\N{REPLACEMENT CHARACTER}b?c"
