"""``rotate init``: the first files, commented, and never written over what is there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from rotator.cli.context import Context
from rotator.cli.output import document, line
from rotator.domain.errors import InvalidInput

_FILES: Final = {
    "policies/example.yaml": """\
# A policy says: this token, from this issuer, is read there; replace it before it grows old.
# `rotate check` tells what is wrong with this file, `rotate providers` what else can be named here.
connections:
  hub:
    provider: jupyterhub
    url: http://127.0.0.1:8000/hub/api
    credentials:
      token: env:JUPYTERHUB_TOKEN      # references only: env:NAME or file:PATH, never a value
  app-env:
    provider: env-file

policies:
  - name: reports-api
    owner: data@example.com
    tags: [production]
    issuer: {connection: hub, user: alice, token_name: reports-api, expires_in: 180 days}
    stores:
      - {connection: app-env, file: /etc/reports/app.env, var: REPORTS_API_TOKEN}
    schedule: {every: 90 days, before_expiry: 14 days}
    overlap: {for: 24h}                # the old token lives on this long, for consumers that are slow to reload
""",
    "rotator.toml": """\
# Settings of `rotate`. Options on the command line and ROTATOR_* variables come first.
policies = "policies"
# ledger = "postgresql+psycopg://rotator@db.example.com/rotator"   # default: SQLite in $XDG_STATE_HOME/rotator
log_level = "info"
""",
    ".gitignore": """\
# What must never be in git: the ledger, its key, and env files.
*.db
*.db-wal
*.db-shm
*.key
.env
""",
}


def init(
    context: typer.Context,
    directory: Annotated[Path, typer.Argument(help="Where.", metavar="DIR")] = Path(),
) -> None:
    """Write a commented policy file, rotator.toml and .gitignore. Never overwrites."""
    written, kept = [], []
    for name, text in _FILES.items():
        file = directory / name
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("x", encoding="utf-8") as new:
                new.write(text)
            written.append(str(file))
        except FileExistsError:
            kept.append(str(file))
        except OSError as error:
            raise InvalidInput.of(f"{file} cannot be written ({error.strerror})", "choose another directory") from error
    session: Context = context.obj
    if session.as_json:
        document({"written": written, "kept": kept})
        return
    for file_name in written:
        line(f"wrote {file_name}")
    for file_name in kept:
        line(f"kept  {file_name}: it was there")
    there = "" if directory == Path() else f" in {directory}"
    line(f"Next: edit {directory / 'policies' / 'example.yaml'}, then run `rotate check`{there}.")
