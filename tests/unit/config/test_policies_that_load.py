"""What a valid policy file means."""

from __future__ import annotations

from datetime import date, time, timedelta

import pytest

from rotator.config.policy_files import load
from rotator.domain.durations import Duration
from rotator.domain.limits import Limits, Rate
from rotator.domain.model import ConnectionName, IssuerRef, Mode, Overlap, SecretName, Target
from rotator.domain.policy import Freeze, Schedule, Window
from tests.unit.config.small_plugins import CabinetPlace, small_plugins

EVERYTHING = """
    policies:
      - name: payments
        owner: payments@acme.example
        tags: [production]
        issuer: {connection: acme, token_name: production-api, expires_in: 6 months, user: bob}
        stores:
          - {connection: shelf, path: prod/payments, field: token, targets: [production], grace: 5 min}
          - connection: shelf
            path: prod/other
            redeploy: false
        verify: issuer
        schedule: {every: 90 days, before_expiry: 14 days, window: "Mon-Thu 09:00-16:00 Europe/Berlin", splay: 6h}
        overlap: {for: 24h, until_unused_for: 1h, at_most: 7 days}
        compromise: revoke-first
"""


def test_every_key_of_a_policy_arrives_in_the_domain(connected):
    (policy,) = connected.write("p.yaml", EVERYTHING).load().policies
    assert policy.name == "payments"
    assert policy.owner == "payments@acme.example"
    assert policy.tags == {"production"}
    assert policy.issuer == IssuerRef(ConnectionName("acme"), {"user": "bob"}, ("saas.example",))
    assert policy.token_name == "production-api"
    assert policy.lifetime == Duration.parse("6 months")
    assert policy.targets == (
        Target(
            ConnectionName("shelf"),
            {"path": "prod/payments", "field": "token", "targets": ["production"], "grace": "5 minutes"},
        ),
        Target(ConnectionName("shelf"), {"path": "prod/other"}),
    )
    assert policy.schedule == Schedule(
        every=Duration.parse("90 days"),
        before_expiry=Duration.parse("14 days"),
        window=Window(frozenset({0, 1, 2, 3}), time(9), time(16), "Europe/Berlin"),
        splay=timedelta(hours=6),
    )
    assert policy.overlap == Overlap(timedelta(hours=24), timedelta(hours=1), timedelta(days=7))
    assert policy.compromise is Mode.REVOKE_FIRST
    assert (policy.source.file.name, policy.source.line, policy.source.column) == ("p.yaml", 3, 5)


def test_a_place_is_kept_as_plain_data_that_its_plug_in_reads_back(connected):
    (policy,) = connected.write("p.yaml", EVERYTHING).load().policies
    place = CabinetPlace.model_validate(policy.targets[0].place)
    assert place == CabinetPlace(
        path="prod/payments", field="token", targets=("production",), grace=Duration.parse("5 min")
    )


def test_a_short_policy_has_the_defaults_that_the_docs_promise(policy):
    found = policy().load().named(SecretName("payments"))
    assert found.token_name == "payments"
    assert found.lifetime is None
    assert found.overlap == Overlap(for_=timedelta(hours=24))
    assert found.compromise is Mode.ROTATE_FIRST
    assert (found.owner, found.tags) == ("", frozenset())


def test_connections_carry_the_validated_config_of_their_plug_in_and_their_line(policy):
    connections = policy().load().connections
    assert connections["acme"].provider == "saas"
    assert connections["acme"].config.credentials == {"email": "env:ACME_EMAIL"}
    assert connections["shelf"].config.url == "https://shelf.example"
    assert connections["shelf"].source.line == 3


def test_a_credential_may_lie_in_a_store_whose_connection_comes_later(policy):
    folder = policy().write(
        "a.yaml",
        """
        connections:
          docs: {provider: saas, credentials: {email: env:E, password: {connection: safe, path: rotator, field: pass}}}
          safe: {provider: cabinet, url: https://safe.example, credentials: {token: env:T}}
        """,
    )
    place = Target(ConnectionName("safe"), {"path": "rotator", "field": "pass"})
    assert folder.load().connections["docs"].config.credentials == {"email": "env:E", "password": place}


@pytest.mark.parametrize(
    ("written", "rate", "concurrency"),
    [
        ("", "100/min", 4),
        (", limits: {rate: 10/min}", "10/min", 4),
        (", limits: {rate: 1000/s, concurrency: 2}", "100/min", 2),
    ],
)
def test_a_connection_narrows_the_limits_of_its_provider_and_never_widens_them(policy, written, rate, concurrency):
    folder = policy().write("c.yaml", f"connections: {{x: {{provider: saas, credentials: {{email: env:A}}{written}}}}}")
    connection = folder.load().connections[ConnectionName("x")]
    assert connection.limits == Limits(Rate.parse(rate), concurrency)


def test_a_single_file_can_be_loaded_whatever_its_name(connected, tmp_path):
    text = (tmp_path / "connections.yaml").read_text() + EVERYTHING.replace("\n    ", "\n")
    file = tmp_path / "mine.conf"
    file.write_text(text)
    assert [policy.name for policy in load(file, small_plugins()).policies] == ["payments"]


def test_files_in_folders_below_are_read_and_hidden_ones_are_not(policy, tmp_path):
    folder = policy()
    (tmp_path / "p.yaml").rename(tmp_path / "deeper.yaml")
    (tmp_path / "team").mkdir()
    (tmp_path / "deeper.yaml").rename(tmp_path / "team" / "p.yaml")
    folder.write("..data/p.yaml", "this is: not: yaml").write(".hidden.yaml", "neither: is: this")
    assert len(folder.load().policies) == 1


def test_a_link_that_leads_back_up_is_followed_once(policy, tmp_path):
    (tmp_path / "again").symlink_to(tmp_path)
    assert len(policy().load().policies) == 1


def test_the_commit_is_carried_along(policy):
    assert load(policy().path, small_plugins(), commit="4f1d2c3").commit == "4f1d2c3"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("schedule: never", Schedule()),
        ("schedule: {never: true}", Schedule()),
        ("schedule: quarterly", Schedule(cron="0 3 1 */3 *")),
        ("schedule: {quarterly: true, splay: 1h}", Schedule(cron="0 3 1 */3 *", splay=timedelta(hours=1))),
        ('schedule: {cron: "30 4 * * mon,thu"}', Schedule(cron="30 4 * * mon,thu")),
        ("schedule: {before_expiry: 2 weeks}", Schedule(before_expiry=Duration.parse("14 days"))),
    ],
)
def test_a_schedule_can_be_said_in_several_ways(policy, written, meant):
    assert policy(schedule=written).load().policies[0].schedule == meant


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Mon-Thu 09:00-16:00 Europe/Berlin", Window(frozenset({0, 1, 2, 3}), time(9), time(16), "Europe/Berlin")),
        ("fri-mon 22:00-04:00 UTC", Window(frozenset({4, 5, 6, 0}), time(22), time(4), "UTC")),
        ("Tue,Thu 10:00-11:30 UTC", Window(frozenset({1, 3}), time(10), time(11, 30), "UTC")),
        ("02:00-05:00 America/New_York", Window(frozenset(range(7)), time(2), time(5), "America/New_York")),
    ],
)
def test_a_window_names_days_times_and_a_zone(policy, written, meant):
    folder = policy(schedule=f'schedule: {{every: 90 days, window: "{written}"}}')
    assert folder.load().policies[0].schedule.window == meant


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ('["2026-11-27"]', Freeze(date(2026, 11, 27), date(2026, 11, 27))),
        ('["2026-12-20 to 2027-01-03"]', Freeze(date(2026, 12, 20), date(2027, 1, 3))),
        ('["12-20 to 01-03"]', Freeze(date(2024, 12, 20), date(2024, 1, 3), yearly=True)),
        ('["02-29"]', Freeze(date(2024, 2, 29), date(2024, 2, 29), yearly=True)),
    ],
)
def test_a_freeze_names_days(policy, written, meant):
    folder = policy(schedule=f"schedule: {{every: 90 days, freeze: {written}}}")
    assert folder.load().policies[0].schedule.freezes == (meant,)


def with_defaults(folder, defaults, **keys):
    lines = {"schedule": None} | keys
    body = "".join(f"\n    {line}" for line in lines.values() if line)
    return folder.write(
        "p.yaml",
        f"defaults: {defaults}\n"
        "policies:\n"
        "  - name: payments\n"
        "    issuer: {connection: acme}\n"
        f"    stores: [{{connection: shelf, path: a}}]{body}\n",
    )


DAILY_WINDOW = 'window: "09:00-16:00 UTC"'


@pytest.mark.parametrize(
    ("default", "own", "meant"),
    [
        ("{every: 90 days}", None, Schedule(every=Duration.parse("90 days"))),
        ("{every: 90 days, splay: 6h}", "{every: 30 days}",
         Schedule(every=Duration.parse("30 days"), splay=timedelta(hours=6))),
        ("{every: 90 days, splay: 6h}", "{splay: 0}", Schedule(every=Duration.parse("90 days"))),
        ("{every: 90 days}", "quarterly", Schedule(cron="0 3 1 */3 *")),
        ("{every: 90 days, before_expiry: 3 days}", "never", Schedule()),
        ("{every: 90 days}", "{before_expiry: 3 days}",
         Schedule(every=Duration.parse("90 days"), before_expiry=Duration.parse("3 days"))),
        ("never", "{before_expiry: 3 days}", Schedule(before_expiry=Duration.parse("3 days"))),
    ],
)  # fmt: skip
def test_a_policys_schedule_is_laid_over_the_defaults_of_its_file(connected, default, own, meant):
    folder = with_defaults(connected, f"{{schedule: {default}}}", schedule=own and f"schedule: {own}")
    assert folder.load().policies[0].schedule == meant


def test_the_other_defaults_hold_unless_the_policy_says_otherwise_and_tags_add_up(connected):
    defaults = "{schedule: never, owner: ops, tags: [acme], overlap: {for: 2h}, compromise: revoke-first}"
    (policy,) = with_defaults(connected, defaults, tags="tags: [production]").load().policies
    assert (policy.owner, policy.tags) == ("ops", {"acme", "production"})
    assert (policy.overlap.for_, policy.compromise) == (timedelta(hours=2), Mode.REVOKE_FIRST)
    (policy,) = with_defaults(connected, defaults, owner="owner: me", overlap="overlap: {for: 0}").load().policies
    assert (policy.owner, policy.overlap.for_) == ("me", timedelta())


def test_defaults_of_one_file_do_not_reach_another(policy):
    folder = policy().write("q.yaml", "defaults: {owner: somebody else}")
    assert folder.load().policies[0].owner == ""


def test_an_anchor_can_be_merged_into_several_policies(connected):
    folder = connected.write(
        "p.yaml",
        """
        policies:
          - &first
            name: one
            issuer: {connection: acme}
            stores: [{connection: shelf, path: one}]
            schedule: never
          - <<: *first
            name: two
            stores: [{connection: shelf, path: two}]
        """,
    )
    assert [policy.name for policy in folder.load().policies] == ["one", "two"]


def test_the_users_own_profile_is_a_provider_for_the_policies_beside_it(policy):
    folder = policy().write("mine.yaml", "kind: SmallIssuer\nname: mine\n")
    folder.write("more.yaml", "connections: {own: {provider: mine}}")
    assert folder.load().connections["own"].provider == "mine"
