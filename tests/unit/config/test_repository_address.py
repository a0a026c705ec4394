"""Which addresses and refs git is given."""

from __future__ import annotations

import pytest

from rotator.config.policy_source.address import origin_of, ref_name, repository_address


@pytest.mark.parametrize(
    "address",
    [
        "https://git.example/acme/policies.git",
        "https://ada@git.example:8443/acme/policies.git",
        "ssh://git@git.example:2222/acme/policies.git",
        "git@git.example:acme/policies.git",
        "git.example:acme/policies.git",
        "file:///srv/git/policies.git",
    ],
)
def test_what_git_takes_stays_as_it_is(address):
    assert repository_address(address) == address


def test_a_path_is_taken_as_a_url(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/ada")
    assert repository_address("our policies") == f"{tmp_path.as_uri()}/our%20policies"
    assert repository_address("~/policies") == "file:///home/ada/policies"


@pytest.mark.parametrize(
    ("address", "what"),
    [
        ("http://git.example/policies", "over http, anybody on the way could write your policies; use https"),
        ("git://git.example/policies", "git is only used over https, ssh and from files"),
        ("ext::sh -c id", "git is only used over https, ssh and from files"),
        ("https:///policies", "not the address of a repository"),
        ("https://git.example/", "not the address of a repository"),
        ("https://git.example:port/policies", "not a URL"),
        ("https://git.example/policies?private_token=x", "not the address of a repository"),
        ("--upload-pack=id", "not the address of a repository"),
        ("https://git.example/a\nb", "not the address of a repository"),
        ("", "not the address of a repository"),
    ],
)
def test_what_git_must_not_be_given_is_refused(address, what):
    with pytest.raises(ValueError) as caught:
        repository_address(address)
    assert str(caught.value).startswith(what)


@pytest.mark.parametrize("secret", ["ada:hunter2hunter", "ghp_0123456789abcdefghijABCDEFGHIJ012345"])
def test_a_secret_in_an_address_is_refused_and_not_quoted(secret):
    with pytest.raises(ValueError, match="name it with `repository_token`, and replace it") as caught:
        repository_address(f"https://{secret}@git.example/policies")
    assert secret not in str(caught.value)


def test_a_token_goes_to_the_very_server_that_is_named_and_only_over_https():
    assert origin_of("https://ada@git.example:8443/acme/policies.git") == "https://git.example:8443"
    assert origin_of("ssh://git@git.example/acme/policies.git") is None
    assert origin_of("git@git.example:acme/policies.git") is None


@pytest.mark.parametrize("ref", ["main", "release/2026", "refs/tags/v1.0", "a+b@c#1"])
def test_a_branch_or_a_tag_can_be_named(ref):
    assert ref_name(ref) == ref


@pytest.mark.parametrize(
    "ref", ["", "-x", "a b", "a..b", "a:b", "ma*n", "x.lock", "/x", "x/", "a//b", "HEAD@{1}", "a\n"]
)
def test_what_cannot_be_a_ref_is_refused(ref):
    with pytest.raises(ValueError, match="not the name of a branch or tag"):
        ref_name(ref)
