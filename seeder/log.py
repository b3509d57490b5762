"""Logs are events: a past-tense name and facts as fields.

The writer is made once, in the command line, and handed down as an argument; no module
holds a logger of its own. Fields never carry a URL, a password or a row value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, MutableMapping
from enum import StrEnum
from typing import Protocol, TextIO, assert_never, cast


class Log(Protocol):
    """Where events go; structlog's bound logger is one."""

    def debug(self, event: str, **fields: object) -> object:
        """Write an event that only a developer of seeder wants."""

    def info(self, event: str, **fields: object) -> object:
        """Write an event of an ordinary run."""

    def warning(self, event: str, **fields: object) -> object:
        """Write an event that a person should look at, though the run goes on."""

    def error(self, event: str, **fields: object) -> object:
        """Write the event that ends a run."""


class LogFormat(StrEnum):
    """How an event is written."""

    JSON = "json"
    """One JSON object per line."""
    TEXT = "text"
    """One line for people, in colour where the terminal wants it."""


def configure(log_format: LogFormat, *, stream: TextIO, colour: bool = False) -> Log:
    """Make the writer of this process; structlog's global configuration stays untouched.

    Each line starts with the time (ISO 8601, UTC), the level and the event. A stream that
    can no longer be written to (a closed pipe, a full disk) loses lines, never the run.
    """
    # Imported here: usage errors and --version do not wait for it.
    import structlog

    render: structlog.typing.Processor
    match log_format:
        case LogFormat.JSON:
            render = structlog.processors.JSONRenderer()
        case LogFormat.TEXT:
            render = _coloured if colour else _text
        case _:
            assert_never(log_format)
    logger = structlog.wrap_logger(
        _Lines(stream),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _mask,
            _in_order,
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger("info"),
    )
    return cast("Log", logger.bind())


def silence_libraries() -> None:
    """Keep what libraries log or warn about out of this process's output.

    Without a handler, the standard library would print their warnings as bare lines
    between ours. Changes the root logger, so only the command line may call it.
    """
    import logging

    root = logging.getLogger()
    if not any(isinstance(handler, logging.NullHandler) for handler in root.handlers):
        root.addHandler(logging.NullHandler())
    logging.captureWarnings(True)


_CREDENTIALS = re.compile(r"\b([a-z][a-z0-9+.-]*://)\S*@", re.IGNORECASE)
_PASSWORD = re.compile(
    r"\b(\w*(?:password|passwd|passphrase)\w*\s*=\s*)('(?:[^'\\]|\\.)*'|\"[^\"]*\"|[^\s&,;]+)",
    re.IGNORECASE,
)
_SECRET_FIELDS = frozenset({"password", "database_url", "url", "dsn", "conninfo"})
_MASK = "***"


def redact(text: str) -> str:
    """Mask credentials in a URL and the value after `password=`.

    The belt to the braces: nothing should ever hand such a text over in the first place.

    >>> redact("no route to postgresql://anna:hunter2@db.example/shop")
    'no route to postgresql://***@db.example/shop'
    """
    text = _CREDENTIALS.sub(rf"\g<1>{_MASK}@", text)
    return _PASSWORD.sub(rf"\g<1>{_MASK}", text)


# structlog's processors: each takes the event that the one before returned.


def _mask(
    _logger: object, _method: str, event: MutableMapping[str, object]
) -> MutableMapping[str, object]:
    return {
        name: _MASK if name in _SECRET_FIELDS else _masked(value) for name, value in event.items()
    }


def _masked(value: object) -> object:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {
            name: _MASK if name in _SECRET_FIELDS else _masked(each) for name, each in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        members = sorted(value, key=str) if isinstance(value, set | frozenset) else value
        return [_masked(each) for each in members]
    if value is None or isinstance(value, bool | int | float):
        return value
    return redact(_plain(value))


def _plain(value: object) -> str:
    # repr would show what an object keeps inside, a connection's password for instance.
    import datetime
    import decimal
    import pathlib
    import uuid

    plain = (datetime.date, datetime.time, decimal.Decimal, pathlib.PurePath, uuid.UUID)
    return str(value) if isinstance(value, plain) else f"<{type(value).__name__}>"


_FIRST = ("timestamp", "level", "event")


def _in_order(
    _logger: object, _method: str, event: MutableMapping[str, object]
) -> MutableMapping[str, object]:
    first = {name: event.pop(name) for name in _FIRST}
    return {**first, **event}


_BOLD, _DIM, _RESET = "\x1b[1m", "\x1b[2m", "\x1b[0m"
_COLOURS = {"debug": _DIM, "info": "\x1b[32m", "warning": "\x1b[33m", "error": "\x1b[31m"}
_BARE = re.compile(r"[\w./:@+*-]+")


def _text(_logger: object, _method: str, event: MutableMapping[str, object]) -> str:
    time, level, name = (str(event.pop(key)) for key in _FIRST)
    fields = (f"{key}={_bare(value)}" for key, value in event.items())
    return " ".join((time, f"{level:<7}", name, *fields))


def _coloured(_logger: object, _method: str, event: MutableMapping[str, object]) -> str:
    time, level, name = (str(event.pop(key)) for key in _FIRST)
    fields = (f"{_DIM}{key}={_RESET}{_bare(value)}" for key, value in event.items())
    level = f"{_COLOURS.get(level, '')}{level:<7}{_RESET}"
    return " ".join((f"{_DIM}{time}{_RESET}", level, f"{_BOLD}{name}{_RESET}", *fields))


def _bare(value: object) -> str:
    """A value without quotes where it needs none; on one line and printable in any case."""
    if isinstance(value, str):
        if _BARE.fullmatch(value):
            return value
        return json.dumps(value, ensure_ascii=not value.isprintable())
    return json.dumps(value)


class _Lines:
    """Writes finished lines to a stream, the bottom of structlog's pipeline."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def msg(self, line: str) -> None:
        """Write one line, at once, or lose it."""
        try:
            self._stream.write(line + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            # Nobody listens any more. The work must not depend on an audience.
            return

    debug = info = warning = error = msg
