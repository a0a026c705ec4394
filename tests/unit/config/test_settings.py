"""Settings: options before variables before rotator.toml before defaults."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rotator.config.settings import load_settings
from rotator.domain.errors import InvalidInput


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.upper().startswith("ROTATOR_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", "/var/state")
    return tmp_path


def refusal(**given: object) -> str:
    with pytest.raises(InvalidInput) as caught:
        load_settings(given)
    return str(caught.value)


def test_without_anything_the_defaults_hold():
    settings = load_settings()
    assert settings.policies == Path("policies")
    assert settings.ledger_address == "sqlite:////var/state/rotator/ledger.db"
    assert settings.fingerprint_key is None
    assert (settings.log_level, settings.no_color) == ("info", False)


def test_an_option_goes_before_a_variable_before_the_file(folder, monkeypatch):
    (folder / "rotator.toml").write_text('policies = "from-file"\nlog_level = "error"\nledger = "sqlite:////file.db"\n')
    monkeypatch.setenv("ROTATOR_POLICIES", "from-variable")
    monkeypatch.setenv("ROTATOR_LOG_LEVEL", "WARNING")
    settings = load_settings({"policies": Path("from-option")})
    assert settings.policies == Path("from-option")
    assert settings.log_level == "warning"
    assert settings.ledger_address == "sqlite:////file.db"


def test_relative_paths_in_the_file_start_from_the_file(folder, monkeypatch):
    (folder / "etc").mkdir()
    (folder / "etc" / "rotator.toml").write_text(
        'policies = "policies"\nledger = "sqlite:///ledger.db"\nfingerprint_key = "ledger.key"\n'
    )
    monkeypatch.setenv("ROTATOR_CONFIG", "etc/rotator.toml")
    settings = load_settings()
    assert settings.policies == Path("etc/policies")
    assert settings.ledger == "sqlite:///etc/ledger.db"
    assert settings.fingerprint_key == Path("etc/ledger.key")


def test_variables_that_kubernetes_makes_for_a_service_named_rotator_do_no_harm(monkeypatch):
    monkeypatch.setenv("ROTATOR_PORT", "tcp://10.0.0.1:80")
    monkeypatch.setenv("ROTATOR_SERVICE_HOST", "10.0.0.1")
    assert load_settings().log_level == "info"


def test_an_empty_variable_sets_nothing(monkeypatch, folder):
    (folder / "rotator.toml").write_text('log_level = "debug"\n')
    monkeypatch.setenv("ROTATOR_LOG_LEVEL", "")
    assert load_settings().log_level == "debug"


def test_a_password_in_the_ledgers_url_is_not_shown():
    settings = load_settings({"ledger": "postgresql+psycopg://rotator:hunter2@db/rotator"})
    assert "hunter2" not in repr(settings)
    assert "hunter2" not in refusal(ledger="mysql://rotator:hunter2@db/rotator")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('polices = "x"', "rotator.toml:1:1: unknown setting `polices`; did you mean `policies`?"),
        ('\n\nlog_level = "loud"', "rotator.toml:3:1: `log_level`: must be 'debug', 'info', 'warning' or 'error'"),
        ("policies = 5", "rotator.toml:1:1: `policies`: must be a path"),
        ("workers = 65", "rotator.toml:1:1: `workers`: must be less than or equal to 64"),
        ('listen = "9464"', "rotator.toml:1:1: `listen`: not HOST:PORT; write for example `127.0.0.1:9464`"),
        ('listen = "::1:99999"', "rotator.toml:1:1: `listen`: not HOST:PORT; write for example `127.0.0.1:9464`"),
        ('[notify.ops]\nulr = "env:A"', "rotator.toml:1:9: `ops`: without `url`; add it"),
        ('[notify.ops]\nurl = "env:A"\nat = 5', "rotator.toml:1:9: `ops`: unknown key `at`; remove it"),
        (
            'ledger = "ledger.db"',
            (
                "rotator.toml:1:1: `ledger`: not the URL of a ledger; "
                "write `sqlite:///PATH` or `postgresql+psycopg://USER@HOST/NAME`"
            ),
        ),
        ("policies = ", 'rotator.toml:1:12: broken TOML: Invalid value; write `name = "value"` lines'),
        ("[connections]\n", "rotator.toml:1:2: unknown setting `connections`"),
    ],
)
def test_what_is_wrong_in_the_file_is_told_with_its_line(folder, text, expected):
    (folder / "rotator.toml").write_text(text)
    assert refusal().startswith(expected)


def test_what_is_wrong_in_a_variable_is_told_by_its_name(monkeypatch):
    monkeypatch.setenv("ROTATOR_LOG_LEVEL", "loud")
    assert refusal() == "ROTATOR_LOG_LEVEL: must be 'debug', 'info', 'warning' or 'error'"
    monkeypatch.setenv("ROTATOR_LOG_LEVEL", "info")
    monkeypatch.setenv("ROTATOR_WORKERS", "0")
    assert refusal() == "ROTATOR_WORKERS: must be greater than or equal to 1"
    monkeypatch.setenv("ROTATOR_WORKERS", "9" * 5000)
    assert refusal() == "ROTATOR_WORKERS: must be a smaller number"


def test_what_is_wrong_in_an_option_is_told_by_its_name():
    assert refusal(log_level="loud") == "--log-level: must be 'debug', 'info', 'warning' or 'error'"


def test_a_settings_file_that_was_named_must_be_there(monkeypatch):
    monkeypatch.setenv("ROTATOR_CONFIG", "nowhere.toml")
    assert refusal() == "nowhere.toml: cannot be read: No such file or directory; check the path and who may read it"


def test_a_settings_file_that_leads_nowhere_is_told(folder):
    (folder / "rotator.toml").symlink_to("gone.toml")
    assert refusal() == "rotator.toml: cannot be read: No such file or directory; check the path and who may read it"


def test_a_settings_file_that_is_not_text_is_told(folder):
    (folder / "rotator.toml").write_bytes(b"\xff\xfe")
    assert refusal() == "rotator.toml: not UTF-8 text; save the file as UTF-8"


def test_with_a_repository_the_policies_are_a_folder_inside_of_it(folder, monkeypatch):
    (folder / "etc").mkdir()
    (folder / "etc" / "rotator.toml").write_text(
        'repository = "git@git.example:acme/policies.git"\npolicies = "rotation"\nsigned_by = "allowed_signers"\n'
    )
    monkeypatch.setenv("ROTATOR_CONFIG", "etc/rotator.toml")
    settings = load_settings()
    assert settings.policies == Path("rotation")
    assert settings.ref == "main"
    assert settings.signed_by == folder / "etc" / "allowed_signers"


def test_with_a_repository_all_of_it_holds_policies_where_nothing_else_is_said(monkeypatch):
    monkeypatch.setenv("ROTATOR_REPOSITORY", "https://git.example/acme/policies.git")
    assert load_settings().policies == Path()


def test_a_repository_and_its_token_on_this_machine_start_from_the_settings_file(folder, monkeypatch):
    (folder / "etc").mkdir()
    (folder / "etc" / "rotator.toml").write_text('repository = "../policies.git"\n')
    monkeypatch.setenv("ROTATOR_CONFIG", "etc/rotator.toml")
    assert load_settings().repository == (folder / "etc" / ".." / "policies.git").as_uri()
    (folder / "etc" / "rotator.toml").write_text('repository = "https://git.example/x"\nrepository_token = "file:t"\n')
    assert load_settings().repository_token == "file:etc/t"


def test_policies_that_an_option_names_are_on_this_machine_whatever_repository_is_set(folder, monkeypatch):
    (folder / "rotator.toml").write_text(
        'repository = "https://git.example/x"\nref = "stable"\nsigned_by = "signers"\n'
    )
    monkeypatch.setenv("ROTATOR_REPOSITORY_TOKEN", "env:GIT_TOKEN")
    settings = load_settings({"policies": Path("draft")})
    assert (settings.repository, settings.policies) == (None, Path("draft"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            'ref = "stable"',
            "rotator.toml:1:1: `ref`: there is no `repository` that this could be about; name one, or remove this",
        ),
        (
            'repository = "https://git.example/x"\npolicies = "/etc/policies"',
            (
                "rotator.toml:2:1: `policies`: with `repository`, this is a folder inside of the repository; "
                "write its path from the top of the repository, or remove one of the two"
            ),
        ),
        (
            'repository = "git@git.example:x"\nrepository_token = "env:T"',
            (
                "rotator.toml:2:1: `repository_token`: only https asks for a token; ssh has its keys; "
                "remove this, or name it by https"
            ),
        ),
        (
            'repository = "http://git.example/x"',
            "rotator.toml:1:1: `repository`: over http, anybody on the way could write your policies; use https",
        ),
        (
            'repository = "https://git.example/x"\nref = "a b"',
            "rotator.toml:2:1: `ref`: not the name of a branch or tag; write one, such as `main`",
        ),
    ],
)
def test_settings_of_a_repository_that_contradict_each_other_are_told_with_their_line(folder, text, expected):
    (folder / "rotator.toml").write_text(text)
    assert refusal() == expected


def test_a_token_instead_of_a_reference_is_refused_and_not_quoted(folder):
    (folder / "rotator.toml").write_text('repository = "https://git.example/x"\nrepository_token = "hunter2hunter2"\n')
    assert "rotator.toml:2:1: `repository_token`: not a reference" in refusal()
    assert "hunter2" not in refusal()


def test_the_repositorys_token_lies_in_no_store(folder):
    (folder / "rotator.toml").write_text('repository = "https://git.example/x"\nrepository_token = "vault:a#b"\n')
    assert refusal() == (
        "rotator.toml:2:1: `repository_token`: only the credentials of a connection can be in a store (`vault:…`); "
        "write `env:NAME` for an environment variable, or `file:PATH`"
    )
