"""Providers by name: from distributions, from profiles, and what is said of those that cannot be had."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint, distribution
from pathlib import Path

import pytest

from rotator.config.plugins import Plugins, what_to_install
from rotator.config.policy_files import load
from rotator.domain.errors import InvalidInput
from tests.unit.config.small_plugins import CABINET, SAAS, entry, small_plugins


def refusal(plugins: Plugins, name: str) -> str:
    with pytest.raises(InvalidInput) as caught:
        plugins.find(name)
    return str(caught.value)


def test_a_provider_is_found_by_its_name():
    assert small_plugins().find("saas") is SAAS
    assert small_plugins().issuer("saas") is SAAS
    assert small_plugins().store("cabinet") is CABINET
    assert small_plugins().names() == ("cabinet", "letterbox", "saas")


def test_a_store_is_no_issuer_and_an_issuer_no_store():
    with pytest.raises(InvalidInput, match="`cabinet` is a store, not an issuer; name an issuer"):
        small_plugins().issuer("cabinet")
    with pytest.raises(InvalidInput, match="`saas` is an issuer, not a store; name a store"):
        small_plugins().store("saas")


def test_only_what_is_asked_for_is_imported():
    broken = EntryPoint("broken", "tests.unit.config.no_such_module:PLUGIN", "rotator.stores")
    assert small_plugins(broken).find("saas") is SAAS
    assert "broken" in small_plugins(broken).names()


def test_a_plug_in_that_lacks_a_module_says_which_one():
    broken = EntryPoint("broken", "no_such_sdk.store:PLUGIN", "rotator.stores")
    assert refusal(small_plugins(broken), "broken") == (
        "`broken` of no_such_sdk.store:PLUGIN needs the module `no_such_sdk`; "
        "install the Python package that brings `no_such_sdk`"
    )


def test_the_extra_that_brings_a_missing_sdk_is_named():
    ours = distribution("secrets-rotator")
    assert what_to_install(ModuleNotFoundError(name="boto3"), ours) == "run `pip install 'secrets-rotator[aws]'`"
    assert (
        what_to_install(ModuleNotFoundError(name="hvac.exceptions"), ours)
        == "run `pip install 'secrets-rotator[vault]'`"
    )
    assert (
        what_to_install(ModuleNotFoundError(name="left_pad"), ours)
        == "install the Python package that brings `left_pad`"
    )


def test_a_plug_in_that_fails_while_it_is_imported_is_told_without_a_traceback(tmp_path, monkeypatch):
    (tmp_path / "exploding_plugin.py").write_text("raise RuntimeError('no license')\n")
    monkeypatch.syspath_prepend(tmp_path)
    broken = EntryPoint("broken", "exploding_plugin:PLUGIN", "rotator.stores")
    assert refusal(small_plugins(broken), "broken") == (
        "`broken` of exploding_plugin:PLUGIN cannot be imported (RuntimeError: no license); "
        "reinstall it, or tell its authors"
    )


def test_an_entry_point_that_names_something_else_is_told():
    assert refusal(small_plugins(entry("stores", "other", "CABINET")), "other") == (
        "`other` of tests.unit.config.small_plugins:CABINET is not a StorePlugin of that name; "
        "reinstall it, or tell its authors"
    )
    assert "is not a IssuerPlugin of that name" in refusal(small_plugins(entry("issuers", "x", "CABINET")), "x")


def test_a_name_that_two_distributions_offer_is_an_error():
    twice = small_plugins(EntryPoint("saas", "somebody_elses:PLUGIN", "rotator.stores"))
    assert refusal(twice, "saas") == (
        "provider `saas` is offered twice, by somebody_elses:PLUGIN and tests.unit.config.small_plugins:SAAS; "
        "uninstall one of them"
    )


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "small_profiles"
    folder.mkdir()
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "small_profiles", raising=False)
    return folder


def test_a_profile_comes_from_the_package_that_its_entry_point_names(package):
    (package / "tiny.yaml").write_text("kind: SmallIssuer\nname: tiny\nsummary: very small\n")
    plugins = small_plugins(EntryPoint("tiny", "small_profiles", "rotator.profiles"))
    assert plugins.issuer("tiny").summary == "very small"


def test_a_profile_that_is_wrong_is_told_with_its_line(package):
    (package / "tiny.yaml").write_text("kind: SmallIssuer\nname: tiny\nlongest_name: long\n")
    plugins = small_plugins(EntryPoint("tiny", "small_profiles", "rotator.profiles"))
    assert refusal(plugins, "tiny") == f"{package}/tiny.yaml:3:15: `longest_name`: must be a whole number"


def test_a_profile_that_is_not_there_is_told(package):
    plugins = small_plugins(EntryPoint("tiny", "small_profiles", "rotator.profiles"))
    assert refusal(plugins, "tiny") == (
        "the profile `tiny` of small_profiles is not there; reinstall it, or tell its authors"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("kind: SmalIssuer\nname: x\n", "mine.yaml:1:7: unknown kind `SmalIssuer`; did you mean `SmallIssuer`?"),
        ("kind: SmallIssuer\n", "mine.yaml:1:1: `name` is missing; add `name:`"),
        ("kind: SmallIssuer\nname: x\nsumary: x\n", "mine.yaml:3:1: unknown key `sumary`; did you mean `summary`?"),
        (
            "kind: SmallIssuer\nname: saas\n",
            (
                "mine.yaml:2:7: `saas` is the name of a provider of tests.unit.config.small_plugins:SAAS; "
                "give your profile another name"
            ),
        ),
    ],
)
def test_the_users_own_profile_is_checked_with_its_lines(policy, text, expected):
    assert policy().write("mine.yaml", text).problems() == [expected]


def test_two_profiles_of_one_name_are_an_error(policy):
    folder = (
        policy().write("a.yaml", "kind: SmallIssuer\nname: mine\n").write("b.yaml", "kind: SmallIssuer\nname: mine\n")
    )
    assert folder.problems() == ["b.yaml:2:7: a profile named `mine` stands in a.yaml too; rename one of them"]


def test_every_installed_provider_can_be_found():
    plugins = Plugins()
    for name in plugins.names():
        assert plugins.find(name).name == name


def test_checking_policies_imports_no_sdk_and_no_http_client():
    code = (
        "import sys; from rotator.config.policy_files import load; from rotator.config.plugins import Plugins\n"
        "plugins = Plugins(); [plugins.find(name) for name in plugins.names()]\n"
        "print([name for name in ('boto3', 'hvac', 'httptools', 'sqlalchemy', 'apscheduler') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_provider_whose_sdk_is_missing_is_told_with_its_line_and_the_extra(tmp_path, monkeypatch):
    monkeypatch.setattr("rotator.config.plugins.find_spec", lambda module: None if module == "hvac" else object())
    file = tmp_path / "policies.yaml"
    file.write_text("connections:\n  bao:\n    provider: vault\n    credentials: {token: env:BAO}\npolicies: []\n")
    with pytest.raises(InvalidInput) as refused:
        load(file, Plugins())
    (problem, *_) = refused.value.problems
    assert (problem.line, problem.column) == (3, 15)
    assert "needs the module `hvac`" in problem.what
    assert "pip install 'secrets-rotator[vault]'" in problem.remedy
