"""An access key as one value: what we write is read by AWS's own SDK, and what people have is understood."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import botocore.session
import pytest

from providers.issuers.aws_iam.forms import AccessKey, Form, read, written
from providers.issuers.aws_iam.plugin import PLUGIN
from rotator.domain.secret_value import SecretValue

ID = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
ESCAPED = SECRET.replace("/", "\\/")
KEY = AccessKey(ID, SecretValue(SECRET))


@pytest.fixture(autouse=True)
def _no_credentials_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")


def found_by_the_sdk() -> tuple[str, str]:
    credentials = botocore.session.Session().get_credentials()
    return credentials.access_key, credentials.secret_key


def test_a_variable_with_the_json_form_serves_a_credential_process(monkeypatch, tmp_path: Path, known_values) -> None:
    for text in (SECRET, written(KEY, Form.JSON).reveal()):  # what the process prints, to the SDK alone
        known_values.not_secret(text)
    (tmp_path / "config").write_text("[default]\ncredential_process = printenv APP_AWS_KEY\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("APP_AWS_KEY", written(KEY, Form.JSON).reveal())
    assert found_by_the_sdk() == (ID, SECRET)


def test_the_credentials_file_form_is_a_credentials_file(monkeypatch, tmp_path: Path, may_hold_values) -> None:
    file = may_hold_values(tmp_path / "credentials")
    file.write_text(written(KEY, Form.CREDENTIALS_FILE).reveal())
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    assert found_by_the_sdk() == (ID, SECRET)


def test_the_json_form_is_one_line() -> None:
    assert "\n" not in written(KEY, Form.JSON).reveal()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(written(KEY, Form.JSON).reveal(), id="our json"),
        pytest.param(written(KEY, Form.CREDENTIALS_FILE).reveal(), id="our credentials file"),
        pytest.param(f'{{"aws_access_key_id": "{ID}", "aws_secret_access_key": "{SECRET}", "port": 1}}', id="snake"),
        pytest.param(f'{{"accessKeyId": "{ID}", "secretAccessKey": "{ESCAPED}"}}', id="camel"),
        pytest.param(f'export AWS_ACCESS_KEY_ID="{ID}"\nexport AWS_SECRET_ACCESS_KEY=\'{SECRET}\'', id="shell"),
        pytest.param(f"# mine\r\nAWS_ACCESS_KEY_ID={ID}\r\nAWS_SECRET_ACCESS_KEY={SECRET}\r\n", id="env file"),
        pytest.param(f"[app]\nregion=x\naws_access_key_id={ID}\naws_secret_access_key={SECRET}\n[b]", id="ini"),
    ],
)  # fmt: skip
def test_the_pair_is_found_however_people_keep_it(text: str) -> None:
    key = read(SecretValue(text))
    assert key is not None
    assert (key.id, key.secret.reveal()) == (ID, SECRET)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(SECRET, id="half of it"),
        pytest.param(f'{{"AccessKeyId": "{ID}"}}', id="half of it in json"),
        pytest.param(f'["{ID}", "{SECRET}"]', id="a list"),
        pytest.param(f'{{"AccessKeyId": "{ID}", "SecretAccessKey": "{SECRET}", "SessionToken": "x"}}', id="temporary"),
        pytest.param(f'{{"AccessKeyId": "{ID}", "SecretAccessKey": "two\\nlines of a text"}}', id="not to be sent"),
        pytest.param(f'{{"AccessKeyId": "{ID} ", "SecretAccessKey": "{SECRET}"}}', id="a blank behind the id"),
        pytest.param(
            f"[a]\naws_access_key_id={ID}\naws_secret_access_key={SECRET}\n[b]\naws_access_key_id={ID[::-1]}", id="two"
        ),
    ],
)
def test_anything_else_is_no_access_key(text: str) -> None:
    assert read(SecretValue(text)) is None


@pytest.mark.parametrize(
    ("model", "wrong"),
    [
        (PLUGIN.config, {"propagation": "1 min"}),
        (PLUGIN.config, {"region": ""}),
        (PLUGIN.options, {"user": "arn:aws:iam::123456789012:user/app"}),
        (PLUGIN.options, {"user": "apps/app"}),
        (PLUGIN.options, {}),
        (PLUGIN.options, {"user": "app", "format": "yaml"}),
    ],
)
def test_settings_that_cannot_work_are_refused(model: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        model.model_validate({**({"region": "eu-west-1"} if model is PLUGIN.config else {}), **wrong})
