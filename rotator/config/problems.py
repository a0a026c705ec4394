"""What pydantic found wrong, in the words of somebody who wrote a YAML file, with its line.

Values are never quoted: what stands in the wrong place may be a password.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from rotator.config.documents import Document
from rotator.domain.errors import Problem

_WANTED: Final = {
    "string_type": ("text", ""),
    "list_type": ("a list", "write `[a, b]`, or one `- item` a line"),
    "tuple_type": ("a list", "write `[a, b]`, or one `- item` a line"),
    "set_type": ("a list", "write `[a, b]`, or one `- item` a line"),
    "frozen_set_type": ("a list", "write `[a, b]`, or one `- item` a line"),
    "dict_type": ("a mapping", "write `key: value` lines"),
    "mapping_type": ("a mapping", "write `key: value` lines"),
    "model_type": ("a mapping", "write `key: value` lines"),
    "model_attributes_type": ("a mapping", "write `key: value` lines"),
    "dataclass_type": ("a mapping", "write `key: value` lines"),
    "int_type": ("a whole number", ""),
    "int_parsing": ("a whole number", ""),
    "int_from_float": ("a whole number", ""),
    "int_parsing_size": ("a smaller number", ""),
    "float_type": ("a number", ""),
    "float_parsing": ("a number", ""),
    "bool_type": ("true or false", ""),
    "bool_parsing": ("true or false", ""),
    "path_type": ("a path", ""),
}
_OF_A_KEY: Final = {"missing": ("without", "add it"), "extra_forbidden": ("unknown key", "remove it")}


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Give the known word that was probably meant."""
    return next(iter(difflib.get_close_matches(word, sorted(known), n=1)), None)


def did_you_mean(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """Suggest the nearest known word; else ``otherwise``, and all of them where they are few."""
    names = sorted(known)
    near = nearest(word, names)
    if near:
        return f"did you mean `{near}`?"
    all_of_them = f"known: {', '.join(names)}" if 0 < len(names) <= _FEW else ""
    return "; ".join(part for part in (otherwise, all_of_them) if part)


_FEW: Final = 16


def problems_from(
    error: ValidationError, document: Document, at: tuple[str | int, ...] = (), model: type[BaseModel] | None = None
) -> list[Problem]:
    """Turn every error of a validation into a problem with its line.

    ``at`` is where in the document the validated part stands; ``model`` what it was validated against, for the names
    of the keys that it knows.
    """
    found: list[Problem] = []
    errors = error.errors(include_url=False)
    for details in errors:
        if details["type"] == "too_short" and any(_is_inside(other["loc"], details["loc"]) for other in errors):
            continue  # pydantic does not count the items that are wrong in themselves
        problem = _problem(details, document, at, model)
        if problem not in found:  # each member of a union may say the same
            found.append(problem)
    return found


def _is_inside(inner: tuple[str | int, ...], outer: tuple[str | int, ...]) -> bool:
    return len(inner) > len(outer) and inner[: len(outer)] == outer


def _problem(
    details: ErrorDetails, document: Document, at: tuple[str | int, ...], model: type[BaseModel] | None
) -> Problem:
    kind = details["type"]
    location = (*at, *(step for step in details["loc"] if step != "[key]"))
    name = str(location[-1]) if location else "this file"
    if kind == "missing":
        return document.problem(f"`{name}` is missing", f"add `{name}:`", location[:-1])
    if kind == "extra_forbidden":
        known = set(_keys(model, details["loc"][:-1])) if model else set()
        remedy = did_you_mean(name, known, "remove it")
        return document.problem(f"unknown key `{name}`", remedy, location, at_key=True)
    what, remedy = wrong_value(details)
    if "[key]" in details["loc"]:
        return document.problem(f"the key `{name}`: {what}", remedy, location, at_key=True)
    return document.problem(f"`{named(location)}`: {what}" if location else what, remedy, location)


def wrong_value(details: ErrorDetails) -> tuple[str, str]:
    """Say what is wrong with a value, and what to write instead."""
    kind, given = details["type"], details.get("input")
    if kind == "string_type" and isinstance(given, bool | int | float):
        read_as = "true or false" if isinstance(given, bool) else "a number"
        return f"must be text, and YAML reads this as {read_as}", "write it in quotes"
    if given is None and kind != "value_error":
        return "has no value", "write one, or remove the key"
    if kind == "too_short" and not given:
        return "must not be empty", "write at least one"
    if kind in _WANTED:
        wanted, remedy = _WANTED[kind]
        return f"must be {wanted}", remedy
    return _in_its_own_words(details)


def _in_its_own_words(details: ErrorDetails) -> tuple[str, str]:
    """Take the message of the validator that refused; ours say ``what; what to do``."""
    kind, context = details["type"], details.get("ctx", {})
    if kind in _OF_A_KEY:
        what, remedy = _OF_A_KEY[kind]
        return f"{what} `{details['loc'][-1]}`", remedy
    if kind == "string_too_short" and not details["input"]:
        return "is empty", "write something, or remove the key"
    if kind == "string_pattern_mismatch":
        return "does not have the form that is asked for", f"it must match {context.get('pattern')}"
    if kind in ("literal_error", "enum"):
        return f"must be {context.get('expected')}", ""
    if kind in ("value_error", "assertion_error"):
        what, _, remedy = str(context.get("error", details["msg"])).partition("; ")
        return what, remedy
    message = re.sub(r"^[\w ]+ should (.+?)( after validation.*)?$", r"must \1", details["msg"])
    return message[:1].lower() + message[1:], ""


def named(location: tuple[str | int, ...]) -> str:
    """Give the last key of a location, with the index behind it if it is one: ``tags[2]``."""
    last = location[-1]
    if isinstance(last, str):
        return last
    keys = [step for step in location if isinstance(step, str)]
    return f"{keys[-1]}[{last}]" if keys else f"[{last}]"


def _keys(model: type[BaseModel], location: tuple[str | int, ...]) -> Iterator[str]:
    """Give the keys that a model, or the models inside it at ``location``, can hold."""
    models = [model]
    for step in location:
        fields = [field for each in models for name, field in _fields(each).items() if name == step]
        models = [inner for field in fields for inner in _models(field.annotation)] or models
    for each in models:
        yield from _fields(each)


def _fields(model: type[BaseModel]) -> Mapping[str, Any]:
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)
