"""Four services whose tokens only people can make, as their guides tell: what each answers, and to whom.

What a guide does not say is ours: the bodies of Pogodoc's, Podstack's and Dojah's errors, and that Pogodoc answers 404
to a job that never was.
"""

from __future__ import annotations

import secrets
from datetime import timedelta

from rotator.testing.moving_clock import MovingClock
from tests.fakes.token_services.service import Asked, Refusal, Reply, Token, TokenService


class Dashboard(TokenService):
    """A page on which a person makes and deletes tokens, and the one call that tells which of them work."""

    shortest_name, longest_name, most = 1, 255, 1000
    refusal: object = {"message": "Unauthorized"}

    def __init__(self, clock: MovingClock) -> None:
        super().__init__(clock)
        self.in_good_standing = True
        self.trouble: Reply | None = None
        """What is answered to whoever has a token that works."""

    # --- the page ---

    def make(self, name: str, days: float | None = None) -> str:
        """Make a token as a person does; give the value, which is shown once."""
        if not self.shortest_name <= len(name) <= self.longest_name:
            raise ValueError(f"the page takes names of {self.shortest_name} to {self.longest_name} characters")
        if len(self.tokens) >= self.most:
            raise ValueError(f"the page allows {self.most} tokens")
        expires_at = self.now + timedelta(days=days) if days else None
        value = f"{name[:3]}_{secrets.token_hex(20)}"
        return self.keep(Token(str(self.new_number()), name, value, self.now, expires_at)).value

    def delete(self, name: str) -> None:
        [found] = [token for token in self.tokens if token.name == name]
        self.tokens.remove(found)

    # --- the call ---

    def who_asks(self, asked: Asked) -> Token:
        """Give the token that asks; every service refuses the others with 401."""
        token = self.by_value(self.value_sent(asked))
        if token is None or self.has_ended(token) or not self.in_good_standing:
            raise Refusal(401, self.refusal)
        if self.trouble is not None:
            raise Refusal(self.trouble.status, self.trouble.body, self.trouble.headers)
        return token

    def value_sent(self, asked: Asked) -> str:
        return asked.bearer


class Pogodoc(Dashboard):
    """401 also when the subscription is not in good standing. `GET /templates/init` has side effects."""

    longest_name, most = 20, 10
    initialized = 0

    def job(self, asked: Asked, _id: str) -> Reply:
        self.who_asks(asked)
        return Reply(404, {"message": "Job not found"})

    def init(self, asked: Asked) -> Reply:
        self.initialized += 1
        return Reply(200, {})

    routes = (("GET", "/jobs/([^/]+)", job), ("GET", "/templates/init", init))


class Podstack(Dashboard):
    most = 5

    def pods(self, asked: Asked) -> Reply:
        self.who_asks(asked)
        return Reply(200, [])

    routes = (("GET", "/pods", pods),)


class Meetzy(Dashboard):
    refusal = {"success": False, "error": {"code": "unauthorized", "message": "Invalid token"}}  # noqa: RUF012  as told

    def calls(self, asked: Asked) -> Reply:
        self.who_asks(asked)
        return Reply(200, {"success": True, "data": []})

    routes = (("GET", "/calls", calls),)


class Dojah(Dashboard):
    """One app's tokens, sent as the SDKs send them, or as the newer documentation does."""

    app_id = "6478a1f2c3d4e5f601234567"
    bearer_style = False

    def value_sent(self, asked: Asked) -> str:
        sent, app = asked.headers.get("authorization", ""), "x-api-key" if self.bearer_style else "appid"
        if asked.headers.get(app) != self.app_id or sent.startswith("Bearer ") != self.bearer_style:
            return ""
        return sent.removeprefix("Bearer ")

    def balance(self, asked: Asked) -> Reply:
        self.who_asks(asked)
        return Reply(200, {"entity": {"wallet_balance": "12.50"}})

    routes = (("GET", "/api/v1/balance", balance),)
