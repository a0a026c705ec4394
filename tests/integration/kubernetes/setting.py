"""One Secret in a fake cluster, the official Kubernetes client at it as somebody else, and the store between."""

from __future__ import annotations

import base64
import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client

from providers.stores.kubernetes.api import Api
from providers.stores.kubernetes.plugin import KubernetesConfig, KubernetesPlace
from providers.stores.kubernetes.secret import mark
from providers.stores.kubernetes.store import KubernetesStore
from rotator.testing.access import DictionaryAccess
from tests.fakes.kubernetes.cluster import Cluster, Rule, Target

NAMESPACE, SECRET, KEY = "shop", "documenso", "token"
PLACE = KubernetesPlace(namespace=NAMESPACE, secret=SECRET, key=KEY)
WEB = KubernetesPlace(namespace=NAMESPACE, secret=SECRET, key=KEY, rollout=("deployment/web",))

OUR_TOKEN, THEIR_TOKEN = "token-of-rotator", "token-of-an-administrator"
ADMINISTRATOR = [{"apiGroups": ["", "apps"], "resources": ["secrets", "deployments", "statefulsets", "daemonsets"],
                  "verbs": ["get", "list", "create", "update", "patch", "delete"]}]  # fmt: skip

PERMISSIONS = Path(__file__).parents[3] / "deploy" / "permissions" / "kubernetes.yaml"


def shipped_rules() -> list[Rule]:
    """Give what the Role in deploy/permissions allows."""
    (role,) = (found for found in yaml.safe_load_all(PERMISSIONS.read_text()) if found["kind"] == "Role")
    assert role["metadata"]["namespace"] == NAMESPACE
    rules: list[Rule] = role["rules"]
    return rules


def rules_for_these_tests() -> list[Rule]:
    """Give the shipped rules, for the names that are used here beside the ones they name."""
    names = {"secrets": [SECRET, "nowhere", "not-there-yet"], "deployments": ["web", "queue", "agent", "nowhere"]}
    return [
        {**rule, "resourceNames": names[rule["resources"][0]]} if "resourceNames" in rule else rule
        for rule in shipped_rules()
    ]


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def secret(name: str = SECRET, **others: Any) -> dict[str, Any]:
    """Give a Secret with our key and other people's things: ``metadata`` is added to, the rest replaced."""
    metadata = {
        "namespace": NAMESPACE,
        "name": name,
        "labels": {"app": "documenso"},
        "annotations": {"team": "payments"},
    }
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "data": {
            "url": encoded("https://a.example"),
            KEY: encoded("tok_first_of_all"),
            "bytes": base64.b64encode(b"\xff\x00\xfe").decode(),
        },
        **others,
        "metadata": {**metadata, **others.get("metadata", {})},
    }


def cluster_with_a_secret(rules: list[Rule] | None = None) -> Cluster:
    cluster = Cluster()
    cluster.bind(OUR_TOKEN, "system:serviceaccount:rotator:rotator", NAMESPACE, rules or rules_for_these_tests())
    cluster.bind(THEIR_TOKEN, "administrator", NAMESPACE, ADMINISTRATOR)
    cluster.put("secrets", secret())
    return cluster


def opened(
    url: str, *, token: str = OUR_TOKEN, access: DictionaryAccess | None = None, **settings: Any
) -> KubernetesStore:
    """Open the store as the plug-in does."""
    config = KubernetesConfig(url=url, credentials={"token": "env:CLUSTER_TOKEN"}, **settings)
    access = access or DictionaryAccess({"token": token})
    return KubernetesStore(Api(config, access), access.clock)


def at(name: str = SECRET, **others: Any) -> KubernetesPlace:
    return KubernetesPlace(namespace=NAMESPACE, secret=name, key=KEY, **others)


def held_in(cluster: Cluster, name: str = SECRET) -> dict[str, Any]:
    return cluster.objects[Target(NAMESPACE, "secrets", name)]


def token_in(cluster: Cluster, name: str = SECRET) -> str:
    return base64.b64decode(held_in(cluster, name)["data"][KEY]).decode()


class SomebodyElse:
    """Another user of the cluster, with the official client."""

    def __init__(self, url: str, ca_file: Path) -> None:
        configuration = client.Configuration(host=url)
        configuration.ssl_ca_cert = str(ca_file)
        configuration.api_key = {"authorization": f"Bearer {THEIR_TOKEN}"}
        self.api = client.ApiClient(configuration)
        self.core, self.apps = client.CoreV1Api(self.api), client.AppsV1Api(self.api)

    def read(self, name: str = SECRET) -> client.V1Secret:
        return self.core.read_namespaced_secret(name, NAMESPACE)

    def put(self, value: str) -> None:
        self.core.patch_namespaced_secret(SECRET, NAMESPACE, {"stringData": {KEY: value}})

    def field(self) -> str | None:
        found = self.read().data.get(KEY)
        return base64.b64decode(found).decode() if found is not None else None

    def siblings(self) -> object:
        found = self.api.sanitize_for_serialization(self.read())
        others = copy.deepcopy(found)
        del others["metadata"]["resourceVersion"]
        others["metadata"]["annotations"].pop(mark(KEY), None)
        others["data"].pop(KEY, None)
        return others

    def footprint(self) -> object:
        return self.read().metadata.resource_version


class AtTheSecret:
    """The contract's fixtures, as ``conftest`` makes them. First among the bases of a contract's class."""

    @pytest.fixture
    def store(self, store: KubernetesStore) -> KubernetesStore:
        return store

    @pytest.fixture
    def place(self, place: KubernetesPlace) -> KubernetesPlace:
        return place

    @pytest.fixture
    def outside(self, somebody_else: SomebodyElse) -> SomebodyElse:
        return somebody_else
