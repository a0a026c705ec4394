"""Templates of a profile: sandboxed Jinja2 that keeps types, omits what is not set, and encodes what enters a path.

A template sees nothing but its variables. Secrets are among them only as ``Secrets``, which reveals one when the
template asks for it: that is the moment the request is built to be sent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NoReturn
from urllib.parse import quote

from rotator.domain.errors import RotatorError
from rotator.domain.secret_value import SecretValue

if TYPE_CHECKING:
    from jinja2.sandbox import SandboxedEnvironment

_LONE_EXPRESSION: Final = re.compile(r"\s*\{\{-?(.*?)-?\}\}\s*", re.DOTALL)
_NAME_ALONE: Final = re.compile(
    r"\{\{ (name|expiry|(?:chosen|credentials|item|options|session|settings|token)\.[A-Za-z_][A-Za-z0-9_]*) \}\}"
)
_TEXT_AND_NAMES: Final = re.compile(rf"(?:[^{{\r]|\{{(?![{{%#])|{_NAME_ALONE.pattern})*+")
"""What nearly all templates of profiles are. Filling them in takes no Jinja2, which is slow to import and to run."""


class BrokenTemplate(ValueError):
    """A template cannot be compiled or filled in. The message quotes no variable's content."""


class _LeaveOut(Exception):
    """Ends the rendering of an entry that is to be left out."""


class Omitted:
    """What is not set. False when asked; an entry that would use it otherwise is left out of the request."""

    def __bool__(self) -> bool:
        return False

    def __str__(self) -> NoReturn:
        raise _LeaveOut

    def __iter__(self) -> NoReturn:
        raise _LeaveOut

    def __len__(self) -> NoReturn:
        raise _LeaveOut

    def __repr__(self) -> str:
        return "OMIT"


OMIT: Final = Omitted()


class Named:
    """A variable with parts (``options.user``). Only names that are there can be had: no methods, no attributes."""

    def __init__(self, parts: Mapping[str, Any]) -> None:
        self.__parts = parts

    def __getitem__(self, name: str) -> Any:
        return self.__parts[name]


class Secrets:
    """A variable with secret parts: each is looked up and revealed when a template being sent asks for it."""

    def __init__(self, find: Callable[[str], SecretValue | str | Omitted]) -> None:
        self.__find = find

    def __getitem__(self, name: str) -> str | Omitted:
        found = self.__find(name)
        return found.reveal() if isinstance(found, SecretValue) else found


def render(template: str, variables: Mapping[str, Any]) -> Any:
    """Fill in one template. A lone ``{{ x }}`` keeps the type of x; OMIT when it needs something that is not set."""
    return _run(_compiled(template), variables)


def render_path(template: str, variables: Mapping[str, Any]) -> str:
    """Fill in a path. Each variable becomes one URL-encoded segment, or part of one; never none, never ``..``."""
    path = _run(_compiled_path(template), variables)
    if path is OMIT:
        raise BrokenTemplate("a path needs something that is not set")
    return str(path)


def render_json(document: Any, variables: Mapping[str, Any]) -> Any:
    """Fill in every string of a JSON document, and leave out members and elements that are OMIT."""
    if isinstance(document, str):
        return render(document, variables)
    if isinstance(document, Mapping):
        members = ((name, render_json(value, variables)) for name, value in document.items())
        return {name: value for name, value in members if value is not OMIT}
    if isinstance(document, list | tuple):
        return [value for value in (render_json(item, variables) for item in document) if value is not OMIT]
    return document


def references(template: str) -> frozenset[str]:
    """Name what a template refers to: ``name``, ``options.user`` … BrokenTemplate when it is none.

    A variable with parts that is used as a whole, or whose part is computed, is named without a part.
    """
    if _TEXT_AND_NAMES.fullmatch(template):
        return frozenset(_NAME_ALONE.findall(template))
    from jinja2 import TemplateSyntaxError, meta, nodes

    try:
        tree = _environment().parse(template)
        _compiled(template)
    except TemplateSyntaxError as error:
        raise BrokenTemplate(f"{template!r} is not a template: {error.message}") from error
    free = meta.find_undeclared_variables(tree)
    found: set[str] = set()

    def visit(node: nodes.Node) -> None:
        match node:
            case nodes.Getattr(node=nodes.Name(name=root), attr=part):
                found.add(f"{root}.{part}")
            case nodes.Getitem(node=nodes.Name(name=root), arg=nodes.Const(value=str(part))):
                found.add(f"{root}.{part}")
            case nodes.Name(name=root, ctx="load"):
                found.add(root)
            case _:
                for child in node.iter_child_nodes():
                    visit(child)

    visit(tree)
    return frozenset(reference for reference in found if reference.partition(".")[0] in free)


@lru_cache
def _environment(*, in_path: bool = False) -> SandboxedEnvironment:
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, finalize=_as_segment if in_path else _as_text, keep_trailing_newline=True
    )
    environment.globals.clear()
    environment.globals["omit"] = OMIT
    environment.filters["int"] = _strict_int
    del environment.filters["float"]
    return environment


Filled = Callable[[Mapping[str, Any]], Any]


@lru_cache(maxsize=1024)
def _compiled(template: str) -> Filled:
    if _TEXT_AND_NAMES.fullmatch(template):
        return _of_text_and_names(template)
    from jinja2 import nodes

    environment = _environment()
    body = environment.parse(template).body
    lone = _LONE_EXPRESSION.fullmatch(template)
    match body:
        case [nodes.Output(nodes=[expression])] if lone and not isinstance(expression, nodes.TemplateData):
            return _by_jinja(environment.compile_expression(lone.group(1), undefined_to_none=False))
    return _by_jinja(environment.from_string(template).render)


@lru_cache(maxsize=1024)
def _compiled_path(template: str) -> Filled:
    if _TEXT_AND_NAMES.fullmatch(template):
        return _joined(template, _as_segment)
    return _by_jinja(_environment(in_path=True).from_string(template).render)


def _of_text_and_names(template: str) -> Filled:
    lone = _NAME_ALONE.fullmatch(template)
    if lone is None:
        return _joined(template, _as_text)
    name = lone.group(1)
    return lambda variables: _named(name, variables)


def _joined(template: str, write: Callable[[Any], Any]) -> Filled:
    """Give what joins the texts of a template with what its names stand for, as Jinja2 would."""
    parts = _NAME_ALONE.split(template)  # a text, a name, a text …

    def fill_in(variables: Mapping[str, Any]) -> str:
        filled = list(parts)
        filled[1::2] = [str(write(_named(name, variables))) for name in parts[1::2]]
        return "".join(filled)

    return fill_in


def _named(name: str, variables: Mapping[str, Any]) -> Any:
    """Give a variable, or the part of one that ``options.user`` names."""
    root, dot, part = name.partition(".")
    try:
        return variables[root][part] if dot else variables[root]
    except (LookupError, TypeError):
        raise BrokenTemplate(f"'{name}' is undefined") from None


def _by_jinja(compiled: Filled) -> Filled:
    from jinja2 import StrictUndefined, UndefinedError

    def fill_in(variables: Mapping[str, Any]) -> Any:
        try:
            result = compiled(variables)
        except UndefinedError as error:
            raise BrokenTemplate(str(error)) from None
        if isinstance(result, StrictUndefined):
            raise BrokenTemplate("an expression gives something that does not exist")
        return result

    return fill_in


def _run(fill_in: Filled, variables: Mapping[str, Any]) -> Any:
    """Fill a template in. What goes wrong may quote a variable, a secret too: only the kind of error is told."""
    try:
        return fill_in(variables)
    except _LeaveOut:
        return OMIT
    except (RotatorError, BrokenTemplate):  # a credential could not be had; what we say ourselves
        raise
    except Exception as error:  # noqa: BLE001  a template can raise whatever its expression raises
        raise BrokenTemplate(f"an expression failed with {type(error).__name__}") from None


def _as_text(value: Any) -> Any:
    """Write booleans as JSON and URLs do. Jinja takes Undefined and OMIT further: their ``str`` raises."""
    return ("true" if value else "false") if isinstance(value, bool) else value


def _as_segment(value: Any) -> str:
    text = str(_as_text(value))
    if text in ("", ".", ".."):
        raise BrokenTemplate("a part of the path is empty or dots, and would make it another path")
    return quote(text, safe="")


def _strict_int(value: Any) -> int:
    """Jinja's own filter gives 0 for what is not a number, and a revoke of token 0 is a revoke of another token."""
    if isinstance(value, Omitted):
        raise _LeaveOut
    try:
        return int(value)
    except (TypeError, ValueError):
        raise BrokenTemplate("`int` was given something that is not a whole number") from None
