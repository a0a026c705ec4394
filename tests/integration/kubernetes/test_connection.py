"""What a policy file may say of a cluster and of a place in it; TLS; and the service account of a pod."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from providers.stores.kubernetes.api import Api
from providers.stores.kubernetes.plugin import PLUGIN, KubernetesConfig, KubernetesPlace
from providers.stores.kubernetes.store import KubernetesStore
from rotator.config.plugins import Plugins
from rotator.config.policy_files import load
from rotator.domain.errors import NeedsOperator, Permanent
from rotator.testing.access import DictionaryAccess
from rotator.testing.store_contract import fresh, held, publish, refusal_of
from tests.fakes.kubernetes.cluster import Cluster
from tests.fakes.own_authority import own_authority
from tests.integration.kubernetes.setting import OUR_TOKEN, PLACE, opened

PAGE = Path(__file__).parents[3] / "docs" / "stores" / "kubernetes.md"
TOKEN = {"credentials": {"token": "env:CLUSTER_TOKEN"}}


def in_cluster(url: str, service_account: Path) -> KubernetesStore:
    config, access = KubernetesConfig(url=url, in_cluster=True), DictionaryAccess()
    return KubernetesStore(Api(config, access, service_account), access.clock)


@pytest.fixture
def service_account(ca_file: Path, tmp_path: Path, may_hold_values: Callable[[Path], Path]) -> Path:
    """Give a folder as the kubelet mounts it."""
    (tmp_path / "ca.crt").write_bytes(ca_file.read_bytes())
    may_hold_values(tmp_path / "token").write_text(f"{OUR_TOKEN}\n")
    return tmp_path


def test_a_pod_needs_to_say_no_more_than_that_it_is_one() -> None:
    config = KubernetesConfig.model_validate({"in_cluster": True})
    assert config.url == "https://kubernetes.default.svc"


def test_a_pods_own_account_is_used_with_the_clusters_own_authority(url: str, service_account: Path) -> None:
    store, value = in_cluster(url, service_account), fresh()
    store.preflight(PLACE)
    publish(store, PLACE, value)
    assert held(store.current(PLACE)) == value.reveal()


def test_a_pods_token_is_read_anew_each_time(url: str, service_account: Path, cluster: Cluster) -> None:
    store = in_cluster(url, service_account)
    store.current(PLACE)
    cluster.users["its-successor"] = cluster.users.pop(OUR_TOKEN)
    (service_account / "token").write_text("its-successor")
    assert store.current(PLACE)


@pytest.mark.parametrize("left", ["nothing", "an empty file"])
def test_a_pod_without_a_token_is_told_so(url: str, service_account: Path, left: str) -> None:
    (service_account / "token").unlink()
    if left == "an empty file":
        (service_account / "token").touch()
    refusal = refusal_of(lambda: in_cluster(url, service_account).current(PLACE))
    assert type(refusal) is NeedsOperator
    assert "automountServiceAccountToken" in str(refusal)


def test_an_authority_that_nobody_named_is_not_trusted(url: str, tmp_path: Path) -> None:
    for store in (opened(url), opened(url, ca_file=own_authority(tmp_path).ca_file)):
        refusal = refusal_of(lambda store=store: store.current(PLACE))
        assert type(refusal) is Permanent
        assert "`ca_file`" in str(refusal)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "url is missing"),
        ({"in_cluster": False, **TOKEN}, "url is missing"),
        ({"url": "https://a.example"}, "add the credential `token`"),
        ({"in_cluster": True, **TOKEN}, "remove `credentials`"),
        ({"url": "http://a.example", **TOKEN}, "plain http"),
        ({"url": "https://a.example/api/v1/", **TOKEN}, "leave /api out"),
        ({"url": "https://a.example", "namespace": "shop", **TOKEN}, "Extra inputs"),
    ],
)
def test_a_connection_that_cannot_work_is_told_why(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        KubernetesConfig.model_validate(settings)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"namespace": "Shop"}, "not a namespace"),
        ({"namespace": "shop/../kube-system"}, "not a namespace"),
        ({"namespace": "n" * 64}, "not a namespace"),
        ({"secret": ".."}, "not a Secret's name"),
        ({"secret": "a..b"}, "not a Secret's name"),
        ({"key": "a/b"}, "not a key"),
        ({"key": ".."}, "not a key"),
        ({"key": "k" * 254}, "not a key"),
        ({"key": "token\n"}, "not a key"),
        ({"rollout": ["web"]}, "for example deployment/web"),
        ({"rollout": ["cronjob/web"]}, "deployment, statefulset, daemonset"),
        ({"rollout": ["deployment/web/scale"]}, "not a workload"),
    ],
)
def test_a_place_that_cannot_be_is_told_why(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        KubernetesPlace.model_validate({"namespace": "shop", "secret": "documenso", "key": "token", **wrong})


def test_the_policies_in_the_docs_load(tmp_path: Path) -> None:
    examples = re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert len(examples) >= 2
    for number, example in enumerate(examples):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "policy.yaml").write_text(example)
        loaded = load(folder, Plugins())
        assert "kubernetes" in {connection.provider for connection in loaded.connections.values()}


def test_the_docs_name_every_setting_and_every_permission() -> None:
    text = PAGE.read_text()
    for model in (KubernetesConfig, KubernetesPlace):
        for name in model.model_fields:
            assert f"`{name}`" in text


def test_the_plug_in_is_there_without_an_http_client() -> None:
    assert Plugins().store("kubernetes") is PLUGIN
    code = "import sys, providers.stores.kubernetes; print('httptools' in sys.modules, 'kubernetes' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
