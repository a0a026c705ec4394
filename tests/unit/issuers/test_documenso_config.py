"""What a policy file may say of Documenso, and what the docs say of it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from providers.issuers.documenso.plugin import LIFETIMES, PLUGIN, DocumensoConfig
from rotator.config.plugins import Plugins
from rotator.config.policy_files import load
from rotator.domain.errors import InvalidInput

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "issuers" / "documenso.md").read_text()
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
SAMPLE = ROOT / "policies" / "documenso-to-aws-vault-heroku-vercel.yaml"


def test_the_address_is_documensos_own_unless_an_instance_is_given() -> None:
    assert DocumensoConfig(team_id=1).url == "https://app.documenso.com"
    assert DocumensoConfig(team_id=1, url="https://sign.acme.example/").url == "https://sign.acme.example"
    with pytest.raises(ValidationError, match="unencrypted"):
        DocumensoConfig(team_id=1, url="http://sign.acme.example")


@pytest.mark.parametrize("given", [{}, {"team_id": 0}, {"team_id": -1}, {"team_id": "acme"}])
def test_a_team_is_named_by_its_number(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="team_id"):
        DocumensoConfig(**given)


@pytest.mark.parametrize("example", [PLUGIN.example, *EXAMPLES])
def test_the_policies_that_we_show_load(example: str, tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(example)
    assert "documenso" in {connection.provider for connection in load(tmp_path, Plugins()).connections.values()}


def test_the_sample_writes_to_four_kinds_of_stores() -> None:
    loaded = load(SAMPLE, Plugins())
    [policy] = loaded.policies
    kinds = {loaded.connections[target.connection].provider for target in policy.targets}
    assert kinds == {"aws-secrets-manager", "vault", "heroku", "vercel"}


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("expires_in: 6 months", "expires_in: 90 days", "1 month, 3 months, 6 months"),
        ("token_name: production-api", "token_name: https://acme.example", "https://acme.example"),
        ("    team_id: 1\n", "", "team_id"),
        ("email: env:DOCUMENSO_EMAIL, ", "", "email"),
        ("env:DOCUMENSO_EMAIL", "rotator@acme.example", "email"),
    ],
)
def test_what_documenso_would_refuse_is_told_with_its_line(tmp_path: Path, before: str, after: str, says: str) -> None:
    assert before in PLUGIN.example
    (tmp_path / "policy.yaml").write_text(PLUGIN.example.replace(before, after))
    with pytest.raises(InvalidInput) as refused:
        load(tmp_path, Plugins())
    assert says in str(refused.value)
    assert all(problem.line for problem in refused.value.problems)


def test_the_docs_name_every_setting_every_credential_and_every_lifetime() -> None:
    for name in DocumensoConfig.model_fields:
        assert f"`{name}`" in PAGE
    for credential in PLUGIN.credentials:
        assert f"`{credential.name}`" in PAGE
    for lifetime in LIFETIMES:
        assert f"`{lifetime}`" in PAGE


def test_naming_the_plug_in_imports_no_http_client() -> None:
    program = "import sys, providers.issuers.documenso; print('httptools' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
