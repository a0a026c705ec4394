"""What is kept of an event's detail: plain data, without any value that is alive in this process."""

from __future__ import annotations

from types import MappingProxyType

import pytest

from rotator.domain.secret_value import MASK, SecretValue
from rotator.ledger.plain_data import plain

VALUE = "sbx_5f2e9c4471d0a8b3"


@pytest.mark.parametrize(
    ("detail", "kept"),
    [
        ({"said": f"not {VALUE}"}, {"said": f"not {MASK}"}),
        ({"failed": {"vault": f"got {VALUE}"}}, {"failed": {"vault": f"got {MASK}"}}),
        ({"names": ["a", VALUE]}, {"names": ["a", MASK]}),
        ({"failed": {VALUE: "as a key"}}, {"failed": {MASK: "as a key"}}),
        (MappingProxyType({"said": VALUE}), {"said": MASK}),
    ],
)
def test_a_living_value_is_masked_wherever_it_stands(detail, kept):
    value = SecretValue(VALUE)
    assert plain(detail) == kept
    assert value.same_as(SecretValue(VALUE))  # it was alive all the while


def test_what_a_database_cannot_hold_is_replaced_with_or_without_a_value_beside_it():
    value = SecretValue(VALUE)
    assert plain({"said": "a\0b \ud800"}) == {"said": "a\N{REPLACEMENT CHARACTER}b ?"}
    assert plain({"said": "a\0b", "also": VALUE}) == {"said": "a\N{REPLACEMENT CHARACTER}b", "also": MASK}
    assert value.same_as(SecretValue(VALUE))


@pytest.mark.parametrize("foreign", [SecretValue("kept-out-of-the-ledger"), 1.5, b"bytes", {1: "a"}, (1, 2)])
def test_anything_but_plain_data_is_refused(foreign):
    with pytest.raises(TypeError):
        plain({"said": foreign})
