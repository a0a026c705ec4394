"""What is set for the whole program: by options, by ``ROTATOR_*`` variables, in ``rotator.toml``; in this order."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from rotator.config.allowed import host_names
from rotator.config.channels import ChannelSetting
from rotator.config.file_format import Name
from rotator.config.policy_source.address import origin_of, ref_name, repository_address
from rotator.config.problems import did_you_mean, wrong_value
from rotator.config.references import Reference
from rotator.config.yaml_text import spot_in
from rotator.domain.errors import InvalidInput, Problem

_PREFIX: Final = "ROTATOR_"
_FILE: Final = Path("rotator.toml")
_OF_REPOSITORY: Final = ("repository", "ref", "signed_by", "repository_token")
_LAST_PORT: Final = 65535
_PLACE_IN_MESSAGE: Final = r" \(at (?:line (\d+), column (\d+)|end of document)\)"


class Settings(BaseModel):
    """Settings of one process."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    policies: Path = Path("policies")
    """A directory of policy files, or one file; with ``repository`` one inside of it, by default all of it."""
    repository: str | None = None
    """The git repository that policies are followed in, as git takes it; it holds no password."""
    ref: str = "main"
    """The branch or tag of it."""
    signed_by: Path | None = None
    """Only commits that are signed with a key in this file are taken: OpenSSH's ``allowed_signers``."""
    repository_token: str | None = None
    """A reference to what an https server asks for."""
    ledger: str | None = Field(None, repr=False)
    """``sqlite:///PATH`` or ``postgresql+psycopg://…``. It may hold a password. Default: see ``ledger_address``."""
    fingerprint_key: Path | None = None
    """The file with the ledger's key. By default it lies beside a SQLite ledger."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    no_color: bool = False
    workers: int = Field(8, ge=1, le=64)
    """Rotations that run side by side in one process."""
    begin_per_hour: int | None = Field(None, ge=1)
    """How many rotations the daemon begins in an hour at most. Default: 60, or a tenth of all secrets."""
    listen: str | None = None
    """HOST:PORT of the daemon's pages: /live, /ready, /metrics. Default: nobody listens."""
    notify: dict[Name, ChannelSetting] = Field(default_factory=dict)
    """Where people are told: channels by name, each with a reference to its address."""
    connection_hosts: frozenset[str] | None = None
    """The hosts that connections may lead to; with commas where it is text. Default: any."""
    verify_hosts: frozenset[str] = frozenset()
    """The hosts that the ``verify`` of a policy may send a new token to; with commas where it is text."""
    allow_commands: bool = False
    """The ``verify`` of a policy may run a program."""

    @field_validator("ledger")
    @classmethod
    def _is_a_ledger(cls, url: str | None) -> str | None:
        if url is not None and not re.match(r"(sqlite|postgresql)(\+\w+)?://", url):
            raise ValueError("not the URL of a ledger; write `sqlite:///PATH` or `postgresql+psycopg://USER@HOST/NAME`")
        return url

    @field_validator("listen")
    @classmethod
    def _has_a_port(cls, listen: str | None) -> str | None:
        """``rotate check`` is to find what the daemon would not start with."""
        port = "" if listen is None else listen.rpartition(":")[2]
        if listen is not None and (":" not in listen or not port.isdecimal() or int(port) > _LAST_PORT):
            raise ValueError("not HOST:PORT; write for example `127.0.0.1:9464`")
        return listen

    @field_validator("repository")
    @classmethod
    def _is_an_address(cls, address: str | None) -> str | None:
        return None if address is None else repository_address(address)

    @field_validator("ref")
    @classmethod
    def _is_a_ref(cls, ref: str) -> str:
        return ref_name(ref)

    @field_validator("signed_by")
    @classmethod
    def _from_anywhere(cls, file: Path | None) -> Path | None:
        """Make it absolute: git looks for it from another folder."""
        return None if file is None else file.expanduser().absolute()

    @field_validator("connection_hosts", "verify_hosts", mode="before")
    @classmethod
    def _are_hosts(cls, hosts: Any) -> frozenset[str]:
        return host_names(hosts.split(",") if isinstance(hosts, str) else hosts)

    @field_validator("notify", mode="before")
    @classmethod
    def _as_a_variable_says_it(cls, channels: Any) -> Any:
        try:
            return json.loads(channels) if isinstance(channels, str) else channels
        except ValueError:  # its message quotes the text, which may hold a secret
            raise ValueError("""not JSON; write {"ops": "env:OPS_WEBHOOK"}""") from None

    @field_validator("repository_token")
    @classmethod
    def _is_a_reference(cls, text: str | None) -> str | None:
        return None if text is None else str(Reference.parse(text))

    @model_validator(mode="before")
    @classmethod
    def _all_of_the_repository(cls, settings: Any) -> Any:
        if isinstance(settings, dict) and settings.get("repository") and "policies" not in settings:
            return {**settings, "policies": "."}
        return settings

    @field_validator("log_level", mode="before")
    @classmethod
    def _in_lower_case(cls, level: Any) -> Any:
        return level.lower() if isinstance(level, str) else level

    @property
    def ledger_address(self) -> str:
        """Where the ledger is: as it was set, or a file in the user's state folder."""
        if self.ledger is not None:
            return self.ledger
        from platformdirs import user_state_path  # noqa: PLC0415  only what opens the ledger asks

        return f"sqlite:///{user_state_path('rotator', appauthor=False) / 'ledger.db'}"


def load_settings(given: Mapping[str, Any] | None = None) -> Settings:
    """Give the settings of this process. ``given`` are those of the command line.

    The file is the one that ``ROTATOR_CONFIG`` names, or ``rotator.toml`` in the current directory if there is one.
    Relative paths in it start from its own directory. InvalidInput names the option, variable or line that is wrong.
    Policies that are given are on this machine: no repository is followed then.
    """
    given = given or {}
    if "policies" in given:
        given = {name: Settings.model_fields[name].default for name in _OF_REPOSITORY} | dict(given)
    named = os.environ.get(f"{_PREFIX}CONFIG")
    file = _TomlFile(Path(named) if named else _FILE, must_exist=bool(named))
    try:
        settings = Settings.model_validate({**file.settings, **_from_environment(), **given})
    except ValidationError as error:
        raise InvalidInput([_problem(details, given, file) for details in error.errors(include_url=False)]) from error
    contradictions = [_placed(*found, given, file) for found in _contradictions(settings)]
    if contradictions:
        raise InvalidInput(contradictions)
    return settings


def _contradictions(settings: Settings) -> Iterator[tuple[str, str, str]]:
    """Find settings that others leave without a meaning: which, what is wrong, what to do."""
    repository = settings.repository
    for name in _OF_REPOSITORY:
        if repository is None and getattr(settings, name) != Settings.model_fields[name].default:
            yield name, "there is no `repository` that this could be about", "name one, or remove this"
    if repository is None:
        return
    if settings.policies.is_absolute() or ".." in settings.policies.parts:
        what = "with `repository`, this is a folder inside of the repository"
        yield "policies", what, "write its path from the top of the repository, or remove one of the two"
    if settings.repository_token and origin_of(repository) is None:
        yield "repository_token", "only https asks for a token; ssh has its keys", "remove this, or name it by https"


def _from_environment() -> dict[str, Any]:
    """Give what variables set. One that names no setting is passed over: Kubernetes makes some of its own."""
    if not any(map(_variable, Settings.model_fields)):
        return {}
    # Imported where something is set: it takes a fifth of the time of a `check`.
    from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict  # noqa: PLC0415

    class FromVariables(Settings, BaseSettings):
        model_config = SettingsConfigDict(env_prefix=_PREFIX, env_ignore_empty=True, enable_decoding=False)

    return EnvSettingsSource(FromVariables)()


def _variable(name: str) -> str | None:
    """Give the environment variable that sets this, if one does. An empty one sets nothing."""
    variable = _PREFIX + name.upper()
    return variable if os.environ.get(variable) else None


def _problem(details: Any, given: Mapping[str, Any], file: _TomlFile) -> Problem:
    name, *inside = map(str, details["loc"] or ("",))
    what, remedy = wrong_value(details)
    if not inside:
        return _placed(name, what, remedy, given, file)
    what = f"`{inside[0]}`: {what}"
    return _placed(name, what, remedy, given, file) if _variable(name) else file.problem(inside[0], what, remedy)


def _placed(name: str, what: str, remedy: str, given: Mapping[str, Any], file: _TomlFile) -> Problem:
    """Say a problem of a setting where it was set."""
    if name in given:
        return Problem(f"--{name.replace('_', '-')}: {what}", remedy)
    variable = _variable(name)
    return Problem(f"{variable}: {what}", remedy) if variable else file.problem(name, f"`{name}`: {what}", remedy)


class _TomlFile:
    """``rotator.toml``: what it sets, and where."""

    def __init__(self, path: Path, *, must_exist: bool) -> None:
        self.path = path
        self.text = ""
        if must_exist or os.path.lexists(path):  # False, too, where the folder may not be searched: nobody named one
            self.text = self._read()
        parsed = self._parsed()
        self._follows_a_repository = bool(parsed.get("repository") or _variable("repository"))
        self.settings = {name: self._all_from_here(name, value) for name, value in parsed.items()}
        known = Settings.model_fields
        unknown = [name for name in self.settings if name not in known]
        if unknown:
            raise InvalidInput(
                [self.problem(name, f"unknown setting `{name}`", did_you_mean(name, known)) for name in unknown]
            )

    def problem(self, name: str, what: str, remedy: str) -> Problem:
        match = re.search(rf"^[ \t]*\[?(?:[^\s=]+\.)?[\"']?(?P<key>{re.escape(name)})\b", self.text, re.MULTILINE)
        if match is None:
            return Problem(what, remedy, self.path)
        return Problem(what, remedy, self.path, *spot_in(self.text, match.start("key")))

    def _read(self) -> str:
        try:
            return self.path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise InvalidInput([Problem("not UTF-8 text", "save the file as UTF-8", self.path)]) from error
        except OSError as error:
            what = f"cannot be read: {error.strerror}"
            raise InvalidInput([Problem(what, "check the path and who may read it", self.path)]) from error

    def _parsed(self) -> dict[str, Any]:
        if not self.text:
            return {}
        import tomllib  # noqa: PLC0415  most directories have no such file

        try:
            return tomllib.loads(self.text)
        except tomllib.TOMLDecodeError as error:
            place = re.search(_PLACE_IN_MESSAGE, str(error))
            what = re.sub(_PLACE_IN_MESSAGE, "", str(error))
            at = (int(place[1]), int(place[2])) if place and place[1] else spot_in(self.text, len(self.text))
            remedy = 'write `name = "value"` lines'
            raise InvalidInput([Problem(f"broken TOML: {what}", remedy, self.path, *at)]) from error

    def _all_from_here(self, name: str, value: Any) -> Any:
        """Do so in all of a table: of channels, and of what stands in one of them."""
        if isinstance(value, dict):
            return {key: self._all_from_here("reference", inner) for key, inner in value.items()}
        return self._from_here(name, value)

    def _from_here(self, name: str, value: Any) -> Any:
        """Let relative paths start from the file's own directory."""
        if not isinstance(value, str) or (name == "policies" and self._follows_a_repository):
            return value
        if name in ("policies", "fingerprint_key", "signed_by"):
            return self.path.parent / Path(value).expanduser()
        if name in ("repository_token", "reference") and value.startswith("file:"):
            return f"file:{self.path.parent / Path(value.removeprefix('file:')).expanduser()}"
        if name == "repository" and ":" not in value:
            return str(self.path.parent / Path(value).expanduser())
        relative = re.fullmatch(r"sqlite:///(?P<path>[^/:].*)", value)
        if name == "ledger" and relative:
            return f"sqlite:///{self.path.parent / relative['path']}"
        return value
