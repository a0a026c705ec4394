"""The name of a new token fits its issuer, and always carries the mark it can be found by."""

from __future__ import annotations

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotator.domain.contracts import NameRules
from rotator.domain.model import RotationId
from rotator.domain.naming import MARK_LENGTH, mark_of, token_name, why_unfit

MARK = "k3j9x2q"
POGODOC = NameRules(min_length=1, max_length=20)
DOCUMENSO = NameRules(min_length=3, max_length=100, forbid=r"(?i)https?://|www\.")
LETTERS_ONLY = NameRules(pattern="[a-z-]+")
UPPER_CASE = NameRules(pattern="[A-Z0-9_]+", separator="_")
SLUG = NameRules(max_length=30, pattern="[a-z][a-z0-9-]*")


# --- marks -----------------------------------------------------------------------------------------------------------


def test_a_mark_is_the_same_each_time_it_is_asked_for():
    assert mark_of(RotationId("rotation-1"), 1) == mark_of(RotationId("rotation-1"), 1)


def test_every_attempt_and_every_rotation_has_its_own_mark():
    marks = {mark_of(RotationId(f"rotation-{number}"), attempt) for number in range(200) for attempt in range(1, 6)}
    assert len(marks) == 1000


@given(st.text(), st.integers(1, 10**9))
def test_a_mark_is_seven_lower_case_letters_and_digits(rotation, attempt):
    assert re.fullmatch("[a-z2-7]{7}", mark_of(RotationId(rotation), attempt))


# --- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "rules", "name"),
    [
        pytest.param("production-api", NameRules(), "production-api-k3j9x2q", id="room enough"),
        pytest.param("production-api-server", POGODOC, "production-a-k3j9x2q", id="Pogodoc: cut to 20 characters"),
        pytest.param("production-x", POGODOC, "production-x-k3j9x2q", id="Pogodoc: 20 exactly"),
        pytest.param("production--api", NameRules(max_length=19), "production-k3j9x2q", id="no separator left twice"),
        pytest.param("my production api", NameRules(max_length=21), "my production-k3j9x2q", id="no space left behind"),
        pytest.param("x" * 200, DOCUMENSO, "x" * 92 + "-k3j9x2q", id="Documenso: cut to 100"),
        pytest.param("production", NameRules(max_length=9), "p-k3j9x2q", id="room for one letter"),
        pytest.param("production", NameRules(max_length=8), "k3j9x2q", id="room for the separator only"),
        pytest.param("production", NameRules(max_length=7), "k3j9x2q", id="room for the mark only"),
        pytest.param("-- -", NameRules(), "k3j9x2q", id="nothing but separators"),
        pytest.param("", NameRules(), "k3j9x2q", id="no name wanted"),
        pytest.param("production", NameRules(max_length=8, separator=""), "pk3j9x2q", id="no separator"),
        pytest.param("production", NameRules(max_length=13, separator=" / "), "pro / k3j9x2q", id="a long separator"),
    ],
)
def test_a_name_is_what_is_wanted_and_the_mark(wanted, rules, name):
    assert token_name(wanted, MARK, rules) == name


# --- what is unfit ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "rules", "why"),
    [
        pytest.param("production-api", NameRules(), None, id="anything goes"),
        pytest.param("production-api-server", POGODOC, None, id="Pogodoc: too long is cut"),
        pytest.param("p", DOCUMENSO, None, id="Documenso: short, and longer with its mark"),
        pytest.param("x" * 500, DOCUMENSO, None, id="Documenso: very long is cut"),
        pytest.param("see https://acme.example", DOCUMENSO, "refuses names that contain", id="Documenso: a URL"),
        pytest.param("WWW.acme.example", DOCUMENSO, "refuses names that contain", id="Documenso: a host"),
        pytest.param("x" * 92 + "http://", DOCUMENSO, None, id="Documenso: a URL that is cut away"),
        pytest.param("production", NameRules(max_length=7), None, id="only the mark"),
        pytest.param("production", NameRules(max_length=6), "too few for a mark", id="no room for a mark"),
        pytest.param("production", NameRules(min_length=30), "at least 30", id="too short even with its mark"),
        pytest.param("x" * 22, NameRules(min_length=30), None, id="long enough with its mark"),
        pytest.param(
            "production",
            LETTERS_ONLY,
            "'production-2222222' does not",
            id="digits are refused, and a mark may have some",
        ),
        pytest.param("PRODUCTION", UPPER_CASE, "only accepts names that match", id="a mark is lower case"),
        pytest.param("production", SLUG, None, id="a slug"),
        pytest.param("1production", SLUG, "only accepts names that match", id="a slug that begins with a digit"),
        pytest.param("-", SLUG, "only accepts names that match", id="a slug that is a mark, which may begin so"),
        pytest.param("production api", SLUG, "only accepts names that match", id="a slug with a space"),
        pytest.param("production\n", SLUG, "only accepts names that match", id="a slug with a line break"),
        pytest.param(
            "production", NameRules(forbid="7"), "as 'production-7777777' would", id="a digit that a mark may have"
        ),
    ],
)
def test_a_name_that_cannot_be_is_explained(wanted, rules, why):
    found = why_unfit(wanted, rules)
    if why is None:
        assert found is None
    else:
        assert why in (found or "")


rules_of_issuers = st.builds(
    NameRules,
    min_length=st.integers(0, 20),
    max_length=st.integers(1, 60),
    pattern=st.sampled_from([None, "[a-z0-9-]+", "[a-z][a-z0-9-]*", "[A-Za-z0-9_. -]*", "[a-z-]+", "[A-Z_]+", r"\S+"]),
    forbid=st.sampled_from([None, r"(?i)https?://|www\.", r"\s", "[0-9]", "--", "^-"]),
    separator=st.sampled_from(["-", "_", " ", "", "--", "/"]),
)
names_that_people_want = st.from_regex("[a-z][a-z0-9]{0,9}(-[a-z0-9]{1,9}){0,6}", fullmatch=True)
any_names = st.text(string.ascii_letters + string.digits + "-_ ./:ü\n", max_size=80)


@given(names_that_people_want | any_names, rules_of_issuers, st.integers(1, 99))
def test_a_name_is_unfit_or_satisfies_every_rule_with_any_mark(wanted, rules, attempt):
    name = token_name(wanted, mark_of(RotationId("rotation-1"), attempt), rules)
    fits = (
        rules.min_length <= len(name) <= rules.max_length
        and (rules.pattern is None or re.fullmatch(rules.pattern, name))
        and (rules.forbid is None or not re.search(rules.forbid, name))
    )
    assert fits or why_unfit(wanted, rules) is not None


@given(st.text(max_size=300), st.integers(MARK_LENGTH, 300), st.sampled_from(["-", "_", "", " / "]))
def test_the_mark_survives_every_shortening(wanted, max_length, separator):
    name = token_name(wanted, MARK, NameRules(max_length=max_length, separator=separator))
    assert name.endswith(MARK)
    assert len(name) <= max_length
