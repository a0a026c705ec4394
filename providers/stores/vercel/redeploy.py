"""When consumers see a new value: a deployment keeps the values that it was made with, so it takes a later one.

What counts is that the deployment in production was made after the value was written, whoever made it. So one
redeploy serves all variables that were written before it, a deployment of somebody else's is waited for and never
overtaken, and a person can mend a failed one by deploying again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from typing import Final

from providers.stores.vercel.deployments import VERSION_IN_META, Deployment, Deployments, Hook, Project, hook_of
from providers.stores.vercel.plugin import Redeploy, Target, VercelPlace
from providers.stores.vercel.record import updated_at
from rotator.domain.contracts import Access
from rotator.domain.errors import Ambiguous, NeedsOperator, Permanent, RotatorError, Temporary
from rotator.domain.terms import Version

_UNDER_WAY: Final = frozenset({"QUEUED", "INITIALIZING", "BUILDING"})
_READY: Final = "READY"
_DOMAINS_MOVE_WITHIN: Final = timedelta(minutes=10)
_HOOKS_DEPLOY_WITHIN: Final = timedelta(minutes=10)


class Step(Enum):
    DONE = auto()
    WAIT = auto()
    FAILED = auto()
    DEPLOY = auto()


@dataclass(frozen=True)
class Outlook:
    """What is to be done next, and why."""

    step: Step
    why: str = ""
    remedy: str = ""


Ours = Callable[[Deployment], bool]


def outlook_in_production(
    production: Deployment | None, newest: Sequence[Deployment], written: int, ours: Ours, now: datetime
) -> Outlook:
    """Decide from what is in production, and from the newest deployments to it, newest first."""
    if production and production.created > written and production.state == _READY:
        if production.substate == "ROLLING":
            return Outlook(Step.WAIT, f"Deployment {production.id} gets production's visitors step by step.")
        return Outlook(Step.DONE)
    under_way = next((each for each in newest if each.state in _UNDER_WAY), None)
    if under_way:
        return Outlook(Step.WAIT, f"Deployment {under_way.id} is {under_way.state}.")
    mine = _newest_of_ours(newest, written, ours)
    if mine:
        return _not_in_production(mine, now) if mine.state == _READY else _failed(mine)
    if production is None:
        return Outlook(Step.DONE, "Nothing is in production.")
    return Outlook(Step.DEPLOY)


def outlook_elsewhere(newest: Sequence[Deployment], written: int, ours: Ours) -> Outlook:
    """Decide where there is no one deployment that all visitors get: from what the hook made."""
    mine = _newest_of_ours(newest, written, ours)
    if mine is None:
        return Outlook(Step.DEPLOY)
    if mine.state in _UNDER_WAY:
        return Outlook(Step.WAIT, f"Deployment {mine.id} is {mine.state}.")
    return Outlook(Step.DONE) if mine.state == _READY else _failed(mine)


def _newest_of_ours(newest: Sequence[Deployment], written: int, ours: Ours) -> Deployment | None:
    return next((each for each in newest if each.created > written and ours(each)), None)


def _failed(mine: Deployment) -> Outlook:
    return Outlook(
        Step.FAILED,
        f"Deployment {mine.id} with the new value is {mine.state}: what runs still has the old one.",
        "See its log at Vercel and deploy again there; then run `rotate resume`.",
    )


def _not_in_production(mine: Deployment, now: datetime) -> Outlook:
    """A READY deployment gets production's domains within seconds, or only when a person promotes it."""
    ready = datetime.fromtimestamp((mine.ready or mine.created) / 1000, UTC)
    if now - ready < _DOMAINS_MOVE_WITHIN:
        return Outlook(Step.WAIT, f"Deployment {mine.id} is ready, and not in production yet.")
    return Outlook(
        Step.FAILED,
        f"Deployment {mine.id} with the new value is ready, and another is in production.",
        f"After a rollback, or where domains are not assigned by themselves, a person promotes: `vercel promote "
        f"{mine.id}`; then run `rotate resume`.",
    )


class Redeployer:
    """Asks for the deployment that a place needs, once, and sees it finish."""

    def __init__(self, deployments: Deployments, access: Access) -> None:
        self._deployments = deployments
        self._access = access
        self._one_at_a_time = threading.Lock()
        self._called: dict[tuple[str, Version], datetime] = {}

    def refuse_what_cannot_deploy(self, place: VercelPlace, project: Project) -> None:
        """Raise, before anything is touched, what would keep a place from being deployed."""
        if place.redeploy is Redeploy.HOOK:
            self._hook(project)

    def settle(self, place: VercelPlace, version: Version) -> None:
        """Return once consumers see ``version``. Temporary: under way; NeedsOperator: it failed."""
        written = updated_at(version)
        if place.redeploy is Redeploy.NONE or written is None:
            return
        with self._one_at_a_time:  # two variables of one project share a deployment
            project = self._deployments.project(place.project)
            hook = self._hook(project) if place.redeploy is Redeploy.HOOK else None
            outlook = self._outlook(place, project, version, written, hook)
            if outlook.step is Step.DEPLOY:
                outlook = self._deploy(project, version, hook)
        if outlook.step is Step.WAIT:
            raise Temporary(f"{outlook.why} Project `{place.project}` is not yet seen with the new value.")
        if outlook.step is Step.FAILED:
            raise NeedsOperator(outlook.why, remedy=outlook.remedy)

    def _outlook(
        self, place: VercelPlace, project: Project, version: Version, written: int, hook: Hook | None
    ) -> Outlook:
        def ours(deployment: Deployment) -> bool:
            return hook.made(deployment) if hook else deployment.meta.get(VERSION_IN_META) == version

        if Target.PRODUCTION not in place.targets:
            return outlook_elsewhere(self._deployments.newest(project, None), written, ours)
        newest = self._deployments.newest(project, Target.PRODUCTION)
        return outlook_in_production(project.production, newest, written, ours, self._access.clock.now())

    def _deploy(self, project: Project, version: Version, hook: Hook | None) -> Outlook:
        if hook:
            return self._call(project, version, hook)
        assert project.production is not None
        self._deployments.redeploy(project, project.production, version)
        return Outlook(Step.WAIT, f"Asked for a redeploy of {project.production.id}.")

    def _call(self, project: Project, version: Version, hook: Hook) -> Outlook:
        """Call the hook, unless it was called just now: what it makes shows up some seconds later, or never."""
        now, call = self._access.clock.now(), (project.id, version)
        called = self._called.get(call)
        if called is None:
            self._called[call] = now
            try:
                self._deployments.call(hook)
            except Ambiguous:
                raise
            except RotatorError:  # it was not called
                del self._called[call]
                raise
            return Outlook(Step.WAIT, "Called the deploy hook.")
        if now - called < _HOOKS_DEPLOY_WITHIN:
            return Outlook(Step.WAIT, f"Called the deploy hook at {called:%H:%M} UTC, and see no deployment of it yet.")
        del self._called[call]
        return Outlook(
            Step.FAILED,
            f"The deploy hook was called at {called:%H:%M} UTC, and no deployment of it is to be seen.",
            "Does its branch deploy to the place's target, and has vercel.json not switched that off? Then run "
            "`rotate resume`, which calls it again.",
        )

    def _hook(self, project: Project) -> Hook:
        hook = hook_of(self._access.credential("hook"))
        if hook.project != project.id:
            raise Permanent(
                f"The connection's deploy hook is of another project than {project.id}.",
                remedy="A connection has one hook: give each project with `redeploy: hook` a connection of its own.",
            )
        return hook
