"""Templates keep types, leave out what is not set, encode what enters a path, and reach nothing but their variables."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import TemplateSyntaxError

from providers.issuers.http.templates import (
    OMIT,
    BrokenTemplate,
    Named,
    Secrets,
    references,
    render,
    render_json,
    render_path,
)
from rotator.domain.errors import NeedsOperator
from rotator.domain.secret_value import SecretValue

VARIABLES = {
    "name": "app",
    "expiry": 3600,
    "options": Named({"scopes": ["a", "b"], "team": "x/y z", "unset": OMIT, "keys": "a word", "on": True}),
}


@pytest.mark.parametrize(
    ("template", "result"),
    [
        ("plain", "plain"),
        ("{{ name }}", "app"),
        ("{{ expiry }}", 3600),
        ("{{ expiry / 2 }}", 1800.0),
        ("{{ '7' | int }}", 7),
        ("{{ options.scopes }}", ["a", "b"]),
        ("{{ options.scopes | join(',') }}", "a,b"),
        ("{{ options.keys }}", "a word"),
        ("in {{ expiry }} s", "in 3600 s"),
        ("{{ name }}{{ name }}", "appapp"),
        ("{{ options.on }}", True),
        ("on={{ options.on }}", "on=true"),
        ("{{ options.unset }}", OMIT),
        ("by {{ options.unset }}", OMIT),
        ("{{ options.unset | join(',') }}", OMIT),
        ("{{ options.unset | int }}", OMIT),
        ("{{ options.unset or 'all' }}", "all"),
        ("{{ name if options.unset else omit }}", OMIT),
        ("", ""),
    ],
)
def test_a_template_gives(template, result):
    assert render(template, VARIABLES) == result


def test_json_keeps_its_shape_without_what_is_not_set():
    document = {
        "n": "{{ name }}",
        "gone": "{{ options.unset }}",
        "deep": [{"s": "{{ options.scopes }}"}, "{{omit}}", 1],
    }
    assert render_json(document, VARIABLES) == {"n": "app", "deep": [{"s": ["a", "b"]}, 1]}


def test_null_is_sent_and_not_left_out():
    assert render_json({"expires": "{{ expiry }}"}, {"expiry": None}) == {"expires": None}


def test_a_path_encodes_its_variables_only():
    assert render_path("/teams/{{ options.team }}/keys", VARIABLES) == "/teams/x%2Fy%20z/keys"


@pytest.mark.parametrize("template", ["/{{ options.unset }}", "/{{ '' }}", "/{{ '..' }}/keys", "/{{ nobody }}"])
def test_a_path_is_whole_or_not_at_all(template):
    with pytest.raises(BrokenTemplate):
        render_path(template, VARIABLES)


@pytest.mark.parametrize(
    "template",
    [
        "{{ nobody }}",
        "{{ options.nothing }}",
        "{{ name | int }}",
        "{{ 1 / 0 }}",
        "{{ options.__class__ }}",
        "{{ options._Named__parts }}",
        "{{ name.__class__.__mro__ }}",
        "{{ name.format.__globals__ }}",
        "{{ ''.join.__self__.__class__ }}",
        "{{ range(3) | list }}",
        "{{ lipsum }}",
        "{{ cycler.__init__ }}",
        "{% include 'x' %}",
    ],
)
def test_a_template_reaches_nothing_but_its_variables(template):
    with pytest.raises(BrokenTemplate):
        render(template, VARIABLES)


def test_a_template_cannot_change_what_it_is_given():
    with pytest.raises(BrokenTemplate):
        render("{{ options.scopes.append('c') }}", VARIABLES)


def test_a_secret_is_looked_up_only_when_a_template_asks_for_it():
    asked = []

    def find(name):
        asked.append(name)
        return SecretValue("value-of-" + name)

    variables = {"credentials": Secrets(find)}
    assert render("nothing secret", variables) == "nothing secret"
    assert asked == []
    assert render("Bearer {{ credentials.admin }}", variables) == "Bearer value-of-admin"
    assert asked == ["admin"]


def test_a_secret_is_not_in_the_error_of_a_template_that_fails():
    variables = {"token": Secrets(lambda _: SecretValue("value-4d3c2b1a"))}
    for template in ("{{ token.value | int }}", "{{ token.value.nothing }}", "{{ token.value + 1 }}"):
        with pytest.raises(BrokenTemplate) as broken:
            render(template, variables)
        assert "4d3c2b1a" not in str(broken.value)


def test_a_credential_that_cannot_be_had_is_told_as_it_is():
    def find(_):
        raise NeedsOperator("there is none")

    with pytest.raises(NeedsOperator, match="there is none"):
        render("{{ credentials.admin }}", {"credentials": Secrets(find)})


@pytest.mark.parametrize(
    ("template", "found"),
    [
        ("plain", set()),
        ("{{ name }}", {"name"}),
        ("{{ options.team }}/{{ options['scopes'] }}", {"options.team", "options.scopes"}),
        ("{{ token.handle | int }}", {"token.handle"}),
        ("{{ token[name] }}", {"token", "name"}),
        ("{{ item.a.b }}", {"item.a"}),
        ("{% for s in options.scopes %}{{ s }}{% endfor %}", {"options.scopes"}),
        ("{{ name if options.team else omit }}", {"name", "options.team"}),
    ],
)
def test_a_template_tells_what_it_refers_to(template, found):
    assert references(template) == found


_EXPRESSIONS = ("{{ name }}", "{{ token.value }}", "{{ options.not }}", "{{ true }}", "{{ name.x }}")
_LOOSE_ENDS = ("{{", "}}", "{%", "%}", "{#", "#}", "{", "}", " x\n", "'")


@given(st.lists(st.sampled_from(_EXPRESSIONS + _LOOSE_ENDS), max_size=6).map("".join))
def test_text_and_names_alone_are_seen_as_jinja_sees_them(template):
    """Behind a comment, Jinja2 is asked; without one, what is simple is seen at once."""
    assert found_in(template) == found_in("{##}" + template)


def found_in(template):
    try:
        return references(template)
    except BrokenTemplate:
        return "broken"


@pytest.mark.parametrize("template", ["{{ name", "{% if %}", "{{ name | no_such_filter }}"])
def test_a_text_that_is_no_template_is_refused_at_load(template):
    with pytest.raises(BrokenTemplate):
        references(template)


NAMES = ["name", "expiry", *(f"options.{part}" for part in ("scopes", "team", "unset", "keys", "on", "absent"))]
TEXTS = st.text(st.sampled_from("a/ {}%#\n'\"é"), max_size=4)


@given(st.lists(st.one_of(TEXTS, st.sampled_from(NAMES)), max_size=6))
def test_text_and_names_are_filled_in_as_jinja_would(pieces):
    template = "".join(f"{{{{ {piece} }}}}" if piece in NAMES else piece for piece in pieces)
    other_way = "".join(f"{{{{  {piece}  }}}}" if piece in NAMES else piece for piece in pieces)  # is left to Jinja

    def outcome(fill_in, written):
        try:
            return fill_in(written, VARIABLES)
        except BrokenTemplate:
            return BrokenTemplate
        except TemplateSyntaxError:
            return TemplateSyntaxError

    for fill_in in (render, render_path):
        assert outcome(fill_in, template) == outcome(fill_in, other_way)


def test_threads_fill_one_template_in_with_values_of_their_own():
    def filled(number: int) -> str:
        return render("Bearer {{ token.value }}", {"token": Named({"value": str(number)})})

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(filled, range(2000))) == [f"Bearer {number}" for number in range(2000)]
