"""What an emergency is going to be, before anything is touched: which tokens die, what that costs, who is needed.

Each issuer's account is asked for its list once. The answer tells how many tokens may still be made there, when the
old ones were last used, and whether a token that is taken for dead is listed again. The rest is pure.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime

from rotator.domain import plan
from rotator.domain.contracts import Coexistence, IssuerTraits, StoreTraits, TokenInfo
from rotator.domain.errors import NeedsOperator, RotatorError, Temporary
from rotator.domain.identity import means
from rotator.domain.model import (
    ConnectionName,
    Handle,
    IssuerRef,
    Mode,
    Phase,
    Proof,
    Rotation,
    Secret,
    SecretName,
    Target,
    Token,
)
from rotator.domain.policy import Policy
from rotator.flow import latecomers
from rotator.flow.emergency import STOPPED, is_answer
from rotator.flow.lanes import account_key
from rotator.flow.opening import Order
from rotator.flow.work import Connections, Tools
from rotator.ledger.ledger import Ledger
from rotator.observe.troubles import as_sentence, stuck


@dataclass(frozen=True)
class Account:
    """One account of an issuer, and what its list shows."""

    ref: IssuerRef
    traits: IssuerTraits
    listed: Mapping[Handle, TokenInfo] | None = None
    """None: it lists nothing, or could not be asked."""
    asked_at: datetime | None = None
    trouble: str = ""

    @property
    def room(self) -> int | None:
        """How many more tokens may be made there now. None: as many as wanted, or nobody knows."""
        if self.traits.max_active is None or self.listed is None:
            return None
        return max(0, self.traits.max_active - len(self.listed))


@dataclass(frozen=True)
class Outlook:
    """What is foreseen for one secret."""

    order: Order
    secret: Secret
    account: Account
    stores: tuple[tuple[ConnectionName, StoreTraits], ...] = ()
    done: Rotation | None = None
    """The rotation that answered this very incident before: there is nothing left to do."""
    dying: tuple[Token, ...] = ()
    """The tokens that are known and have to die."""
    returned: tuple[Token, ...] = ()
    """Tokens that were taken for dead, or came too late to be used, and are listed by their issuer all the same."""
    downtime: str = ""
    """Why consumers will be without a token that works, for a while."""
    in_the_way: str = ""
    """Why its token cannot be replaced before the old one dies, which nobody has agreed to yet."""
    needs: str = ""
    """What only a person can do, with the command."""
    unanswered: str = ""
    """Which store does not answer now: until it does, its token cannot be replaced everywhere."""
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> SecretName:
        return self.order.policy.name

    def last_used(self, token: Token) -> datetime | None:
        """Give when its issuer says that a token was last used, as far as it says."""
        listed = (self.account.listed or {}).get(token.handle) if token.handle is not None else None
        return listed.last_used_at if listed is not None and means(listed, token) else None


@dataclass(frozen=True)
class Survey:
    """All that was found out."""

    outlooks: tuple[Outlook, ...]

    @property
    def to_do(self) -> tuple[Outlook, ...]:
        return tuple(each for each in self.outlooks if each.done is None)

    @property
    def in_the_way(self) -> tuple[Outlook, ...]:
        return tuple(each for each in self.to_do if each.in_the_way)

    def revoking_first(self) -> Survey:
        """Give what it is when downtime is agreed to, wherever it cannot be done without."""
        return Survey(tuple(_revoking_first(each) if each.in_the_way else each for each in self.outlooks))


def survey(tools: Tools, orders: Sequence[Order], answered: Mapping[SecretName, Rotation], workers: int) -> Survey:
    """Look at every account, at one place of every store, and at what the ledger knows.

    What cannot be asked is told, not raised. Once the process is asked to stop, nobody else is asked.
    """
    refs = {account_key(order.policy.issuer): order.policy.issuer for order in orders}
    doubtful = _doubtful(tools.ledger, orders)
    doubted = [order for order in orders if order.policy.name in doubtful]
    with ThreadPoolExecutor(workers, thread_name_prefix="account") as pool:
        look = functools.partial(_look_at, tools, ever_doubted={account_key(order.policy.issuer) for order in doubted})
        accounts = dict(zip(refs, pool.map(look, refs.values()), strict=True))
        targets = [target for each in orders if each.policy.name not in answered for target in each.policy.targets]
        unanswered = _unanswered(tools, targets, pool)
    known = {secret.name: secret for secret in tools.ledger.secrets()}
    found = []
    for order in orders:
        name = order.policy.name
        account, secret = accounts[account_key(order.policy.issuer)], known.get(name) or Secret(name)
        outlook = foresee(order, secret, account, doubtful.get(name, ()), answered.get(name))
        down = [unanswered[target.connection] for target in order.policy.targets if target.connection in unanswered]
        stores = _stores(tools.connections, order.policy)
        found.append(replace(outlook, stores=stores, unanswered=down[0] if down and outlook.done is None else ""))
    return Survey(tuple(found))


def _look_at(tools: Tools, ref: IssuerRef, ever_doubted: Collection[str]) -> Account:
    try:
        issuer = tools.connections.issuer(ref)
    except RotatorError as error:
        return Account(ref, IssuerTraits(lists=False), trouble=str(error))
    traits = issuer.traits
    tells = traits.max_active is not None or traits.reports_last_use or account_key(ref) in ever_doubted
    if not traits.lists or not tells:
        return Account(ref, traits)
    if tools.clock.is_stopping:
        return Account(ref, traits, trouble=STOPPED.what)
    try:
        listed = {info.handle: info for info in issuer.tokens()}
    except RotatorError as error:
        return Account(ref, issuer.traits, trouble=str(error))
    return Account(ref, issuer.traits, listed, tools.clock.now())


def _unanswered(tools: Tools, targets: Sequence[Target], pool: ThreadPoolExecutor) -> dict[ConnectionName, str]:
    """Give the stores that do not answer, or do not let us in, each with why: one place of each is read."""

    def look(target: Target) -> str:
        if tools.clock.is_stopping:
            return f"{target.connection}: {STOPPED.what}"
        try:
            opened = tools.connections.destination(target)
            opened.store.current(opened.place)
        except (Temporary, NeedsOperator) as error:
            return f"{target.connection}: {as_sentence(str(error))}"
        except RotatorError:  # it is about this place alone: its rotation will say so
            return ""
        return ""

    places = {target.connection: target for target in targets}
    told = zip(places, pool.map(look, places.values()), strict=True)
    return {connection: trouble for connection, trouble in told if trouble}


def _stores(connections: Connections, policy: Policy) -> tuple[tuple[ConnectionName, StoreTraits], ...]:
    found = []
    for target in policy.targets:
        try:
            found.append((target.connection, connections.destination(target).traits))
        except RotatorError:  # its rotation will say so
            found.append((target.connection, StoreTraits()))
    return tuple(found)


def _doubtful(ledger: Ledger, orders: Sequence[Order]) -> dict[SecretName, tuple[Token, ...]]:
    """Give, by secret, the tokens that are taken for dead without proof, and those that came too late to be used.

    Those of another issuer are not among them: what this one lists under their handles is somebody else's.
    """
    found: dict[SecretName, tuple[Token, ...]] = {}
    issuers = {order.policy.name: order.policy.issuer.connection for order in orders}
    for known in (*ledger.dead_without_refusal(), *latecomers.of_ledger(ledger)):
        name = known.token.secret
        if name in issuers and known.connection in (None, issuers[name]):
            found[name] = (*found.get(name, ()), known.token)
    return found


# --- pure ----------------------------------------------------------------------------------------------------------


def foresee(
    order: Order, secret: Secret, account: Account, doubtful: Sequence[Token] = (), done: Rotation | None = None
) -> Outlook:
    """Say what is ahead of one secret."""
    returned = tuple(token for token in doubtful if token.proof is not Proof.SAID and _is_listed(account, token))
    said = tuple(token for token in doubtful if token.proof is Proof.SAID)
    outlook = Outlook(order, secret, account, returned=returned)
    if done is not None:
        return replace(outlook, done=done)
    outlook = replace(
        outlook, dying=_dying(secret, order), needs=_needs(order, secret, account), notes=_notes(outlook, said)
    )
    if order.mode is Mode.REVOKE_FIRST:
        return replace(outlook, downtime=_chosen(secret))
    if account.traits.coexistence is Coexistence.SHORTENS_OLD:
        return replace(outlook, downtime="the issuer cuts the old one's life short as soon as it makes another")
    obstacle = plan.obstacle(account.traits, (account.listed or {}).values(), order.mode)
    return replace(outlook, in_the_way=obstacle or "")


def _is_listed(account: Account, token: Token) -> bool:
    listed = (account.listed or {}).get(token.handle) if token.handle is not None else None
    if listed is None or not means(listed, token):
        return False
    if account.traits.reuses_handles and None not in (listed.created_at, token.created_at) and listed.name is None:
        return listed.created_at == token.created_at
    return True


def _dying(secret: Secret, order: Order) -> tuple[Token, ...]:
    """Give what has to die: the token in force, and in an open rotation all that lives but the answer to it."""
    opened = secret.open
    candidates = [secret.current] if secret.current is not None else []
    if opened is not None:
        answers = is_answer(opened, order.since)
        mine = opened.strays if answers else opened.tokens
        candidates = [token for token in candidates if not answers or token not in opened.tokens]
        candidates += [token for token in (opened.old, *mine) if token is not None]
    once = {token.id: token for token in candidates if token.state.may_live}
    return tuple(once.values())


def _needs(order: Order, secret: Secret, account: Account) -> str:
    name, opened = order.policy.name, secret.open
    if opened is not None and opened.trouble is not None and opened.trouble.needs_operator:
        return stuck(opened)
    if account.traits.by_hand:
        return f"its tokens are made by hand: you are asked to, with name and link; then `rotate provide {name}`."
    if secret.current is None and opened is None:
        return (
            "the token in use was never adopted: a new one replaces it, and nobody revokes it. "
            f"`rotate adopt {name}` first, or delete it at the issuer yourself."
        )
    return ""


def _notes(outlook: Outlook, said: Sequence[Token]) -> tuple[str, ...]:
    opened, account = outlook.secret.open, outlook.account
    notes = []
    if opened is not None:
        answers = is_answer(opened, outlook.order.since)
        then = "it is moved on" if answers else _taken_over(opened)
        notes.append(f"rotation {opened.id} is open ({opened.phase}); {then}")
    if outlook.returned:
        names = ", ".join(str(token.handle) for token in outlook.returned)
        notes.append(f"{names} was revoked before, and is listed again: it is revoked once more")
    if said:
        names = ", ".join(str(token.handle or token.name) for token in said)
        notes.append(f"{names} is taken for dead on a person's word: see at the issuer that it is gone")
    if account.trouble:
        notes.append(f"{outlook.order.policy.issuer.connection} could not be asked: {as_sentence(account.trouble)}")
    return tuple(notes)


def _taken_over(opened: Rotation) -> str:
    return "it is ended first, without overlap" + (
        ", and both its tokens die" if opened.phase is Phase.CONFIRMED else ""
    )


def _chosen(secret: Secret) -> str:
    if secret.current is None:
        return ""
    return "the old one is revoked first: consumers are refused until they have read the new one"


def _revoking_first(outlook: Outlook) -> Outlook:
    order = replace(outlook.order, mode=Mode.REVOKE_FIRST)
    return replace(outlook, order=order, in_the_way="", downtime=_chosen(outlook.secret))
