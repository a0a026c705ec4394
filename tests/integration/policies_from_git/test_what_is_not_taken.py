"""What a commit may hold beside policies, and what it may not do to the machine that follows it."""

from __future__ import annotations

import os

import pytest

from rotator.config.allowed import Allowed
from rotator.config.policy_source import checkout
from rotator.config.policy_source.clone import Entry
from rotator.domain.errors import InvalidInput
from rotator.domain.model import ConnectionName, Target
from tests.integration.policies_from_git.upstream import CONNECTIONS, follow, names, policy, told


def refused(source) -> str:
    with pytest.raises(InvalidInput) as caught:
        source.load()
    return told(caught.value.problems)


@pytest.mark.parametrize("leads_to", ["/etc/hostname", "../../outside.yaml", "../README", "hop/../../../x"])
def test_a_link_that_leads_out_of_the_folder_refuses_the_commit(upstream, state, leads_to):
    upstream.link("policies/stray.yaml", leads_to)
    bad = upstream.commit({})
    expected = f"{bad[:10]}:policies/stray.yaml: a link that leads out of the folder of the policies"
    assert refused(follow(upstream, state)).startswith(expected)


def test_a_link_that_leads_out_by_way_of_another_one_refuses_the_commit(upstream, state):
    upstream.link("policies/there", "/etc")
    upstream.link("policies/stray.yaml", "there/hostname")
    upstream.commit({})
    said = refused(follow(upstream, state))
    assert "policies/there: a link that leads out" in said
    assert "policies/stray.yaml: a link that leads out" in said


def test_a_link_within_the_folder_is_followed(upstream, state):
    upstream.commit({"policies/team/jobs.yaml": policy("jobs")})
    upstream.link("policies/linked.yaml", "team/jobs.yaml")
    upstream.commit({})
    said = refused(follow(upstream, state))
    assert "policy `jobs` is already defined in policies/linked.yaml:2" in said


def test_a_policy_file_that_is_a_link_to_something_else_is_refused_and_other_such_links_do_not_matter(upstream, state):
    upstream.link("policies/README", "notes.txt")
    upstream.commit({"policies/notes.txt": "no policy"})
    assert names(follow(upstream, state).load()) == ["web"]
    upstream.link("policies/notes.yaml", "notes.txt")
    upstream.commit({})
    assert "policies/notes.yaml: a link that leads to no policy file" in told(_after(follow(upstream, state)).problems)


def _after(source):
    source.load()
    return source


def test_a_submodule_is_refused_by_name(upstream, state):
    upstream.git("update-index", "--add", "--cacheinfo", f"160000,{upstream.git('rev-parse', 'HEAD')},policies/other")
    upstream.git("commit", "--quiet", "--message=submodule")
    assert "policies/other: a submodule, which is not followed" in refused(follow(upstream, state))


def test_attributes_and_filters_have_no_part_in_it(upstream, state, tmp_path):
    seen = tmp_path / "seen"
    attributes = "*.yaml filter=evil text eol=crlf export-ignore ident\n"
    upstream.commit({".gitattributes": attributes, "policies/.gitattributes": attributes})
    upstream.git("config", "filter.evil.smudge", f"touch {seen}")
    commit = follow(upstream, state).load().policies.commit
    assert b"\r" not in (state / "checkouts" / commit / "policies/web.yaml").read_bytes()
    assert not seen.exists()


def test_hooks_and_configuration_of_the_user_have_no_part_in_it(upstream, state, tmp_path, monkeypatch):
    seen, home = tmp_path / "seen", tmp_path / "home"
    hooks = home / "hooks"
    hooks.mkdir(parents=True)
    for hook in ("reference-transaction", "post-checkout", "pre-auto-gc"):
        (hooks / hook).write_text(f"#!/bin/sh\ntouch {seen}\n")
        (hooks / hook).chmod(0o700)
    config = (
        f'[core]\n\thooksPath = {hooks}\n[url "file:///nowhere/"]\n\tinsteadOf = {upstream.folder.parent.as_uri()}/\n'
    )
    (home / ".gitconfig").write_text(config)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_DIR", str(upstream.folder / ".git"))
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", f"'core.hooksPath={hooks}'")
    assert names(follow(upstream, state).load()) == ["web"]
    assert not seen.exists()


def test_only_what_policies_are_read_from_is_written(upstream, state):
    upstream.commit({"policies/notes.txt": "x", "policies/.hidden/bad.yaml": "nonsense: [", "other/bad.yaml": ": ["})
    commit = follow(upstream, state).load().policies.commit
    root = state / "checkouts" / commit
    written = sorted(str(file.relative_to(root)) for file in root.rglob("*") if file.is_file())
    assert written == ["policies/connections.yaml", "policies/web.yaml"]


def test_a_credential_beside_the_policies_is_refused_with_its_line(upstream, state):
    bad = upstream.commit({"policies/connections.yaml": CONNECTIONS.replace("env:ACME_EMAIL", "file:email.txt")})
    expected = f"{bad[:10]}:policies/connections.yaml:2:3: `credentials.email` names a file of the repository"
    assert refused(follow(upstream, state)).startswith(expected)


def test_a_credential_in_a_store_is_no_file_of_the_repository(upstream, state):
    stored = CONNECTIONS.replace("env:ACME_EMAIL", "{connection: shelf, path: rotator/acme}")
    upstream.commit({"policies/connections.yaml": stored})
    assert follow(upstream, state).load().policies.connections["acme"].config.credentials["email"] == Target(
        ConnectionName("shelf"), {"path": "rotator/acme"}
    )


def test_a_commit_cannot_allow_itself_to_send_tokens_anywhere(upstream, state):
    verify = policy("web") + "    verify: {http: {url: https://evil.example/}}\n"
    upstream.commit({"policies/web.yaml": verify, "policies/rotator.toml": 'verify_hosts = ["evil.example"]\n'})
    assert "the settings do not let tokens be sent to `evil.example`" in refused(follow(upstream, state))
    allowed = Allowed(frozenset({"evil.example"}))
    assert follow(upstream, state, allowed=allowed).load().policies.policies[0].trial is not None


def test_a_commit_cannot_allow_its_connections_to_lead_anywhere(upstream, state):
    evil = CONNECTIONS.replace("https://shelf.example", "https://evil.example")
    setting = 'connection_hosts = ["evil.example"]\n'
    bad = upstream.commit(
        {"policies/connections.yaml": evil, "policies/rotator.toml": setting, "rotator.toml": setting}
    )
    ours = Allowed(connection_hosts=frozenset({"saas.example", "shelf.example"}))
    expected = f"{bad[:10]}:policies/connections.yaml:3:30: `url`: the settings do not let connections lead to `evil.ex"
    assert refused(follow(upstream, state, allowed=ours)).startswith(expected)
    wider = Allowed(connection_hosts=frozenset({"saas.example", "evil.example"}))
    assert follow(upstream, state, allowed=wider).load().policies.commit == bad


def test_a_commit_that_was_good_before_the_settings_said_where_connections_lead_is_refused_from_then_on(
    upstream, state
):
    upstream.commit({})
    assert names(follow(upstream, state).load()) == ["web"]
    ours = Allowed(connection_hosts=frozenset({"saas.example"}))
    assert "the settings do not let connections lead to `shelf.example`" in refused(
        follow(upstream, state, allowed=ours)
    )


def test_a_bad_commit_leaves_the_good_one_in_force_where_connections_may_lead(upstream, state):
    ours = Allowed(connection_hosts=frozenset({"saas.example", "shelf.example"}))
    source = follow(upstream, state, allowed=ours)
    good = source.load().policies.commit
    upstream.commit({"policies/evil.yaml": "connections: {mine: {provider: cabinet, url: https://evil.example}}\n"})
    refreshed = source.refresh()
    assert "lead to `evil.example`" in told(refreshed.problems)
    assert refreshed.in_force is None
    assert source.load().policies.commit == good


def test_a_tree_that_git_would_never_make_is_refused(upstream, state):
    """A file and a link of one name: what stands below the name would be written where the link leads."""
    blob = upstream.git("rev-parse", "HEAD:policies/web.yaml")
    link = upstream.git("hash-object", "-w", "--literally", "-t", "blob", str(_written(upstream, "/tmp")))
    inner = _tree(upstream, [(b"100644", b"stray.yaml", blob)])
    folder = _tree(upstream, [(b"120000", b"a", link), (b"40000", b"a", inner)])
    root = _tree(upstream, [(b"40000", b"policies", folder)])
    commit = upstream.git("commit-tree", root, "-m", "hostile")
    upstream.git("update-ref", "refs/heads/main", commit)
    assert "duplicateEntries" in refused(follow(upstream, state))
    assert not os.path.lexists("/tmp/stray.yaml")


@pytest.mark.parametrize("path", ["policies/a/stray.yaml", "policies//stray.yaml", "/etc/stray.yaml"])
def test_a_path_that_would_lead_elsewhere_is_refused_whatever_git_thinks_of_it(path):
    entries = [Entry("120000", "0" * 40, 1, "policies/a"), Entry("100644", "1" * 40, 1, path)]
    with pytest.raises(InvalidInput, match="not the name of a file"):
        checkout._refuse(entries, "2" * 40, "policies")


def _written(upstream, text: str):
    file = upstream.folder.parent / "object"
    file.write_text(text)
    return file


def _tree(upstream, entries) -> str:
    file = upstream.folder.parent / "object"
    file.write_bytes(b"".join(mode + b" " + name + b"\0" + bytes.fromhex(object_) for mode, name, object_ in entries))
    return upstream.git("hash-object", "-w", "--literally", "-t", "tree", str(file))
