"""What each option may be, whether it comes as a flag or as a variable."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import NoReturn, TypeVar

from seeder.configuration.whereabouts import STARTER, STARTER_NAME
from seeder.merge.given import Mode
from seeder.runtime.log import LogFormat, LogLevel, redact

Choice = TypeVar("Choice", bound=StrEnum)

EMBEDDED_DIRECTORY = ".seeder/postgres"
"""Where `--embedded` without a directory keeps its data, below the working directory."""

LONGEST = 2_147_483
"""Seconds; Postgres counts its timeouts in milliseconds, as 32-bit integers."""

NAMING_FILES = ("project", "plan")
"""Options whose value has to be there already; it need not be for a command without them."""


class Unacceptable(ValueError):
    """A value that an option cannot have: what it is, and what would be right."""

    def __init__(self, complaint: str, remedy: str) -> None:
        super().__init__(f"{complaint} {remedy}")
        self.complaint = complaint
        self.remedy = remedy


def parse_option(name: str, text: str) -> object:
    """Return the value of an option; raises Unacceptable.

    >>> parse_option("deadline", "90")
    90.0
    """
    return PARSERS[name](text)


def flag(name: str) -> str:
    """Spell an option as a flag: `--lock-timeout`."""
    return "--" + name.replace("_", "-")


def variable(name: str) -> str:
    """Spell an option as an environment variable: `SEEDER_LOCK_TIMEOUT`."""
    return "SEEDER_" + name.upper()


def is_foreign(name: str) -> bool:
    """Whether Kubernetes sets this variable, for a Service named seeder or seeder-panel."""
    return _OF_KUBERNETES.fullmatch(name) is not None


_OF_KUBERNETES = re.compile(
    r"SEEDER_(SERVICE_.+|PORT|PORT_.+"
    r"|\w+_SERVICE_(HOST|PORT(_\w+)?)|\w+_PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)"
)

_IDENTIFIER_BYTES = 63
_LONGEST_ACTOR = 200


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0.001 <= seconds <= LONGEST:  # refuses nan as well
        _refuse(text, "not a number of seconds", f"Give 0.001 to {LONGEST}, such as 60.")
    return seconds


def _environment(text: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_-]*", text):
        _refuse(text, "not the name of an environment", "Use a word such as production or dev.")
    return text


def _one_of(choices: type[Choice], what: str) -> Callable[[str], Choice]:
    def parse(text: str) -> Choice:
        if text not in list(choices):
            _refuse(text, f"not a {what}", f"Use one of {', '.join(choices)}.")
        return choices(text)

    return parse


def _project(text: str) -> Path:
    if text == STARTER_NAME:
        if os.path.isfile(f"{text}/seeder.toml"):  # noqa: PTH113  # as below
            _refuse(
                text,
                "the bundled example and a directory here",
                f"Write ./{text} for the directory.",
            )
        return STARTER
    if not os.path.isdir(text):  # noqa: PTH112  # Path.is_dir raises for a long name
        _refuse(text, "not a directory", "Name the directory that holds seeder.toml.")
    return Path(text).absolute()


def _file(text: str) -> Path:
    if not os.path.isfile(text):  # noqa: PTH113  # as above
        _refuse(text, "not a file", "Name the file that `seeder plan --out` wrote.")
    return Path(text)


def _embedded(text: str) -> Path | None:
    match text.lower():
        case "1" | "true" | "yes" | "on":
            return Path(EMBEDDED_DIRECTORY)
        case "0" | "false" | "no" | "off":
            return None
        case _:
            return Path(text)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for each in text.split(",") if (name := each.strip()))


def _role(text: str) -> str:
    if len(text.encode(errors="surrogateescape")) > _IDENTIFIER_BYTES:
        _refuse(text, "longer than a role's name can be", "Postgres allows 63 bytes.")
    return text


def _actor(text: str) -> str:
    if not text.strip() or len(text) > _LONGEST_ACTOR or not text.isprintable():
        _refuse(text, "not a name to record", "Give up to 200 printable characters.")
    return text.strip()


def _schema(text: str) -> str:
    if not re.fullmatch(r"[a-z_][a-z0-9_]*", text) or len(text) > _IDENTIFIER_BYTES:
        _refuse(
            text,
            "not a plain name for a schema",
            "Use up to 63 lower-case letters, digits and underscores, such as seeder.",
        )
    if text.startswith("pg_") or text == "information_schema":
        _refuse(text, "a schema of the server's own", "Use another, such as seeder.")
    return text


def _refuse(text: str, complaint: str, remedy: str) -> NoReturn:
    raise Unacceptable(f"is {redact(repr(text))}, which is {complaint}.", remedy)


PARSERS: Mapping[str, Callable[[str], object]] = {
    "embedded": _embedded,
    "wait_timeout": _seconds,
    "lock_timeout": _seconds,
    "ddl_lock_timeout": _seconds,
    "deadline": _seconds,
    "environment": _environment,
    "project": _project,
    "mode": _one_of(Mode, "mode"),
    "log_format": _one_of(LogFormat, "log format"),
    "log_level": _one_of(LogLevel, "log level"),
    "report": Path,
    "set_role": _role,
    "plan": _file,
    "allow_missing": _names,
    "schema": _schema,
    "actor": _actor,
}
"""By option, in the order of `Settings`."""
