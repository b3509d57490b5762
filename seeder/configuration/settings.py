"""Flags and environment variables in, `Settings` out; all problems are reported together.

Every option is a flag and a variable: `--lock-timeout` and `SEEDER_LOCK_TIMEOUT`. The flag
wins, and an empty variable counts as unset, since compose files pass those on. This module
is imported on every deploy, also where nothing is to do, and imports no third party.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from seeder.configuration import options
from seeder.configuration.environ import LIMIT, Confided, Environ, TooLarge, as_set, value_in
from seeder.configuration.options import PARSERS
from seeder.configuration.whereabouts import NotFound, nearest
from seeder.errors import ConfigurationInvalid, Problem
from seeder.merge.given import Mode
from seeder.runtime.log import LogFormat, LogLevel

DEFAULT_ENVIRONMENT = "production"


class Secret:
    """A text that shows itself only to who asks for it by name."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself; not for messages, logs and reports."""
        return self._text

    @property
    def revealed(self) -> frozenset[str]:
        """Every text that it has shown so far, or may show next."""
        return frozenset({self._text})

    def __repr__(self) -> str:
        return "Secret(***)"


class UrlFile(Secret):
    """The database URL of a file, read anew when asked for: a password may be replaced in it."""

    __slots__ = ("_file", "_past")

    def __init__(self, text: str, file: Path) -> None:
        super().__init__(text)
        self._file = file
        self._past = {text}

    def reveal(self) -> str:
        """The URL as it is now; the last one that could be read, where the file has none."""
        try:
            found = _normal(value_in(self._file))
        except (OSError, ValueError, TooLarge):
            found = None
        if found is not None:
            self._text = found
            self._past.add(found)
        return self._text

    @property
    def revealed(self) -> frozenset[str]:
        """Every URL that the file has held so far."""
        return frozenset(self._past)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that a command was told from outside."""

    database: Secret | None = None
    """A libpq URL; None with `embedded`, and for commands that work offline."""
    embedded: Path | None = None
    """The data directory of an embedded server."""
    wait_timeout: float = 60.0
    """Seconds until an unreachable database is given up; so are the other three."""
    lock_timeout: float = 600.0
    """For the advisory lock, held by another job."""
    ddl_lock_timeout: float = 5.0
    """For one attempt of a migration to lock a table."""
    deadline: float = 1500.0
    """For the command as a whole."""
    environment: str = DEFAULT_ENVIRONMENT
    project: Path = Path()
    """Absolute; for a command that works on one."""
    mode: Mode = Mode.AUTO
    log_format: LogFormat = LogFormat.JSON
    log_level: LogLevel | None = None
    """None: as `-q`, `-v` and the terminal have it."""
    report: Path | None = None
    set_role: str | None = None
    plan: Path | None = None
    """The file of an approved plan, which the run must still match."""
    allow_missing: tuple[str, ...] = ()
    """Names of sets whose rows may be gone."""
    schema: str = "seeder"
    """The ledger's."""
    actor: str | None = None
    """Who settles something, for the record; None: the login name."""
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The environment as it was read, for `!env` in the catalog."""

    @property
    def confided(self) -> Mapping[str, str]:
        """The environment for a catalog, which is remembered to have seen what it asks for."""
        return Confided(self.environ) if isinstance(self.environ, Environ) else self.environ

    @property
    def confidential(self) -> frozenset[str]:
        """Values that no message and no log shows: passwords, and what catalogs took by `!env`."""
        found = set(self.environ.taken) if isinstance(self.environ, Environ) else set()
        for text in () if self.database is None else self.database.revealed:
            given = _PASSWORD.match(text)
            found |= {given[1], unquote(given[1])} if given else set()
        if password := as_set(self.environ).get("PGPASSWORD"):
            found.add(password)
        return frozenset(found)


def read_settings(
    flags: Mapping[str, object],
    environ: Mapping[str, str],
    *,
    database_required: bool = True,
    terminal: bool = False,
    ignored: Collection[str] = (),
    directory: Path | None = None,
) -> Settings:
    """Parse the flags of a command (by option, None where not given) and the environment.

    Variables of `ignored` options are not looked at: the command does not take them.
    `directory` is where a project is looked for from, upwards, if none is named; None: the
    working directory. `terminal` says whether logs go to a terminal, which decides their default
    format.
    Raises ConfigurationInvalid with every problem there is.
    """
    given = _Given(flags, environ)
    _refuse_unknown(given)
    values = {
        name: value
        for name in PARSERS
        if name not in ignored and (value := given.parse(name)) is not None
    }
    if "project" not in ignored and not given.has("project"):
        values["project"] = _nearest(given, directory)
    values.setdefault("log_format", _default_format(terminal=terminal))
    if database_required and "embedded" not in values:
        values["database"] = _database(given)
    elif database_required and "embedded" not in given.flags:
        _refuse_two_databases(given)
    if given.problems:
        count = len(given.problems)
        raise ConfigurationInvalid(
            "A setting is invalid." if count == 1 else f"{count} settings are invalid.",
            problems=tuple(given.problems),
            hint="`seeder run --help` lists the options and their variables.",
            code="settings-invalid",
        )
    return Settings(environ=Environ(environ), **values)


def read_output(
    flags: Mapping[str, object], environ: Mapping[str, str], *, terminal: bool
) -> tuple[LogFormat, LogLevel, Path | None]:
    """How and where a failure is to be told, even that of reading the settings."""
    given = _Given(flags, environ)
    log_format = given.parse("log_format") or _default_format(terminal=terminal)
    level = None
    if "log_level" not in given.flags and flags.get("verbose"):
        level = LogLevel.DEBUG
    elif "log_level" not in given.flags and flags.get("quiet"):
        level = LogLevel.WARNING
    # Above the summary, a person reads only what is out of the ordinary.
    silent = log_format is LogFormat.TEXT and terminal
    usual = LogLevel.WARNING if silent else LogLevel.INFO
    return log_format, level or given.parse("log_level") or usual, given.parse("report")


def _default_format(*, terminal: bool) -> LogFormat:
    return LogFormat.TEXT if terminal else LogFormat.JSON


class _Given:
    """What was given, by flag or variable, and what is wrong with it."""

    def __init__(self, flags: Mapping[str, object], environ: Mapping[str, str]) -> None:
        self.flags = {
            name: ",".join(value) if isinstance(value, tuple | list) else str(value)
            for name, value in flags.items()
            if name in PARSERS and value not in (None, ())
        }
        self.environ = environ
        self.problems: list[Problem] = []

    def variable(self, name: str) -> str | None:
        return self.environ.get(name) or None

    def has(self, name: str) -> bool:
        """Whether an option was given."""
        return name in self.flags or self.variable(options.variable(name)) is not None

    def parse(self, name: str) -> Any:
        """Return the option's value, of its field's type; None if not given, or bad."""
        source, text = options.flag(name), self.flags.get(name)
        if text is None:
            source = options.variable(name)
            text = self.variable(source)
        if text is None:
            return None
        try:
            return options.parse_option(name, text)
        except options.Unacceptable as error:
            self.complain(f"{source} {error.complaint}", error.remedy)
            return None

    def complain(self, message: str, remedy: str | None = None) -> None:
        self.problems.append(Problem(message=message, remedy=remedy))


# A misspelt variable must not pass for one that is not set.

_VARIABLES = (
    "SEEDER_DATABASE_URL",
    "SEEDER_DATABASE_URL_FILE",
    *(options.variable(name) for name in PARSERS),
)


def _refuse_unknown(given: _Given) -> None:
    for name in sorted(given.environ):
        if not name.startswith("SEEDER_") or name in _VARIABLES or options.is_foreign(name):
            continue
        # Imported here: only a mistake needs it.
        import difflib

        # By their own part: with the prefix, every two of them are alike.
        own = {each.removeprefix("SEEDER_"): each for each in _VARIABLES}
        close = difflib.get_close_matches(name.removeprefix("SEEDER_"), own, n=1)
        remedy = (
            f"Did you mean {own[close[0]]}?" if close else f"Known are {', '.join(_VARIABLES)}."
        )
        given.complain(f"{name} is not a variable of seeder.", remedy)


def _nearest(given: _Given, directory: Path | None) -> Path | None:
    try:
        return nearest(directory or Path.cwd())
    except NotFound as error:
        given.complain(error.message, error.remedy)
    except OSError as error:
        given.complain(f"The working directory cannot be read: {error.strerror}.")
    return None


# The database's address: from a variable, or from the file that a variable names.

_PASSWORD = re.compile(r"\w+://[^:@/]*:([^@]+)@")
_POSTGRES_URL = re.compile(r"postgres(?:ql)?(?:\+\w+)?://(\S*)")


def _database(given: _Given) -> Secret | None:
    for variable in ("SEEDER_DATABASE_URL", "DATABASE_URL"):
        direct, file = given.variable(variable), given.variable(f"{variable}_FILE")
        if direct and file:
            given.complain(f"{variable} and {variable}_FILE are both set.", "Unset one of them.")
            return None
        if direct:
            return _url(given, variable, direct)
        if file:
            text = _content(given, f"{variable}_FILE", Path(file))
            found = None if text is None else _url(given, f"{variable}_FILE", text)
            return None if found is None else UrlFile(found.reveal(), Path(file))
    remedy = "Set SEEDER_DATABASE_URL or DATABASE_URL, or start one with --embedded."
    if os.path.exists(f"{options.EMBEDDED_DIRECTORY}/data"):  # noqa: PTH110  # it never raises
        remedy += (
            f" SEEDER_EMBEDDED=1 makes every command use the one in {options.EMBEDDED_DIRECTORY}."
        )
    given.complain("No database is given.", remedy)
    return None


def _refuse_two_databases(given: _Given) -> None:
    # DATABASE_URL may stand beside it: that one is the application's, and speaks to others.
    for variable in ("SEEDER_DATABASE_URL", "SEEDER_DATABASE_URL_FILE"):
        if given.variable(variable):
            given.complain(
                f"SEEDER_EMBEDDED and {variable} are both set.",
                "Keep the one that names the database you mean.",
            )


def _content(given: _Given, variable: str, file: Path) -> str | None:
    try:
        text = value_in(file)  # without its newline; more than one are somebody's mistake
    except TooLarge:
        given.complain(
            f"{variable} names {file}, which has more than {LIMIT:,} characters.",
            "Name the file that holds the URL and nothing else.",
        )
        return None
    except OSError as error:
        given.complain(f"{variable} names {file}, which cannot be read: {error.strerror}.")
        return None
    except UnicodeDecodeError:
        given.complain(f"{variable} names {file}, which is not UTF-8 text.")
        return None
    if not text:
        given.complain(f"{variable} names {file}, which is empty.")
        return None
    return text


def _url(given: _Given, variable: str, text: str) -> Secret | None:
    url = _normal(text)
    if url is None:
        given.complain(
            f"{variable} is not the URL of a Postgres database.",
            "It looks like postgresql://user:password@host:5432/name, without white space.",
        )
        return None
    return Secret(url)


def _normal(text: str) -> str | None:
    match = _POSTGRES_URL.fullmatch(text)
    return None if match is None else f"postgresql://{match[1]}"
