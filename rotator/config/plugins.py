"""Finds providers by name: entry points of installed distributions, and the user's own profiles.

Only what is asked for is imported. A plug-in that cannot be imported is the user's problem to mend, so it is said in
their words: which provider, which distribution, what to install.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib.metadata import Distribution, EntryPoint, entry_points
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Final, TypeVar

from pydantic import ValidationError

from rotator.config.documents import Document, parse
from rotator.config.problems import did_you_mean, nearest, problems_from
from rotator.config.yaml_text import decoded
from rotator.domain.contracts import IssuerPlugin, ProfileReader, StorePlugin
from rotator.domain.errors import InvalidInput, Problem

Plugin = IssuerPlugin | StorePlugin
PluginT = TypeVar("PluginT")

_ISSUERS: Final = "rotator.issuers"
_STORES: Final = "rotator.stores"
_PROFILES: Final = "rotator.profiles"
_READERS: Final = "rotator.profile_readers"
_KINDS: Final = {_ISSUERS: IssuerPlugin, _STORES: StorePlugin, _READERS: ProfileReader}


class Plugins:
    """The providers that policies may name. Make one for each load: the user's own profiles are added to it.

    ``installed`` is for tests; by default it is what the environment's distributions offer.
    """

    def __init__(self, installed: Iterable[EntryPoint] | None = None) -> None:
        offered = _installed() if installed is None else tuple(installed)
        self._offered: dict[str, list[EntryPoint]] = {}
        self._readers: dict[str, list[EntryPoint]] = {}
        for entry in offered:
            (self._readers if entry.group == _READERS else self._offered).setdefault(entry.name, []).append(entry)
        self._loaded: dict[str, Plugin] = {}
        self._own: dict[str, Path] = {}

    def names(self) -> tuple[str, ...]:
        """Give the name of every provider, without importing any."""
        return tuple(sorted({*self._offered, *self._loaded}))

    def kinds(self) -> tuple[str, ...]:
        """Give the kinds of profiles that can be read."""
        return tuple(sorted(self._readers))

    def find(self, name: str) -> Plugin:
        """Give a provider, importing it. InvalidInput says what is wrong with the name or with the plug-in."""
        if name not in self._loaded:
            if name not in self._offered:
                near = nearest(name, self.names())
                hint = f"did you mean `{near}`? " if near else ""
                raise InvalidInput.of(f"unknown provider `{name}`", f"{hint}`rotate providers` lists what is installed")
            entry = _only(self._offered[name], f"provider `{name}`")
            self._loaded[name] = self._from_profile(entry) if entry.group == _PROFILES else _imported(entry)
        return self._loaded[name]

    def able(self, name: str) -> Plugin:
        """Give a provider that can work here: InvalidInput when an SDK it needs is not installed. Imports none."""
        plugin = self.find(name)
        for module in plugin.needs:
            if find_spec(module) is None:
                distribution = self._offered[name][0].dist if name in self._offered else None
                missing = ModuleNotFoundError(name=module)
                what = f"provider `{name}` needs the module `{module}`, which is not installed"
                raise InvalidInput.of(what, what_to_install(missing, distribution))
        return plugin

    def issuer(self, name: str) -> IssuerPlugin:
        plugin = self.find(name)
        if not isinstance(plugin, IssuerPlugin):
            raise InvalidInput.of(f"`{name}` is a store, not an issuer", "name an issuer")
        return plugin

    def store(self, name: str) -> StorePlugin:
        plugin = self.find(name)
        if not isinstance(plugin, StorePlugin):
            raise InvalidInput.of(f"`{name}` is an issuer, not a store", "name a store")
        return plugin

    def reader(self, kind: str) -> ProfileReader:
        """Give what reads profiles of a kind."""
        if kind not in self._readers:
            raise InvalidInput.of(f"unknown kind `{kind}`", did_you_mean(kind, self.kinds(), "no reader is installed"))
        reader = _imported_as(_only(self._readers[kind], f"kind `{kind}`"), ProfileReader)
        assert isinstance(reader, ProfileReader)
        return reader

    def add(self, plugin: Plugin, file: Path) -> None:
        """Make a provider known that no distribution offers. InvalidInput when its name is taken."""
        name = plugin.name
        if name in self._own:
            raise InvalidInput.of(f"a profile named `{name}` stands in {self._own[name]} too", "rename one of them")
        if name in self._offered:
            owner = _distribution_of(self._offered[name][0])
            raise InvalidInput.of(f"`{name}` is the name of a provider of {owner}", "give your profile another name")
        self._own[name], self._loaded[name] = file, plugin

    def file_of(self, name: str) -> Path | None:
        """Give the file of a profile of the user's own; None for what is installed."""
        return self._own.get(name)

    def add_profile(self, document: Document) -> None:
        """Make the user's own profile known: a document with a ``kind``."""
        kind = str(document.data["kind"])
        at = ("kind",)
        try:
            plugin = read_profile(document, self.reader(kind))
            at = ("name",)
            self.add(plugin, document.file)
        except InvalidInput as error:
            raise InvalidInput([_placed(problem, document, at) for problem in error.problems]) from error

    def _from_profile(self, entry: EntryPoint) -> Plugin:
        try:
            file = files(entry.value) / f"{entry.name}.yaml"
            content = file.read_bytes()
        except (ImportError, OSError) as error:
            what = f"the profile `{entry.name}` of {_distribution_of(entry)} is not there"
            raise InvalidInput.of(what, "reinstall it, or tell its authors") from error
        path = Path(str(file))
        document = parse(decoded(content, path), path)
        kind = document.data.get("kind") if isinstance(document.data, dict) else None
        plugin = read_profile(document, self.reader(str(kind)))
        return _checked(plugin, entry, IssuerPlugin)


def read_profile(document: Document, reader: ProfileReader) -> IssuerPlugin:
    """Make a plug-in of a profile, or say with its lines what is wrong with it."""
    try:
        return reader.plugin(reader.model.model_validate(document.data))
    except ValidationError as error:
        raise InvalidInput(problems_from(error, document, model=reader.model)) from error


def what_to_install(error: ModuleNotFoundError, distribution: Distribution | None) -> str:
    """Say which extra of a distribution brings a module that is missing; the module itself where none does."""
    module = (error.name or "").partition(".")[0]
    bring: dict[str, set[str]] = {}
    for requirement in (distribution.requires if distribution else None) or ():
        if match := re.match(_OF_AN_EXTRA, requirement):
            bring.setdefault(match["extra"], set()).add(match["package"].replace("-", "_").lower())
    extras = sorted((len(packages), extra) for extra, packages in bring.items() if module.lower() in packages)
    if distribution and extras:
        _, smallest = extras[0]
        return f"run `pip install '{distribution.name}[{smallest}]'`"
    return f"install the Python package that brings `{module}`"


_OF_AN_EXTRA: Final = r"""(?P<package>[\w.-]+).*\bextra\s*==\s*['"](?P<extra>[^'"]+)['"]"""


@cache
def _installed() -> tuple[EntryPoint, ...]:
    offered = entry_points()  # once for all groups: each call reads the metadata of every distribution
    return tuple(entry for group in (_ISSUERS, _STORES, _PROFILES, _READERS) for entry in offered.select(group=group))


def _only(entries: list[EntryPoint], what: str) -> EntryPoint:
    if len(entries) > 1:
        owners = " and ".join(sorted(_distribution_of(entry) for entry in entries))
        raise InvalidInput.of(f"{what} is offered twice, by {owners}", "uninstall one of them")
    return entries[0]


def _imported(entry: EntryPoint) -> Plugin:
    plugin = _imported_as(entry, _KINDS[entry.group])
    assert isinstance(plugin, IssuerPlugin | StorePlugin)
    return plugin


def _imported_as(entry: EntryPoint, kind: type) -> object:
    try:
        plugin = entry.load()
    except ModuleNotFoundError as error:
        what = f"`{entry.name}` of {_distribution_of(entry)} needs the module `{error.name}`"
        raise InvalidInput.of(what, what_to_install(error, entry.dist)) from error
    except Exception as error:  # a stranger's module may raise anything while it is imported
        owner = _distribution_of(entry)
        what = f"`{entry.name}` of {owner} cannot be imported ({type(error).__name__}: {error})"
        raise InvalidInput.of(what, "reinstall it, or tell its authors") from error
    return _checked(plugin, entry, kind)


def _checked(plugin: PluginT, entry: EntryPoint, kind: type) -> PluginT:
    name = getattr(plugin, "kind" if kind is ProfileReader else "name", None)
    if not isinstance(plugin, kind) or name != entry.name:
        what = f"`{entry.name}` of {_distribution_of(entry)} is not a {kind.__name__} of that name"
        raise InvalidInput.of(what, "reinstall it, or tell its authors")
    return plugin


def _distribution_of(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist else entry.value


def _placed(problem: Problem, document: Document, at: tuple[str, ...]) -> Problem:
    return problem if problem.file else document.problem(problem.what, problem.remedy, at)
