"""Each auth method signs in on a real OpenBao, under a mount of its own name; ``aws``, which OpenBao does not have, on
a fake in front of it.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from providers.stores.vault.plugin import VaultPlace
from providers.stores.vault.store import VaultStore
from rotator.domain.errors import NeedsOperator
from rotator.testing.store_contract import fresh, held, publish, refusal_of
from tests.canary import CANARY
from tests.fakes.client_certificate import client_certificate
from tests.fakes.jwt_signer import JwtSigner
from tests.fakes.token_review import ServiceAccount, token_reviews
from tests.fakes.vault_aws_login import AwsLogin, aws_login
from tests.integration.aws_iam.setting import Account, checking
from tests.integration.vault.setting import Credentials, Tokens, opened, policy_for
from tests.servers.moto import Moto
from tests.servers.openbao import OpenBao

PLACE = VaultPlace(path="prod/signed-in", field="token")


@dataclass(frozen=True)
class Way:
    """A way to sign in, prepared at the server: what the policy file says, and how to make it wrong."""

    bao: OpenBao
    tokens: Tokens
    auth: dict[str, Any]
    access: Credentials
    spoil: Callable[[], object]
    """Make the credentials wrong."""
    settings: dict[str, Any] = field(default_factory=dict)
    """Of the connection."""

    def store(self, **settings: Any) -> VaultStore:
        merged = {"mount": "secret", "auth": self.auth, **self.settings, **settings}
        url = merged.pop("url", self.bao.url)
        return opened(url, merged.pop("mount"), self.access, **merged)


def enable(bao: OpenBao, method: str) -> str:
    """Mount an auth method under a name of the test's own."""
    mount = f"{method}-{secrets.token_hex(4)}"
    bao.request("POST", f"sys/auth/{mount}", {"type": method})
    return mount


def granted(bao: OpenBao) -> tuple[dict[str, Any], Tokens]:
    """Give what a role grants to those who sign in, and the tokens of those who did."""
    policy = bao.policy(policy_for("secret"))
    return {"token_policies": [policy], "token_ttl": "10m"}, Tokens(bao, policy)


class SignsIn:
    """What every method is held to."""

    check = ""
    """A word of what the person is told to look at when the login is refused."""

    @pytest.fixture
    def way(self) -> Way:
        raise AssertionError("a method prepares its way")

    def test_it_signs_in_once_for_many_calls(self, way: Way) -> None:
        store, value = way.store(), fresh()
        store.preflight(PLACE)
        publish(store, PLACE, value)
        assert held(store.current(PLACE)) == value.reveal()
        assert len(way.tokens.alive()) == 1

    def test_it_signs_in_again_when_its_token_has_died(self, way: Way) -> None:
        store, value = way.store(), fresh()
        publish(store, PLACE, fresh())
        assert way.tokens.revoke() == 1
        publish(store, PLACE, value)
        assert held(store.current(PLACE)) == value.reveal()
        assert len(way.tokens.alive()) == 1

    def test_a_token_in_the_second_half_of_its_life_is_renewed_and_not_replaced(self, way: Way) -> None:
        store = way.store()
        store.preflight(PLACE)
        assert (len(way.tokens.alive()), way.tokens.renewals()) == (1, 0)
        way.access.time.move(minutes=6)
        store.preflight(PLACE)
        assert (len(way.tokens.alive()), way.tokens.renewals()) == (1, 1)

    def test_a_refused_login_waits_for_a_person_who_is_told_what_to_look_at(self, way: Way) -> None:
        way.spoil()
        refusal = refusal_of(lambda: way.store().preflight(PLACE))
        assert type(refusal) is NeedsOperator
        assert f"refused the {way.auth['method']} login" in str(refusal)
        assert self.check in str(refusal)
        assert way.tokens.alive() == []


class TestUserpass(SignsIn):
    check = "`username` or `password`"

    @pytest.fixture
    def way(self, openbao: OpenBao) -> Way:
        mount, (grants, tokens) = enable(openbao, "userpass"), granted(openbao)
        access = Credentials(password=f"correct horse {secrets.token_hex(8)}")
        openbao.request("POST", f"auth/{mount}/users/ro.tator-prod_1", {**access.values, **grants})
        auth = {"method": "userpass", "mount": mount, "username": "ro.tator-prod_1"}
        return Way(openbao, tokens, auth, access, lambda: access.values.update(password="another horse entirely"))

    def test_a_login_that_asks_for_a_second_factor_says_so(self, way: Way) -> None:
        accessor = way.bao.request("GET", "sys/auth")["data"][f"{way.auth['mount']}/"]["accessor"]
        method = way.bao.request("POST", "identity/mfa/method/totp", {"issuer": "tests"})["data"]["method_id"]
        rule = {"mfa_method_ids": [method], "auth_method_accessors": [accessor]}
        way.bao.request("POST", f"identity/mfa/login-enforcement/{way.auth['mount']}", rule)
        refusal = refusal_of(lambda: way.store().preflight(PLACE))
        assert type(refusal) is NeedsOperator
        assert "second factor" in str(refusal)


class TestJwt(SignsIn):
    check = "`jwt` has expired"
    claims = {"sub": "ci", "aud": "vault"}  # noqa: RUF012  read only

    @pytest.fixture
    def signer(self) -> JwtSigner:
        return JwtSigner()

    @pytest.fixture
    def way(self, openbao: OpenBao, signer: JwtSigner) -> Way:
        mount, (grants, tokens) = enable(openbao, "jwt"), granted(openbao)
        settings = {"jwt_validation_pubkeys": [signer.public_key], "default_role": "rotator"}
        openbao.request("POST", f"auth/{mount}/config", settings)
        role = {"role_type": "jwt", "user_claim": "sub", "bound_audiences": ["vault"], **grants}
        openbao.request("POST", f"auth/{mount}/role/rotator", role)
        access = Credentials(jwt=signer.sign(**self.claims))
        expired = signer.sign(**self.claims, iat=1, exp=2)
        auth = {"method": "jwt", "mount": mount, "role": "rotator"}
        return Way(openbao, tokens, auth, access, lambda: access.values.update(jwt=expired))

    def test_a_role_that_is_not_written_is_the_mounts_own(self, way: Way) -> None:
        store = way.store(auth={"method": "jwt", "mount": way.auth["mount"]})
        publish(store, PLACE, fresh())
        assert len(way.tokens.alive()) == 1

    def test_another_signers_token_is_refused(self, way: Way) -> None:
        way.access.values["jwt"] = JwtSigner().sign(**self.claims)
        assert type(refusal_of(lambda: way.store().preflight(PLACE))) is NeedsOperator


class TestKubernetes(SignsIn):
    """The cluster's part, TokenReview, is a fake."""

    check = "Check `role`, its service accounts"

    @pytest.fixture
    def way(self, openbao: OpenBao, tmp_path: Path) -> Iterator[Way]:
        mount, (grants, tokens) = enable(openbao, "kubernetes"), granted(openbao)
        cluster, account = JwtSigner(), ServiceAccount("payments", "rotator")
        token = cluster.sign(**account.claims)
        any_certificate = client_certificate(tmp_path, "cluster").certificate_file.read_text()
        with token_reviews(CANARY.add(f"reviewer-{secrets.token_hex(8)}")) as reviews:
            reviews.accounts[token] = account
            settings = {
                "kubernetes_host": reviews.url,
                "kubernetes_ca_cert": any_certificate,
                "disable_local_ca_jwt": True,
                "token_reviewer_jwt": reviews.reviewer,
            }
            openbao.request("POST", f"auth/{mount}/config", settings)
            role = {
                "bound_service_account_names": ["rotator"],
                "bound_service_account_namespaces": ["payments"],
                **grants,
            }
            openbao.request("POST", f"auth/{mount}/role/rotator", role)
            access = Credentials(jwt=token)
            auth = {"method": "kubernetes", "mount": mount, "role": "rotator"}
            yield Way(openbao, tokens, auth, access, reviews.accounts.clear)


class TestCertificate(SignsIn):
    check = "The mount does not trust `certificate_file`"

    @pytest.fixture
    def way(self, guarded: OpenBao, authority: Path, tmp_path: Path) -> Way:
        mount, (grants, tokens) = enable(guarded, "cert"), granted(guarded)
        ours, theirs = client_certificate(tmp_path, "rotator"), client_certificate(tmp_path, "somebody")
        trusted = {"certificate": ours.certificate_file.read_text(), **grants}
        guarded.request("POST", f"auth/{mount}/certs/rotator", trusted)
        auth = {
            "method": "cert",
            "mount": mount,
            "role": "rotator",
            "certificate_file": ours.certificate_file,
            "key_file": ours.key_file,
        }

        def replace() -> None:
            theirs.certificate_file.rename(ours.certificate_file)
            theirs.key_file.rename(ours.key_file)

        return Way(guarded, tokens, auth, Credentials(), replace, {"ca_file": authority})

    def test_a_file_that_holds_both_is_enough(self, way: Way, tmp_path: Path) -> None:
        both = tmp_path / "both.pem"
        both.write_text(way.auth["certificate_file"].read_text() + way.auth["key_file"].read_text())
        publish(
            way.store(auth={"method": "cert", "mount": way.auth["mount"], "certificate_file": both}), PLACE, fresh()
        )
        assert len(way.tokens.alive()) == 1

    def test_replaced_files_are_read_at_the_next_login(self, way: Way) -> None:
        store = way.store()
        store.preflight(PLACE)
        way.tokens.revoke()
        way.spoil()
        assert self.check in str(refusal_of(lambda: store.preflight(PLACE)))

    @pytest.mark.parametrize(
        ("setting", "file", "why"),
        [("key_file", "somebody.key", "KEY_VALUES_MISMATCH"), ("certificate_file", "missing.pem", "No such file")],
    )
    def test_files_that_are_no_pair_are_named(
        self, way: Way, tmp_path: Path, setting: str, file: str, why: str
    ) -> None:
        refusal = refusal_of(lambda: way.store(auth={**way.auth, setting: tmp_path / file}).preflight(PLACE))
        assert type(refusal) is NeedsOperator
        assert why in str(refusal)
        assert str(tmp_path / file) in str(refusal)


@pytest.fixture(scope="module")
def account(moto: Moto) -> Iterator[Account]:
    with checking(moto) as made:
        yield made


class TestAws(SignsIn):
    """The method is a fake; that the signature is AWS's, moto's STS says."""

    check = "bound to our IAM identity"

    @pytest.fixture
    def front(self, openbao: OpenBao, account: Account) -> Iterator[AwsLogin]:
        with aws_login(AwsLogin(openbao.url, account.url, "vault.example.com")) as running:
            yield running

    @pytest.fixture
    def way(self, openbao: OpenBao, account: Account, front: AwsLogin) -> Way:
        grants, tokens = granted(openbao)
        front.make_token = lambda: openbao.token(*grants["token_policies"], ttl=grants["token_ttl"])
        key_id, secret_key = account.manager(["*"])
        front.bound["rotator"] = account.client("sts", key_id, secret_key).get_caller_identity()["Arn"]
        access = Credentials(access_key_id=key_id, secret_access_key=secret_key)
        auth = {"method": "aws", "mount": front.mount, "role": "rotator", "server_id": front.server_id}
        spoil = partial(access.values.update, secret_access_key="of-somebody-else")
        return Way(openbao, tokens, auth, access, spoil, {"url": front.url})

    @pytest.mark.parametrize(
        "wrong", [{"server_id": "another.example.com"}, {"region": "eu-west-1"}, {"role": "other"}]
    )
    def test_what_the_mount_does_not_expect_is_refused(self, way: Way, wrong: dict[str, str]) -> None:
        assert self.check in str(refusal_of(lambda: way.store(auth={**way.auth, **wrong}).preflight(PLACE)))

    def test_a_mount_may_ask_the_sts_of_its_region(self, way: Way, front: AwsLogin) -> None:
        front.sts_host = "sts.eu-west-1.amazonaws.com"
        way.store(auth={**way.auth, "region": "eu-west-1"}).preflight(PLACE)
        assert len(way.tokens.alive()) == 1

    def test_without_references_it_is_botocores_own_chain(self, way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", way.access.values.pop("access_key_id"))
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", way.access.values.pop("secret_access_key"))
        way.store().preflight(PLACE)
        assert len(way.tokens.alive()) == 1

    def test_no_identity_at_all_is_for_a_person(self, way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
        way.access.values.clear()
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
        refusal = refusal_of(lambda: way.store().preflight(PLACE))
        assert type(refusal) is NeedsOperator
        assert "no AWS credentials for the Vault login" in str(refusal)

    def test_without_boto3_it_says_what_to_install(self, way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "boto3", None)
        refusal = refusal_of(lambda: way.store().preflight(PLACE))
        assert type(refusal) is NeedsOperator
        assert "pip install 'secrets-rotator[aws,vault]'" in str(refusal)
