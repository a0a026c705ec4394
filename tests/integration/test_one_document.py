"""Two tokens in one document, on real stores: what one rotation does while the other is under way.

Every write of one carries the other's value on into one more version. Once both are dead after a compromise, there must
be no version left that somebody could go back to; and until then, none may go with which a death is yet to be proven.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import pytest

from providers.stores.aws_secrets_manager.plugin import AwsPlace
from providers.stores.azure_key_vault.plugin import AzurePlace
from providers.stores.vault.plugin import VaultPlace
from rotator.domain.contracts import Place, Store, Where
from rotator.domain.model import Cause, ConnectionName, Event, Proof, SecretName, Target
from rotator.domain.standing import DECLARED
from rotator.flow import adoption
from rotator.flow.report import Outcome
from rotator.flow.work import OpenDestination
from tests.fakes.scripted import Killed
from tests.fakes.world import A_DAY, World
from tests.integration.aws_secrets_manager.setting import client_of, store_at
from tests.integration.azure_key_vault.setting import Azure, running_azure
from tests.integration.vault.setting import Credentials, opened
from tests.servers.moto import Moto
from tests.servers.openbao import OpenBao

Fields = Mapping[str, str]


class Document(Protocol):
    """A document in a store, and what somebody else sees of it."""

    store: Store[Any]

    def place(self, field: str) -> Place: ...

    def put(self, fields: Fields) -> None:
        """Write all of it, as a person does."""
        ...

    def way_back(self) -> list[Fields]:
        """Give the earlier versions that somebody could go back to."""
        ...


class InVault:
    def __init__(self, bao: OpenBao) -> None:
        self._bao, self._mount = bao, bao.mount_kv()
        self.store = opened(bao.url, self._mount, Credentials(token=bao.root_token))

    def place(self, field: str) -> VaultPlace:
        return VaultPlace(path="prod/app", field=field)

    def put(self, fields: Fields) -> None:
        self._bao.request("POST", f"{self._mount}/data/prod/app", {"data": fields})

    def way_back(self) -> list[Fields]:
        versions = self._bao.request("GET", f"{self._mount}/metadata/prod/app")["data"]["versions"]
        kept = sorted(int(number) for number, version in versions.items() if not version["destroyed"])[:-1]
        at = f"{self._mount}/data/prod/app?version="
        return [self._bao.request("GET", f"{at}{number}")["data"]["data"] for number in kept]


class InSecretsManager:
    def __init__(self, moto: Moto) -> None:
        self._client, self._name = client_of(moto.url), f"prod/{uuid4()}"
        self.store = store_at(moto.url)

    def place(self, field: str) -> AwsPlace:
        return AwsPlace(secret=self._name, field=field)

    def put(self, fields: Fields) -> None:
        self._client.create_secret(Name=self._name, SecretString=json.dumps(fields))

    def way_back(self) -> list[Fields]:
        stages = self._client.describe_secret(SecretId=self._name)["VersionIdsToStages"]
        before = [version for version, labels in stages.items() if "AWSPREVIOUS" in labels]
        held = (self._client.get_secret_value(SecretId=self._name, VersionId=version) for version in before)
        return [json.loads(each["SecretString"]) for each in held]


class InKeyVault:
    def __init__(self, azure: Azure) -> None:
        self._azure = azure
        azure.vault.reset()
        self.store = azure.store()

    def place(self, field: str) -> AzurePlace:
        return AzurePlace(secret="app", field=field)

    def put(self, fields: Fields) -> None:
        self._azure.client().set_secret("app", json.dumps(fields))

    def way_back(self) -> list[Fields]:
        earlier = self._azure.vault.find("app").versions[:-1]
        return [json.loads(version.value) for version in earlier if version.attributes["enabled"]]


@pytest.fixture(scope="module")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azure]:
    with running_azure(tmp_path_factory.mktemp("azure")) as running:
        yield running


@pytest.fixture(params=["vault", "secrets manager", "key vault"])
def document(request: pytest.FixtureRequest) -> Document:
    match request.param:
        case "vault":
            return InVault(request.getfixturevalue("openbao"))
        case "secrets manager":
            return InSecretsManager(request.getfixturevalue("moto"))
        case _:
            return InKeyVault(request.getfixturevalue("azure"))


@pytest.fixture
def vault(openbao: OpenBao) -> InVault:
    return InVault(openbao)


class Shared(World):
    """Two secrets, ``ours`` and ``theirs``, each with a field of one document; both adopted."""

    def __init__(self, folder: Path, document: Document) -> None:
        super().__init__(folder, stores={}, secrets=("ours", "theirs"))
        self.document = document
        self.old = {name: self.issuer_fake.make_by_hand(name, foreign=False) for name in self.policies}
        document.put({"note": "keep me", **{name: token.value for name, token in self.old.items()}})
        for name, token in self.old.items():
            target = Target(ConnectionName("store"), {"document": "app", "field": name})
            self.policies[name] = replace(self.policies[name], targets=(target,))
            adoption.adopt(self.worker().runner.tools, self.policies[name], token.handle, None)
        self.clock.move(minutes=10)

    def destination(self, target: Target) -> OpenDestination:
        return OpenDestination(self.document.store, self.document.place(target.place["field"]))

    def where(self, target: Target) -> Where:
        return Where(target.place["document"], target.place["field"])

    def rotate(self, name: str, cause: Cause = Cause.COMPROMISED) -> None:
        assert self.worker().rotate(name, cause).outcome is Outcome.ROTATED

    def declare(self, *names: str) -> None:
        self.ledger.note(*(Event(DECLARED, SecretName(name), self.clock.now(), "alice") for name in names))

    def at(self, moment: str, name: str) -> None:
        """Have this one rotated, by another process, when the moment comes."""

        def rotate_it(now: str) -> None:
            if now == moment:
                self.hook = lambda _moment: None
                self.rotate(name)

        self.hook = rotate_it

    def dead_values_to_go_back_to(self) -> list[str]:
        alive = self.alive()
        versions = [{name: fields[name] for name in self.policies} for fields in self.document.way_back()]
        return [name for fields in versions for name, value in fields.items() if value not in alive]

    def in_use(self, name: str) -> bool:
        stored = self.document.store.current(self.document.place(name))
        return stored is not None and stored.value is not None and stored.value.reveal() in self.alive()


@pytest.fixture
def world(tmp_path: Path, document: Document) -> Iterator[Shared]:
    made = Shared(tmp_path, document)
    yield made
    made.ledger.close()


@pytest.mark.parametrize("moment", ["after issuer.issue", "before issuer.verify", "before issuer.revoke"])
def test_whoever_wrote_in_between_no_version_with_a_dead_token_is_left(world: Shared, moment: str) -> None:
    world.at(moment, "theirs")
    world.rotate("ours")
    assert world.dead_values_to_go_back_to() == []
    assert world.in_use("ours")
    assert world.in_use("theirs")
    assert world.alive().isdisjoint(token.value for token in world.old.values())


@pytest.mark.parametrize("moment", ["before issuer.revoke", "after issuer.revoke", "after issuer.verify"])
def test_what_a_neighbour_needs_for_its_proof_is_left_to_it(world: Shared, moment: str) -> None:
    with world.killed_at(moment, 2 if moment == "after issuer.verify" else 1):
        world.rotate("ours")
    world.rotate("theirs")
    world.lease_runs_out()
    world.rotate("ours")
    assert world.rotation("ours").old.proof is Proof.REFUSED
    assert world.dead_values_to_go_back_to() == []


@pytest.mark.parametrize("number", range(1, 7))
def test_a_kill_of_one_that_others_were_quicker_than_takes_no_proof(world: Shared, number: int) -> None:
    """Its document is another version by the time that it writes, and what it looked at is put away."""
    moves = itertools.count(1)

    def hook(now: str) -> None:
        if now == "after issuer.issue":
            world.hook = lambda _moment: None
            world.rotate("theirs")
            world.hook = hook
        elif now == "before ledger.record" and world.secret("theirs").last_phase and next(moves) == number:
            raise Killed(now)

    world.hook = hook
    with pytest.raises(Killed):
        world.rotate("ours")
    world.hook = lambda _moment: None
    world.lease_runs_out()
    world.rotate("ours")
    assert world.rotation("ours").old.proof is Proof.REFUSED
    assert world.dead_values_to_go_back_to() == []


@pytest.mark.parametrize("compromised", [True, False])
def test_the_proof_of_one_in_its_overlap_is_left_to_it_only_where_it_was_compromised_too(
    tmp_path: Path, vault: InVault, *, compromised: bool
) -> None:
    """Its rotation puts nothing away; the one that follows it, for the same incident, does."""
    world = Shared(tmp_path, vault)
    world.policies["ours"] = replace(world.policies["ours"], overlap=A_DAY)
    world.worker().rotate("ours")
    world.declare("theirs", *(["ours"] if compromised else []))
    world.rotate("theirs")
    assert world.dead_values_to_go_back_to() == (["theirs"] if compromised else [])
    world.rotate("ours")
    first = world.ledger.rotation(str(world.ledger.history(SecretName("ours"))[1].rotation))
    assert first is not None
    assert first.old is not None
    assert first.old.proof is (Proof.REFUSED if compromised else Proof.UNLISTED)
    assert world.dead_values_to_go_back_to() == []
    world.ledger.close()


def test_a_rotation_that_does_not_begin_leaves_nothing_in_memory_of_what_its_places_held(
    tmp_path: Path, moto: Moto
) -> None:
    document = InSecretsManager(moto)
    world = Shared(tmp_path, document)
    seen, store = document.store._seen, ConnectionName("store")
    missing = Target(store, {"document": "app", "field": "ours"})
    world.policies["ours"] = replace(world.policies["ours"], targets=(*world.policies["ours"].targets, missing))
    whole = world.destination
    places = iter([whole(missing), OpenDestination(document.store, AwsPlace(secret="not/there"))])
    world.destination = lambda _target: next(places)  # type: ignore[method-assign]
    assert world.worker().rotate("ours").outcome is Outcome.REFUSED
    assert len(seen) == 0

    world.destination = whole  # type: ignore[method-assign]
    with world.killed_at("before issuer.issue"):
        world.worker().rotate("theirs")
    assert len(seen) == 0, "it goes with the process that had begun"
    world.ledger.close()
