"""A rotation that cannot go on, for causes as they happen, and the commands that move it: resume, withdraw, retire.

Whatever happens, what the consumers read works meanwhile.
"""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

from tests.acceptance.one_token import NAME, OneToken
from tests.servers.openbao import OpenBao, running_openbao

NOW = ("now", NAME, "--overlap", "0", "--yes")


@pytest.fixture
def stuck(adopted: OneToken) -> OneToken:
    """A token half-way: OpenBao's policy grants the path, and denies what is to be written there; AWS was written."""
    rules = f'path "{adopted.mount}/data/*" {{\n  capabilities = ["read", "create", "update"]\n'
    policy = adopted.bao.policy(rules + '  denied_parameters = {"data" = []}\n}')
    adopted.desk.environment["BAO_TOKEN"] = adopted.bao.token("default", policy)["client_token"]
    said = adopted.desk.rotate(*NOW, code=4)
    assert re.search(
        r"UNFINISHED \(VERIFIED\), rotation \S+\. bao path=prod/reports field=token: Vault .* 403", said.out
    )
    assert re.search(r"Then run `rotate resume \S+`, or `rotate withdraw \S+` to go back\.\n$", said.out)
    consumers_are_served(adopted)
    return adopted


def consumers_are_served(token: OneToken) -> None:
    assert all(token.hub.accepts(value) for value in token.held().values())


def mend(token: OneToken) -> None:
    token.desk.environment["BAO_TOKEN"] = token.bao.root_token


def test_status_tells_what_a_stuck_rotation_waits_for_and_the_next_run_leaves_it(stuck: OneToken) -> None:
    [row] = stuck.desk.json("status").document["secrets"]
    assert (row["phase"], row["in_step"]) == ("VERIFIED", "1/3")
    assert "Grant `create` and `update`" in row["waits_for"]
    assert f"`rotate resume {row['rotation']['id']}`" in row["waits_for"]
    [told] = stuck.desk.json("run", "--once", code=4).document["secrets"]
    assert told["outcome"] == "unfinished"
    assert stuck.desk.json("plan", "--exit-code").document["secrets"][0]["action"] == "blocked"


def test_a_stuck_rotation_is_resumed_once_its_cause_is_mended(stuck: OneToken) -> None:
    stuck.desk.rotate("resume", NAME, code=4)
    consumers_are_served(stuck)
    mend(stuck)
    said = stuck.desk.rotate("resume", NAME).out
    assert f"rotated; the old token {stuck.old['id']} is dead (proof: refused)." in said
    assert stuck.in_use() != stuck.old["token"]
    assert not stuck.old_is_accepted()
    assert len(stuck.ids()) == 1


def test_a_stuck_rotation_is_withdrawn_and_the_old_token_is_back_everywhere(stuck: OneToken) -> None:
    said = stuck.desk.rotate("withdraw", NAME).out
    assert "WITHDRAWN, the old token is in force everywhere. Why: a person asked for it." in said
    assert stuck.in_use() == stuck.old["token"]
    assert stuck.ids() == {stuck.old["id"]}
    assert "has no open rotation" in stuck.desk.rotate("resume", NAME, code=2).err
    mend(stuck)
    stuck.desk.rotate(*NOW)
    assert not stuck.old_is_accepted()


def test_a_token_that_a_person_replaced_by_hand_is_taken_over_and_the_one_before_dies(adopted: OneToken) -> None:
    adopted.desk.rotate(*NOW)
    ours, [our_id] = adopted.in_use(), adopted.ids()
    made = adopted.replace_by_hand()
    said = adopted.desk.rotate("adopt", NAME).out
    assert f"{NAME}: adopted {made['id']}" in said
    assert f"{our_id}, which was in force, is revoked when its overlap is over" in said
    assert adopted.ids() == {our_id, made["id"]}
    said = adopted.desk.rotate("retire", NAME).out
    assert f"the old token {our_id} is dead (proof: refused)" in said
    assert (adopted.in_use(), adopted.ids()) == (made["token"], {made["id"]})
    assert not adopted.hub.accepts(ours)


def test_a_vault_that_is_sealed_at_the_end_is_waited_for_and_gone_on_with(
    adopted: OneToken, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("sealed")
    with running_openbao(folder) as bao:
        in_its_own_vault(adopted, bao)
        adopted.desk.rotate("now", NAME, "--yes")
        bao.request("PUT", "sys/seal")

        run = adopted.desk.start("retire", NAME)
        run.until("trouble")
        run.send(signal.SIGTERM)
        [secret] = run.ends(4).document["secrets"]
        assert "It is sealed: unseal it." in secret["rotation"]["trouble"]["remedy"]
        assert adopted.old_is_accepted(), "it was not revoked while nobody could look whether it is still in use"

        bao.request("PUT", "sys/unseal", {"key": unseal_key(folder)})
        said = adopted.desk.rotate("resume", NAME).out
        assert f"the old token {adopted.old['id']} is dead (proof: refused)" in said
        assert adopted.in_use() != adopted.old["token"]


def in_its_own_vault(token: OneToken, bao: OpenBao) -> None:
    """Move the document to a Vault of the test's own, which it may seal."""
    token.bao, token.mount = bao, bao.mount_kv()
    token.desk.environment["BAO_TOKEN"] = bao.root_token
    bao.request("POST", token.document, {"data": {"user": "reports", "retries": 3, "token": token.old["token"]}})
    token.write_policy()


def unseal_key(folder: Path) -> str:
    found = re.search(r"^Unseal Key: (\S+)$", (folder / "openbao.log").read_text(), re.MULTILINE)
    assert found
    return found[1]
