"""``rotate now --compromised``: shows what is ahead, asks, rotates, and reports with proof."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from rotator.cli import report_files
from rotator.cli.asking import agreed
from rotator.cli.context import Context
from rotator.cli.display import Display
from rotator.cli.emergency_ending import ending
from rotator.cli.emergency_screen import HEADINGS, Screen
from rotator.cli.exit_codes import DONE, UNFINISHED
from rotator.cli.output import as_text, counted, document, line, table, warn
from rotator.cli.people import people_told
from rotator.cli.reporting import as_data, say_that_it_looks, tell_failures, told
from rotator.cli.selecting import as_typed, may_mean
from rotator.config.selection import Selection
from rotator.config.stored_credential import credentials_in_stores
from rotator.domain.errors import InvalidInput, NeedsOperator
from rotator.domain.model import Cause, Mode, SecretName
from rotator.domain.policy import Policy
from rotator.flow import incident, incident_report, returned
from rotator.flow.advice import advice
from rotator.flow.blast_radius import Neighbour, neighbours
from rotator.flow.emergency import rotate_all
from rotator.flow.estimate import Estimate, estimate, trip
from rotator.flow.lanes import account_key
from rotator.flow.opening import Order
from rotator.flow.outlook import Survey, survey
from rotator.flow.report import Report
from rotator.flow.runner import Runner
from rotator.flow.without_policy import WithoutPolicy, without_policy
from rotator.observe import incident_page
from rotator.observe.incident import IncidentReport, OldToken, Related
from rotator.observe.incident import as_data as incident_data
from rotator.observe.progress import Expected, Progress


@dataclass(frozen=True)
class Wish:
    """What the person typed."""

    selection: Selection
    """What chose the secrets."""
    reason: str = ""
    revoke_first: bool = False
    related: bool = False
    again: bool = False
    yes: bool = False
    reports: tuple[Path, ...] = ()

    def command(self, session: Context) -> str:
        """Give the command that goes on with it."""
        words = ["rotate", *session.typed, "now", *as_typed(self.selection), f"--{Cause.COMPROMISED}"]
        words += ["--revoke-first"] if self.revoke_first else []
        words += ["--related"] if self.related else []
        words += ["--reason", self.reason] if self.reason else []
        words += [word for file in self.reports for word in ("--report", str(file))]
        return shlex.join([*words, "--yes"] if self.yes else words)


def rotate_compromised(session: Context, chosen: Sequence[Policy], wish: Wish) -> int:
    """Replace all of these tokens, prove the old ones dead, report; give the exit code."""
    report_files.refuse_unwritable(wish.reports, *report_files.SUFFIXES)
    policies = session.app.policies
    credentials = {
        name: [place for _, place in credentials_in_stores(connection)]
        for name, connection in policies.connections.items()
    }
    near = neighbours(chosen, policies.policies, session.app.connections.where, credentials)
    if wish.related:
        chosen, near = (*chosen, *(each.policy for each in near)), ()
    display = Display(session, session.app.clock)
    emergency = _Emergency(session, wish, display, session.app.runner(display), tuple(chosen), near)
    session.stop_gently_on_signals()
    say_that_it_looks(session)
    emergency.look()
    if session.stop.is_set():
        raise NeedsOperator("It was stopped before anything was done.", remedy=f"Run `{wish.command(session)}` again.")
    emergency.ask()
    with people_told(session) as emergency.tell:
        return emergency.answer()


@dataclass
class _Emergency:
    """One run of the command."""

    session: Context
    wish: Wish
    display: Display
    runner: Runner
    chosen: tuple[Policy, ...]
    near: tuple[Neighbour, ...]
    reports: dict[SecretName, Report] = field(default_factory=dict)
    ended_again: list[OldToken] = field(default_factory=list)
    tell: Callable[[Report], Report] = field(init=False)

    def look(self) -> None:
        """Find out what is ahead. Touches nothing."""
        tools, wish, settings = self.runner.tools, self.wish, self.session.app.settings
        names = [policy.name for policy in self.chosen]
        self.incident = incident.current(tools, names, wish.reason, anew=wish.again)
        self.answered = incident.answered(tools, self.incident, names)
        orders = [self._order(policy) for policy in self.chosen]
        self.survey: Survey = survey(tools, orders, self.answered, settings.workers)
        policies = self.session.app.policies
        self.without_policy: list[WithoutPolicy] = without_policy(
            tools.ledger,
            {policy.name for policy in policies.policies},
            lambda each: may_mean(wish.selection, each, policies),
            self.survey,
        )
        self.estimate = self._estimated(settings.workers)

    def ask(self) -> None:
        """Show it, and ask; and ask for downtime apart, where nothing but that would do."""
        now = self.runner.tools.clock.now()
        screen = Screen(self.incident, self.survey, self.estimate, self.near, now, self._same_with, self.without_policy)
        if self.session.as_json:
            warn(json.dumps(screen.as_data(), default=as_text))
        else:
            for text in screen.heading():
                line(text)
            table(HEADINGS, screen.rows(), no_color=self.session.no_color)
            for text in screen.rest():
                line(text)
        blocked = self.survey.in_the_way
        if self.wish.yes or not self.survey.to_do:
            return
        if not sys.stdin.isatty():
            raise InvalidInput.of("There is no terminal to ask whether to go on", "add --yes")
        as_json, many = self.session.as_json, counted(len(blocked), "token")
        downtime = f"{many} cannot be replaced without DOWNTIME. Revoke first, there?"
        if blocked and agreed(downtime, as_json=as_json):
            self.survey = self.survey.revoking_first()
        if not agreed(f"Rotate {len(self.survey.to_do)} now?", as_json=as_json):
            raise InvalidInput.of("Nothing was done: the answer was no")

    def answer(self) -> int:
        """Do it, whatever happens on the way; the report is written at the end in any case."""
        tools = self.runner.tools
        failures = self._write(self._written_up(interrupted=None)) if self.wish.reports else []
        if failures:
            raise InvalidInput.of(f"Nothing was done. {' '.join(failures)}", "name a file that can be written")
        try:
            self._rotate()
        finally:
            written = self._written_up(interrupted=self.session.stop.is_set() or sys.exc_info()[0] is not None)
            failures = self._write(written)
        if written.is_contained:
            incident.close(tools, self.incident, [each.name for each in self.survey.outlooks])
        return self._conclude(written, failures)

    def _same_with(self, others: Selection) -> str:
        """Give the command that rotates others in the same incident. Their downtime and reports are another matter."""
        wish = replace(
            self.wish, selection=others, revoke_first=False, related=False, again=False, yes=False, reports=()
        )
        return wish.command(self.session)

    # --- on the way ---

    def _order(self, policy: Policy) -> Order:
        mode = Mode.REVOKE_FIRST if self.wish.revoke_first else policy.compromise
        commit, since = self.session.app.policies.commit, self.incident.began
        return Order(policy, Cause.COMPROMISED, mode, reason=self.wish.reason, commit=commit, since=since)

    def _estimated(self, workers: int) -> Estimate:
        trips = [
            replace(
                trip(each.account.ref.connection, each.account.traits, each.stores, old=bool(each.dying)),
                account=account_key(each.account.ref),
                room=None if each.order.mode is Mode.REVOKE_FIRST else each.account.room,
            )
            for each in self.survey.to_do
        ]
        connections = self.session.app.policies.connections
        return estimate(trips, {name: connection.limits for name, connection in connections.items()}, workers)

    def _rotate(self) -> None:
        to_do = self.survey.to_do
        orders = [each.order for each in to_do]
        room = {account_key(each.account.ref): each.account.room for each in to_do}
        progress = Progress(
            Expected(
                each.name,
                each.order.policy.issuer.connection,
                frozenset(str(token.handle or token.name) for token in each.dying),
            )
            for each in to_do
        )
        with self.display.begin(progress, self.estimate.takes):
            incident.declare(self.runner.tools, self.incident, self.survey.to_do)
            for report in rotate_all(self.runner, orders, self.session.app.settings.workers, room):
                self.reports[report.secret] = self.tell(report)
                self.display.ended(report)
            for outlook in self.survey.outlooks:
                if not self.session.stop.is_set():
                    self.ended_again += returned.end_again(self.runner.tools, outlook)

    # --- afterwards ---

    def _written_up(self, *, interrupted: bool | None) -> IncidentReport:
        course = incident_report.Course(
            self.incident,
            self.wish.command(self.session),
            self.survey.outlooks,
            self.reports,
            self.ended_again,
            self.without_policy,
            [
                Related(each.policy.name, f"{each.ring} as {each.with_secret}: {each.shared}; it was left alone")
                for each in self.near
            ],
            advice(self.runner.tools.connections, self.survey.outlooks),
            self.session.app.policies.commit,
        )
        return incident_report.write_up(self.runner.tools, course, interrupted=interrupted)

    def _write(self, written: IncidentReport) -> list[str]:
        results = [as_data(report) for report in self._results()]
        data = {"incident": incident_data(written), "secrets": results}
        return report_files.write(self.wish.reports, data, lambda: incident_page.page(written))

    def _results(self) -> list[Report]:
        done = [Report(name, rotation) for name, rotation in self.answered.items()]
        return [*done, *self.reports.values()]

    def _conclude(self, written: IncidentReport, failures: Sequence[str]) -> int:
        code = DONE if written.is_contained and not failures else UNFINISHED
        results = self._results()
        if self.session.as_json:
            data = {"secrets": [as_data(each) for each in results], "incident": incident_data(written)}
            document({**data, "exit_code": code})
        else:
            self._tell(written, results)
        tell_failures(self.session, failures)
        return code

    def _tell(self, written: IncidentReport, results: Sequence[Report]) -> None:
        for text in ending(written, results, lambda report: told(self.session, report)):
            line(text)
        for file in self.wish.reports:
            line(f"Report: {file}")
        if written.can_go_on:
            line("Nothing is lost. This goes on with it:")
            line(f"  {replace(self.wish, again=False).command(self.session)}")
