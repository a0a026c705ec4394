"""The users of a fake Jenkins: how they sign in, and what they may do where."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

PERMISSION_IDS = {
    "Overall/Read": "hudson.model.Hudson.Read",
    "Job/Read": "hudson.model.Item.Read",
    **{
        f"Credentials/{action}": f"com.cloudbees.plugins.credentials.CredentialsProvider.{action}"
        for action in ("View", "Update", "Create", "Delete")
    },
}


@dataclass
class User:
    password: str = field(default_factory=lambda: secrets.token_hex(8))
    api_token: str = field(default_factory=lambda: f"11{secrets.token_hex(16)}")
    permissions: dict[str, set[str]] = field(default_factory=dict)
    """By the full name of the folder that they were given on, and all below it; ``""`` is Jenkins itself."""

    def may(self, permission: str, folder: str) -> bool:
        return any(permission in self.permissions.get(name, ()) for name in _around(folder))

    def reaches(self, folder: str) -> bool:
        """Tell whether the user may read a folder, and all that are around it. Another is not there for them."""
        return all(self.may("Job/Read", name) for name in _around(folder) if name)


def _around(folder: str) -> list[str]:
    """Name a folder and all that it is in, from Jenkins itself (``""``) on."""
    parts = folder.split("/") if folder else []
    return ["", *("/".join(parts[: count + 1]) for count in range(len(parts)))]
