"""The Kubernetes manifests: known to the API, closed as they claim to be, and saying the same thing in every file."""

from __future__ import annotations

import shutil
import subprocess
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from kubernetes import client
from pydantic import ValidationError

ROOT: Final = Path(__file__).parents[3]
FOLDER: Final = ROOT / "deploy/kubernetes"
MANIFESTS: Final = {
    f"{file.relative_to(FOLDER)}: {manifest['kind']} {manifest['metadata']['name']}": manifest
    for file in sorted(FOLDER.rglob("*.yaml"))
    if file.name != "kustomization.yaml"
    for manifest in yaml.safe_load_all(file.read_text())
}
PERMISSIONS: Final = list(yaml.safe_load_all((ROOT / "deploy/permissions/kubernetes.yaml").read_text()))


def of_kind(kind: str) -> list[dict[str, Any]]:
    return [manifest for manifest in MANIFESTS.values() if manifest["kind"] == kind]


def pods() -> dict[str, dict[str, Any]]:
    (deployment,), (job,) = of_kind("Deployment"), of_kind("CronJob")
    return {"daemon": deployment["spec"]["template"], "pass": job["spec"]["jobTemplate"]["spec"]["template"]}


def problems(manifest: dict[str, Any]) -> list[str]:
    """Give every unknown key, wrong type and missing field, as the models of the official client see them."""
    model = getattr(client, f"V1{manifest['kind']}")
    try:
        model.model_validate(manifest, strict=True)
    except ValidationError as error:
        return [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
    return []


@pytest.mark.parametrize("name", MANIFESTS)
def test_the_api_knows_every_key_of_a_manifest(name: str):
    assert problems(MANIFESTS[name]) == []


def test_a_wrong_manifest_is_noticed():
    wrong = deepcopy(of_kind("Deployment")[0])
    container = wrong["spec"]["template"]["spec"]["containers"][0]
    container["readOnlyRootFileSystem"] = True
    container["ports"][0]["containerPort"] = "9464"
    del container["name"]
    assert [problem.removeprefix("spec.template.spec.containers.0.") for problem in problems(wrong)] == [
        "name: Field required",
        "ports.0.containerPort: Input should be a valid integer",
        "readOnlyRootFileSystem: Extra inputs are not permitted",
    ]


@pytest.mark.parametrize("name", ["daemon", "pass"])
def test_a_pod_is_as_closed_as_the_restricted_profile_wants_it(name: str):
    pod = pods()[name]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["automountServiceAccountToken"] is False
    assert {"cpu", "memory"} <= set(container["resources"]["requests"])
    assert "memory" in container["resources"]["limits"]


def test_a_pod_runs_as_the_user_that_the_image_was_made_for():
    user = (ROOT / "deploy/Dockerfile").read_text().partition("USER ")[2].partition("\n")[0]
    for pod in pods().values():
        context = pod["spec"]["securityContext"]
        assert f"{context['runAsUser']}:{context['runAsGroup']}" == user
        assert context["fsGroup"] == context["runAsGroup"]


def test_every_mounted_folder_has_its_volume():
    for pod in pods().values():
        volumes = {volume["name"] for volume in pod["spec"]["volumes"]}
        assert {mount["name"] for mount in pod["spec"]["containers"][0]["volumeMounts"]} == volumes


def test_everything_that_selects_pods_selects_ours():
    labels = pods()["daemon"]["metadata"]["labels"]
    (deployment,), (budget,), (service,) = (of_kind(kind) for kind in ("Deployment", "PodDisruptionBudget", "Service"))
    spread = deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]
    selectors = [
        deployment["spec"]["selector"],
        budget["spec"]["selector"],
        *(each["labelSelector"] for each in spread),
    ]
    assert [selector["matchLabels"] for selector in selectors] == [labels] * len(selectors)
    assert service["spec"]["selector"] == labels
    for policy in of_kind("NetworkPolicy"):
        assert policy["spec"]["podSelector"].get("matchLabels", {}).items() <= labels.items()


def test_the_probes_ask_for_pages_that_there_are():
    container = pods()["daemon"]["spec"]["containers"][0]
    probes = [container[kind]["httpGet"] for kind in ("startupProbe", "livenessProbe", "readinessProbe")]
    assert [probe["path"] for probe in probes] == ["/live", "/live", "/ready"]
    port = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert {port[probe["port"]] for probe in probes} == {9464}
    assert "ROTATOR_LISTEN=0.0.0.0:9464" in (ROOT / "deploy/Dockerfile").read_text()


def test_the_account_that_runs_it_is_the_one_that_gets_the_permissions():
    def identity(manifest: dict[str, Any]) -> tuple[str, str]:
        return manifest["metadata"]["namespace"], manifest["metadata"]["name"]

    (ours,), (permitted,) = (
        of_kind("ServiceAccount"),
        [each for each in PERMISSIONS if each["kind"] == "ServiceAccount"],
    )
    assert identity(ours) == identity(permitted)
    assert {pod["spec"]["serviceAccountName"] for pod in pods().values()} == {ours["metadata"]["name"]}
    assert not [kind for kind in ("Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding") if of_kind(kind)]


def test_no_secret_is_among_the_manifests():
    assert of_kind("Secret") == []


# Never a failure: Debian's kubectl is too old for components, and no other package of it is anybody's official one.
@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is missing, which kustomize is part of")
@pytest.mark.parametrize("way", ["daemon", "cronjob"])
def test_kustomize_puts_it_together(way: str, tmp_path: Path):
    shutil.copytree(FOLDER, tmp_path / "ours")
    (tmp_path / "kustomization.yaml").write_text(f"resources: [ours/{way}]\ncomponents: [ours/in-cluster]\n")
    built = subprocess.run(["kubectl", "kustomize", tmp_path], capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    manifests = list(yaml.safe_load_all(built.stdout))
    assert [problem for manifest in manifests for problem in problems(manifest)] == []
    assert {manifest["metadata"].get("namespace", "rotator") for manifest in manifests} == {"rotator"}
    assert "automountServiceAccountToken: true" in built.stdout
    assert "image: registry.example.com/rotator:" in built.stdout
