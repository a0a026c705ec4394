"""What a person does with the installed command, on real servers: adopt, check, plan, rotate, and look back.

JupyterHub makes the token; OpenBao, AWS and an env file hold it for its consumers. The token that was made by hand
expires in five days, so that its rotation is due.
"""

from __future__ import annotations

import json

from tests.acceptance.one_token import NAME, OneToken


def test_a_hand_made_token_is_taken_over_and_replaced_everywhere(token: OneToken) -> None:
    rotate, by_hand = token.desk.rotate, token.old["id"]
    assert rotate("check").out == "OK: 1 policy, 4 connections.\n"
    looked_at = rotate("check", "--online").out.splitlines()
    assert [line[:4] for line in looked_at] == ["ok  "] * 4 + ["OK: "]
    assert "run `rotate adopt reports-api`" in rotate("plan", "--exit-code").out.lower()
    assert f"adopted {by_hand} (made by hand), expires " in rotate("adopt", NAME).out

    assert "14 days before it expires" in rotate("plan", "--exit-code", code=10).out
    assert set(token.held().values()) == {token.old["token"]}

    said = rotate("now", NAME, "--overlap", "0", "--reason", "it was in a screenshot", "--yes").out
    assert said.endswith(f"{NAME}: rotated; the old token {by_hand} is dead (proof: refused).\n")
    assert token.in_use() != token.old["token"]
    assert not token.old_is_accepted()
    assert len(token.ids()) == 1

    assert "every 90 days" in rotate("plan", "--exit-code").out
    status = rotate("status").out.splitlines()
    assert status[0].split() == [
        "SECRET",
        "PHASE",
        "AGE",
        "DUE",
        "(UTC)",
        "EXPIRES",
        "(UTC)",
        "IN",
        "STEP",
        "WAITS",
        "FOR",
    ]
    assert status[1].split()[:3] == [NAME, "in", "force"]
    assert "3/3" in status[1]
    history = rotate("history", NAME).out
    assert "rotation opened (asked): it was in a screenshot" in history
    assert f"retired; proof of death: {by_hand}: refused" in history


def test_machines_get_one_json_document_and_events_as_json_lines(token: OneToken) -> None:
    run, by_hand = token.desk.json, token.old["id"]
    assert run("check").document == {"policies": 1, "connections": 4, "problems": []}
    online = run("check", "--online").document
    assert [check["ok"] for check in online["checks"]] == [True] * 4
    assert online["problems"] == []
    adopted = run("adopt", NAME).document
    assert (adopted["secret"], adopted["handle"], adopted["name"]) == (NAME, by_hand, "made by hand")

    plan = run("plan", "--exit-code", code=10).document
    assert plan["due"] == 1
    assert [(row["secret"], row["action"], row["reason"]) for row in plan["secrets"]] == [(NAME, "rotate", "due")]
    assert len(plan["secrets"][0]["destinations"]) == 3

    said = run("now", NAME, "--overlap", "0", "--yes")
    steps = ["opened", "issuing", "issued", "verified", "publishing", "written", "publishing", "written", "published"]
    assert said.kinds == [*steps, "confirmed", "retiring", "retired"]
    [secret] = said.document["secrets"]
    assert (said.document["exit_code"], secret["outcome"]) == (0, "rotated")
    assert (secret["rotation"]["old"]["handle"], secret["rotation"]["old"]["proof"]) == (by_hand, "refused")
    assert [place["state"] for place in secret["rotation"]["destinations"]] == ["CONFIRMED"] * 3

    [row] = run("status").document["secrets"]
    assert (row["phase"], row["handle"], row["in_step"]) == ("in force", secret["rotation"]["new"]["handle"], "3/3")
    assert token.ids() == {row["handle"]}
    history = run("history", NAME).document
    assert [event["event"] for event in history["events"]] == ["adopted", *said.kinds]
    assert history["broken_links"] == []


def test_nothing_is_touched_without_a_terminal_to_ask(adopted: OneToken) -> None:
    said = adopted.desk.rotate("now", NAME, code=2)
    assert "There is no terminal to ask whether to go on; add --yes" in said.err
    assert f"{adopted.old['id']} lives on for 1 day" in said.out, "it shows what it would do first"
    assert adopted.in_use() == adopted.old["token"]
    assert adopted.ids() == {adopted.old["id"]}
    assert [event["event"] for event in adopted.desk.json("history", NAME).document["events"]] == ["adopted"]


def test_both_tokens_live_through_the_overlap_until_it_is_ended(adopted: OneToken) -> None:
    run = adopted.desk.json
    first = run("now", NAME, "--yes")
    [secret] = first.document["secrets"]
    assert secret["outcome"] == "in overlap"
    assert adopted.in_use() != adopted.old["token"]
    assert adopted.old_is_accepted()

    plan = run("plan", "--exit-code").document
    assert (plan["due"], plan["secrets"][0]["action"]) == (0, "wait"), "nothing is due before the overlap is over"
    again = adopted.desk.rotate("now", NAME, "--yes").out
    assert "is open (CONFIRMED); it is moved on, and no other is begun." in again
    assert "It keeps its own reason." in adopted.desk.rotate("now", NAME, "--reason", "too late", "--yes").out
    adopted.desk.rotate("now", NAME, "--overlap", "24h", "--yes")  # as it was begun
    for option, words in (("--revoke-first",), "--revoke-first"), (("--overlap", "2h"), "--overlap"):
        [problem] = run("now", NAME, *option, "--yes", code=2).document["problems"]
        assert problem["what"].endswith(f"is open (CONFIRMED), too late for {words}")
        assert problem["remedy"].startswith(f"`rotate retire {secret['rotation']['id']}` ends its overlap")
    assert adopted.desk.json("run", "--once").document == {"secrets": [], "exit_code": 0}
    assert adopted.old_is_accepted()
    assert len(adopted.ids()) == 2

    ended = run("retire", secret["rotation"]["id"][:12])
    assert ended.kinds == ["overlap ended", "retiring", "retired"]
    assert adopted.in_use() != adopted.old["token"]
    assert not adopted.old_is_accepted()
    assert len(adopted.ids()) == 1


def test_after_a_compromise_every_old_token_is_proven_dead_and_reported(adopted: OneToken) -> None:
    adopted.desk.rotate("now", NAME, "--yes")
    between = adopted.in_use()
    said = adopted.desk.rotate("now", NAME, "--compromised", "--reason", "leaked", "--yes", "--report", "report.json")
    assert "it is ended first, without overlap" in said.out
    assert not adopted.old_is_accepted()
    assert not adopted.hub.accepts(between)
    assert adopted.in_use() not in (between, adopted.old["token"])
    assert len(adopted.ids()) == 1
    [secret] = json.loads((adopted.desk.folder / "report.json").read_text())["secrets"]
    assert (secret["rotation"]["cause"], secret["rotation"]["reason"]) == ("compromised", "leaked")
    assert (secret["rotation"]["old"]["proof"], secret["old_may_live"]) == ("refused", None)


def test_revoke_first_says_so_and_revokes_before_there_is_a_new_token(adopted: OneToken) -> None:
    arguments = ("now", NAME, "--revoke-first")
    warned = adopted.desk.rotate(*arguments, code=2).out
    assert f"{adopted.old['id']} is revoked first, before there is a new one" in warned
    assert "DOWNTIME" in warned
    assert adopted.old_is_accepted()
    kinds = adopted.desk.json(*arguments, "--yes").kinds
    assert kinds.index("contained") < kinds.index("issuing")
    assert not adopted.old_is_accepted()
    assert adopted.in_use() != adopted.old["token"]
    assert len(adopted.ids()) == 1
