"""What policy files say of one another: names that are unique, connections that exist, destinations that differ.

Plug-ins validate their own keys here, and the result is the domain's ``PolicySet``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from rotator.config.allowed import BY_DEFAULT, Allowed
from rotator.config.channels import unknown_channels
from rotator.config.connection_hosts import forbidden_addresses, hosts_of
from rotator.config.credentials import needs_a_store, unknown_and_missing, why_no_reference
from rotator.config.destinations import Destinations, Key, key_of
from rotator.config.documents import Document
from rotator.config.file_format import ConnectionBlock, PolicyBlock, StoreBlock
from rotator.config.merging import Located, overlap_of, schedule_of
from rotator.config.plugins import Plugin, Plugins
from rotator.config.problems import did_you_mean, problems_from
from rotator.config.quotas import Quotas
from rotator.config.sections import PolicyFile, WrittenPolicy
from rotator.config.trials import trial_of
from rotator.domain.contracts import IssuerPlugin, IssuerTraits, StorePlugin
from rotator.domain.errors import InvalidInput, Permanent, Problem
from rotator.domain.limits import Limits
from rotator.domain.policy import Connection, Policy, PolicySet, Schedule, Source
from rotator.domain.terms import ConnectionName, IssuerRef, Mode, Overlap, SecretName, Target
from rotator.domain.trial import Trial

ModelT = TypeVar("ModelT", bound=BaseModel)
SharedT = TypeVar("SharedT", bound=Hashable)
Location = tuple[str | int, ...]
Settings = dict[str, Any]
Check = Callable[[Policy, IssuerTraits], Iterable[Located]]
"""Finds what can never work between a policy and its issuer: where in the policy, what, what to do."""


class Resolving:
    """Turns policy files into a policy set, and collects every problem on the way."""

    def __init__(
        self,
        plugins: Plugins,
        check: Check,
        *,
        channels: Collection[str] | None = None,
        allowed: Allowed = BY_DEFAULT,
        saw_everything: bool = True,
    ) -> None:
        """``channels``: those that the settings name; None: nobody can tell. ``allowed``: what they let policies do.

        ``saw_everything``: no file was unreadable. Else a name may be unknown only because its file is broken.
        """
        self.problems: list[Problem] = []
        self._channels = channels
        self._allowed = allowed
        self._saw_everything = saw_everything
        self._plugins = plugins
        self._check = check
        self._connections: dict[str, Connection] = {}
        self._connection_names: dict[str, Source] = {}
        """Those that are broken, too: who names one of them is not to blame."""
        self._with_stored: dict[str, tuple[Document, ConnectionBlock, Source]] = {}
        """Connections whose credentials lie in stores: they are resolved when all the stores are known."""
        self._policy_names: dict[str, Source] = {}
        self._destinations = Destinations()
        self._quotas = Quotas()
        self._shared: dict[Any, Any] = {}
        """What many policies say alike, once."""

    def resolve(self, files: Iterable[PolicyFile], commit: str | None) -> PolicySet:
        """Give what is valid. What is not stands in ``problems``."""
        files = list(files)
        for file in files:
            self._add_connections(file)
            file.document.let_go()
        for name, (document, block, source) in self._with_stored.items():
            self._add_connection(document, name, block, source)
            document.let_go()
        policies: list[Policy] = []
        for file in files:
            self._check_channels(file.document, ("defaults",), file.defaults.notify)
            policies += [policy for written in file.policies() if (policy := self._policy(file, written))]
            file.document.let_go()  # a problem has needed its lines
        connections = {ConnectionName(name): connection for name, connection in self._connections.items()}
        return PolicySet(tuple(policies), connections, commit)

    # --- connections

    def _add_connections(self, file: PolicyFile) -> None:
        for name, spot in file.names.items():
            at = ("connections", name)
            source = Source(file.document.file, *spot)
            if name in self._connection_names:
                what = f"connection `{name}` is already defined in {self._connection_names[name]}"
                self.problems.append(file.document.problem(what, "rename one of them", at, at_key=True))
                continue
            self._connection_names[name] = source
            block = file.connections.get(name)
            if block is None:
                continue
            if needs_a_store((block.model_extra or {}).get("credentials")):
                self._with_stored[name] = (file.document, block, source)
            else:
                self._add_connection(file.document, name, block, source)

    def _add_connection(self, document: Document, name: str, block: ConnectionBlock, source: Source) -> None:
        at = ("connections", name)
        plugin = self._plugin(document, (*at, "provider"), block.provider)
        if plugin is None:
            return
        before = len(self.problems)
        settings = self._with_credentials(document, at, plugin, block.model_extra or {})
        config = self._validated(plugin.config, document, at, settings)
        if config is None or len(self.problems) > before:
            return
        limits = plugin.limits.narrowed(Limits(block.limits.rate, block.limits.concurrency))
        told = config.model_dump(mode="json", exclude={"credentials"}, by_alias=True)
        known = ConnectionName(name), block.provider, config, source, limits
        self._connections[name] = Connection(*known, hosts_of(told))
        self.problems += forbidden_addresses(told, self._allowed.connection_hosts, document, at)

    def _plugin(self, document: Document, at: Location, provider: str) -> Plugin | None:
        if not self._saw_everything and provider not in self._plugins.names():
            return None
        try:
            return self._plugins.able(provider)
        except InvalidInput as error:
            self.problems += [
                each if each.file else document.problem(each.what, each.remedy, at) for each in error.problems
            ]
            return None

    def _with_credentials(self, document: Document, at: Location, plugin: Plugin, settings: Settings) -> Settings:
        """Give a connection's settings with its references checked, and those that are mappings as places in stores."""
        written = settings.get("credentials", {})
        if not isinstance(written, dict):
            return settings  # the plug-in's config says what it must be
        at = (*at, "credentials")
        for name, what, remedy in unknown_and_missing(plugin, written):
            self.problems.append(document.problem(what, remedy, at if name is None else (*at, name), at_key=bool(name)))
        read = {name: self._credential(document, (*at, name), reference) for name, reference in written.items()}
        return settings | {"credentials": read} if read else settings

    def _credential(self, document: Document, at: Location, reference: Any) -> str | Target:
        """Give a reference as it is kept. One that is wrong is told here, and is no text that could be a secret."""
        if isinstance(reference, dict):
            return self._place_of_credential(document, at, reference) or ""
        wrong = why_no_reference(reference)
        if wrong is None:
            return str(reference)
        what, remedy = wrong
        self.problems.append(document.problem(f"`{at[-1]}`: {what}", remedy, at))
        return ""

    def _place_of_credential(self, document: Document, at: Location, written: dict[str, Any]) -> Target | None:
        """Give the place in a store that a credential is read from. The store's own credentials lie in none."""
        block = self._validated(StoreBlock, document, at, written)
        if block is None:
            return None
        if block.connection in self._with_stored:
            what = f"`{block.connection}` reads credentials from a store itself, and nothing is looked up in two steps"
            remedy = f"give `{block.connection}` its credentials by `env:NAME` or `file:PATH`"
            self.problems.append(document.problem(what, remedy, (*at, "connection")))
            return None
        found = self._target(document, at, block)
        if found is None:
            return None
        plugin = self._plugins.store(self._connections[block.connection].provider)
        if plugin.write_only:
            what = f"`{block.connection}` is write-only ({plugin.name}): what it holds can never be read back"
            self.problems.append(document.problem(what, "name a store that can be read", (*at, "connection")))
        return found[0]

    # --- policies

    def _policy(self, file: PolicyFile, written: WrittenPolicy) -> Policy | None:
        """Give a policy, if nothing is wrong with it. What is wrong in one part of it hides nothing in others."""
        document, block, defaults = file.document, written.block, file.defaults
        at = ("policies", written.index)
        before = len(self.problems)
        source = Source(document.file, *written.spot)
        is_another = not written.is_right("name") or self._claim_name(document, at, block.name, source)
        issuer = self._issuer(document, at, block) if written.is_right("issuer", "connection") else None
        targets = self._targets(document, at, written)
        schedule, overlap, trial = self._terms(file, written)
        self._check_channels(document, at, block.notify)
        if issuer is None:
            return None
        reference, traits = issuer
        if is_another:
            full = self._quotas.count(reference, traits)
            self.problems += [document.problem(*full, (*at, "issuer"))] if full else []
        policy = Policy(
            name=SecretName(block.name),
            issuer=reference,
            token_name=block.issuer.token_name or block.name,
            targets=targets,
            source=source,
            lifetime=block.issuer.expires_in,
            schedule=self._once(schedule),
            overlap=self._once(overlap),
            compromise=block.compromise or defaults.compromise or Mode.ROTATE_FIRST,
            owner=self._once(block.owner or defaults.owner or ""),
            tags=self._once(frozenset((*defaults.tags, *block.tags))),
            notify=self._once(tuple(dict.fromkeys((*defaults.notify, *block.notify)))),
            trial=self._once(trial),
        )
        self._refuse(document, written, self._check(policy, traits))
        return policy if len(self.problems) == before else None

    def _targets(self, document: Document, at: Location, written: WrittenPolicy) -> tuple[Target, ...]:
        """Give where a policy writes. A place is taken though all else in the policy be wrong."""
        targets = []
        for place, (store, spot) in enumerate(zip(written.block.stores, written.store_spots, strict=True)):
            found = self._target(document, (*at, "stores", place), store) if written.is_right("stores", place) else None
            if found is not None:
                taken = self._destinations.take(*found, written.block.name, document.file, spot)
                self.problems += [taken] if taken else []
                targets.append(found[0])
        return tuple(targets)

    def _terms(self, file: PolicyFile, written: WrittenPolicy) -> tuple[Schedule, Overlap, Trial | None]:
        """Give when and how a policy rotates: its own words and those of the defaults."""
        block, defaults = written.block, file.defaults
        schedule, wrong_schedule = schedule_of(block.schedule, defaults.schedule)
        overlap, wrong_overlap = overlap_of(block.overlap, defaults.overlap)
        trial, wrong_trial = trial_of(block.verify, self._allowed)
        self._refuse(file.document, written, (*wrong_schedule, *wrong_overlap, *wrong_trial))
        return schedule if written.is_right("schedule") else Schedule(), overlap, trial

    def _check_channels(self, document: Document, at: Location, named: Collection[str]) -> None:
        for location, what, remedy in unknown_channels(named, self._channels, at):
            self.problems.append(document.problem(what, remedy, location))

    def _claim_name(self, document: Document, at: Location, name: str, source: Source) -> bool:
        """Tell whether the name was free."""
        if name not in self._policy_names:
            self._policy_names[name] = source
            return True
        what = f"policy `{name}` is already defined in {self._policy_names[name]}"
        self.problems.append(document.problem(what, "rename one of them", (*at, "name")))
        return False

    def _issuer(self, document: Document, at: Location, block: PolicyBlock) -> tuple[IssuerRef, IssuerTraits] | None:
        at = (*at, "issuer")
        connection = self._connection(document, (*at, "connection"), block.issuer.connection)
        if connection is None:
            return None
        plugin = self._plugins.find(connection.provider)
        if not isinstance(plugin, IssuerPlugin):
            what = f"`{connection.name}` is the connection of a store ({plugin.name}), and makes no tokens"
            self.problems.append(document.problem(what, "name an issuer's connection", (*at, "connection")))
            return None
        options = self._validated(plugin.options, document, at, block.issuer.model_extra or {})
        if options is None:
            return None
        return IssuerRef(connection.name, _plain(options), connection.hosts), plugin.traits(connection.config, options)

    def _target(self, document: Document, at: Location, store: StoreBlock) -> tuple[Target, Key] | None:
        connection = self._connection(document, (*at, "connection"), store.connection)
        if connection is None:
            return None
        plugin = self._plugins.find(connection.provider)
        if not isinstance(plugin, StorePlugin):
            what = f"`{connection.name}` is the connection of an issuer ({plugin.name}), and stores nothing"
            self.problems.append(document.problem(what, "name a store's connection", (*at, "connection")))
            return None
        place = self._validated(plugin.place, document, at, store.model_extra or {})
        if place is None:
            return None
        try:
            return Target(connection.name, _plain(place)), key_of(plugin, connection, place)
        except Permanent as error:
            what, remedy = (f"{text[:1].lower()}{text[1:].rstrip('.')}" for text in (error.what, error.remedy))
            self.problems.append(document.problem(what, remedy, at))
            return None

    def _connection(self, document: Document, at: Location, name: str) -> Connection | None:
        if name not in self._connection_names and self._saw_everything:
            remedy = did_you_mean(name, self._connection_names, "add it under `connections:`")
            self.problems.append(document.problem(f"unknown connection `{name}`", remedy, at))
        return self._connections.get(name)

    def _once(self, value: SharedT) -> SharedT:
        """Give the first value that equals this one: a hundred thousand policies have few schedules."""
        shared: SharedT = self._shared.setdefault(value, value)
        return shared

    def _refuse(self, document: Document, written: WrittenPolicy, problems: Iterable[Located]) -> None:
        """Place problems of a policy in the policy, or in the defaults if that is where it was written."""
        for location, what, remedy in problems:
            if not written.is_right(*location):
                continue  # it may be wrong because of what is left out
            at: Location = ("policies", written.index)
            if not document.holds((*at, *location)) and document.holds(("defaults", *location)):
                at = ("defaults",)
            self.problems.append(document.problem(what, remedy, (*at, *location)))

    def _validated(self, model: type[ModelT], document: Document, at: Location, content: object) -> ModelT | None:
        try:
            return model.model_validate(content)
        except ValidationError as error:
            said = {(each.file, each.line, each.column) for each in self.problems}
            found = problems_from(error, document, at, model)
            self.problems += [each for each in found if (each.file, each.line, each.column) not in said]
            return None


def _plain(model: BaseModel) -> dict[str, Any]:
    """Give plain data that the model reads back. Defaults are left out, so a key added later changes no old place."""
    return model.model_dump(mode="json", by_alias=True, exclude_defaults=True)
