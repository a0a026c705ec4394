"""A person who does what they are asked to, and knows nothing but the words of the request.

What the words leave out, they cannot do: so a test that lets them finish a rotation proves that the words are enough.
"""

from __future__ import annotations

import re

from tests.fakes.world import Worker, World

_MAKE = re.compile(r"give it exactly this name: `([^`]+)`")
_DELETE = re.compile(r"somebody has to delete (.+) there\.")


class Person:
    """Makes and deletes tokens on the issuer's page, and gives commands."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.copied: dict[str, str] = {}
        """The values that they saw, by name: each was shown once."""
        self.forgetful = False
        """They do not keep what they handed in."""

    def asked_to_make(self, secret: str = "app") -> str:
        found = _MAKE.search(self._request(secret))
        assert found, f"nobody is asked to make a token: {self._request(secret)!r}"
        return found[1]

    def asked_to_delete(self, secret: str = "app") -> list[str]:
        found = _DELETE.search(self._request(secret))
        assert found, f"nobody is asked to delete a token: {self._request(secret)!r}"
        return [name.removesuffix(" (if it was made)") for name in found[1].split(", ")]

    def makes(self, secret: str = "app") -> str:
        """Make the token that is asked for; give its value."""
        name = self.asked_to_make(secret)
        if "If one of that name is there and you do not have its value, delete that first" in self._request(secret):
            self.world.issuer_fake.delete_by_hand(name)
        self.copied[name] = self.world.issuer_fake.make_by_hand(name, foreign=False).value
        return self.copied[name]

    def deletes(self, secret: str = "app") -> None:
        for name in self.asked_to_delete(secret):
            self.world.issuer_fake.delete_by_hand(name)

    def does_as_asked(self, worker: Worker, secret: str = "app") -> None:
        """Do the one thing that is asked for now, and give the command that follows."""
        request = self._request(secret)
        if _MAKE.search(request):
            name = self.asked_to_make(secret)
            worker.hand_in(self.copied.get(name) or self.makes(secret), secret)
            if self.forgetful:
                self.copied.clear()
        elif "Hand it in again" in request:
            opened = self.world.secret(secret).open
            assert opened is not None
            assert opened.new is not None
            value = self.copied.get(str(opened.new.name))
            worker.hand_in(value, secret) if value else worker.say_it_is_lost(secret)
        else:
            self.deletes(secret)
            worker.say_it_is_gone(secret) if "--gone" in request else worker.resume(secret)

    def _request(self, secret: str) -> str:
        opened = self.world.secret(secret).open
        trouble = opened.trouble if opened is not None else None
        return f"{trouble.what} {trouble.remedy}" if trouble is not None and trouble.is_asked else ""
