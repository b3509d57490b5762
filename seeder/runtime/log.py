"""Logs are events: a past-tense name and facts as fields.

The writer is made once, in the command line, and handed down as an argument; no module
holds a logger of its own. Fields never carry a URL, a password or a row value.
"""

from __future__ import annotations

import datetime
import json
import math
import re
import time
from collections.abc import Callable, Collection, Mapping, MutableMapping
from enum import IntEnum, StrEnum
from typing import Protocol, TextIO, TypeAlias, assert_never, cast


class Log(Protocol):
    """Where events go."""

    @property
    def tells_statements(self) -> bool:
        """Whether each statement that is sent to the database is to be an event, too."""

    def debug(self, event: str, **fields: object) -> object:
        """Write an event that only a developer of seeder wants."""

    def info(self, event: str, **fields: object) -> object:
        """Write an event of an ordinary run."""

    def warning(self, event: str, **fields: object) -> object:
        """Write an event that a person should look at, though the run goes on."""

    def error(self, event: str, **fields: object) -> object:
        """Write the event that ends a run."""

    def carry(self, **fields: object) -> object:
        """Have every further line carry these fields too."""

    def awaited(self, event: str, line: str, **fields: object) -> object:
        """Tell what is waited for: as an event, or as a line that replaces the former one."""

    def progress(self, event: str, line: str, **fields: object) -> object:
        """Tell how far something is: as an event, or as a line that replaces the former one."""

    def progress_ended(self) -> object:
        """Take back the line that told how far something was."""


Render: TypeAlias = Callable[[Mapping[str, object]], str]
"""Makes one line of an event, whose first three fields are time, level and name."""


class LogFormat(StrEnum):
    """How an event is written."""

    JSON = "json"
    """One JSON object per line."""
    TEXT = "text"
    """One line for people, in colour where the terminal wants it."""


class LogLevel(StrEnum):
    """Which events are written."""

    WARNING = "warning"
    """What a person should look at."""
    INFO = "info"
    """What an ordinary run tells."""
    DEBUG = "debug"
    """Those for developers, too."""
    SQL = "sql"
    """And each statement that is sent to the database."""


class Least(IntEnum):
    """The least that an event must be to be written; the values are the standard library's."""

    SQL = 5
    """Debugging, and each statement."""
    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40


def configure(
    log_format: LogFormat,
    *,
    stream: TextIO,
    colour: bool = False,
    columns: int | None = None,
    redacted: Redact | None = None,
    least: Least = Least.INFO,
    untold: Collection[str] = (),
) -> Log:
    """Make the writer of this process; `columns` where the stream is a terminal.

    Each line starts with the time (UTC; ISO 8601 but on a terminal), the level and the event;
    what is less than `least`, and events of these names (`untold`), are left out. A stream that
    can no longer be written to (a closed pipe, a full disk) loses lines, never the run.
    """
    render: Render
    match log_format:
        case LogFormat.JSON:
            render = json.dumps
        case LogFormat.TEXT:
            render = _coloured if colour else _text
        case _:
            assert_never(log_format)
    live = columns if log_format is LogFormat.TEXT else None
    return _Lines(
        stream, render, live=live, redacted=redacted or redact, least=least, untold=untold
    )


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


# What hints show as an example names nobody.
_CREDENTIALS = re.compile(r"\b([a-z][a-z0-9+.-]*://)(?!user:password@)\S*@", re.IGNORECASE)
_PASSWORD = re.compile(
    r"\b(\w*(?:password|passwd|passphrase)\w*(?:['\"]\s*:|\s*=)\s*)"
    r"('(?:[^'\\]|\\.)*'|\"[^\"]*\"|[^\s&,;]+)",
    re.IGNORECASE,
)
_SECRET_FIELDS = frozenset({"password", "database_url", "url", "dsn", "conninfo"})
_MASK = "***"


Redact: TypeAlias = Callable[[str], str]
"""Takes out of a text what must not be shown."""

_SHORTEST = 4
"""Characters; what is shorter stands in every text."""


def redact(text: str, hidden: Collection[str] = ()) -> str:
    """Mask credentials in a URL, the value after `password=`, and values that are `hidden`.

    The belt to the braces: nothing should ever hand such a text over in the first place.

    >>> redact("no route to postgresql://anna:hunter2@db.example/shop")
    'no route to postgresql://***@db.example/shop'
    >>> redact("{'TOKEN': 's3cret-7'}", ["s3cret-7"])
    "{'TOKEN': '***'}"
    """
    # Output comes by the line, whatever a value's own lines are.
    lines = {line.strip() for value in hidden for line in value.splitlines()}
    for line in sorted(lines, key=len, reverse=True):
        if len(line) >= _SHORTEST:
            text = text.replace(line, _MASK)
    text = _CREDENTIALS.sub(rf"\g<1>{_MASK}@", text)
    return _PASSWORD.sub(rf"\g<1>{_MASK}", text)


_OWN_WORDS = frozenset(
    {"command", "decision", "environment", "error", "hint", "mode", "project", "release", "result"}
)
"""Fields with words of seeder and of the project, which a hidden value may equal by chance."""


def _mask(fields: Mapping[str, object], redacted: Redact) -> dict[str, object]:
    return {
        name: _MASK
        if name in _SECRET_FIELDS
        else _masked(value, redact if name in _OWN_WORDS else redacted)
        for name, value in fields.items()
    }


def _masked(value: object, redacted: Redact) -> object:
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, Mapping):
        return _mask(value, redacted)
    if isinstance(value, list | tuple | set | frozenset):
        members = sorted(value, key=str) if isinstance(value, set | frozenset) else value
        return [_masked(each, redacted) for each in members]
    if value is None or isinstance(value, bool | int | float):
        return value
    return redacted(_plain(value))


def _plain(value: object) -> str:
    # repr would show what an object keeps inside, a connection's password for instance.
    import decimal
    import pathlib
    import uuid

    plain = (datetime.date, datetime.time, decimal.Decimal, pathlib.PurePath, uuid.UUID)
    return str(value) if isinstance(value, plain) else f"<{type(value).__name__}>"


_BOLD, _DIM, _RESET = "\x1b[1m", "\x1b[2m", "\x1b[0m"
_COLOURS = {"debug": _DIM, "info": "\x1b[32m", "warning": "\x1b[33m", "error": "\x1b[31m"}
_BARE = re.compile(r"[\w./:@+*-]+")


def _text(event: Mapping[str, object], ink: Callable[[str, object], str] = "{1}".format) -> str:
    (_, time), (_, level), (_, name), *fields = event.items()
    told = [f"{ink(_DIM, f'{key}=')}{_bare(value)}" for key, value in fields if key != _BELOW]
    named = ink(_COLOURS[str(level)], f"{level:<7}"), ink(_BOLD, name)
    return " ".join((ink(_DIM, time), *named, *told)) + _below(event)


def _coloured(event: Mapping[str, object]) -> str:
    return _text(event, f"{{}}{{}}{_RESET}".format)


_BELOW = "sql"
"""The field that people read on lines of its own."""


def _below(event: Mapping[str, object]) -> str:
    lines = str(event.get(_BELOW, "")).splitlines()
    return "".join(f"\n    {_printable(line)}" for line in lines)


def _printable(line: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in line)


def _bare(value: object) -> str:
    """A value without quotes where it needs none; on one line and printable in any case."""
    if isinstance(value, str):
        if _BARE.fullmatch(value):
            return value
        return json.dumps(value, ensure_ascii=not value.isprintable())
    return json.dumps(value)


_OF_OTHERS = frozenset({"migration.output", "process.output"})
"""What the project's own code printed: always told, since what fails refers to it."""

_PROGRESS_EVERY = 10.0
"""Seconds between two events that tell how far something is."""

_ERASE = "\r\x1b[2K"
"""What empties the last line of a terminal."""


class _Lines:
    """Writes each event as one line, at once, or loses it.

    Structlog makes the lines from `carry` on. The few of a deploy that has nothing to do are made
    here, since its import would be the dearest of such a deploy.
    """

    def __init__(
        self,
        stream: TextIO,
        render: Render,
        *,
        live: int | None,
        redacted: Redact,
        least: Least,
        untold: Collection[str],
    ) -> None:
        self._stream = stream
        self._render = render
        self._live = live
        self._redacted = redacted
        self._least = least
        self._untold = untold
        self._drawn = False
        self._told = -math.inf
        self._carrying: Log | None = None

    @property
    def tells_statements(self) -> bool:
        """Whether each statement is to be an event."""
        return self._least <= Least.SQL

    def debug(self, event: str, **fields: object) -> None:
        """Write an event that only a developer of seeder wants."""
        self._write("debug", event, fields)

    def info(self, event: str, **fields: object) -> None:
        """Write an event of an ordinary run."""
        self._write("info", event, fields)

    def warning(self, event: str, **fields: object) -> None:
        """Write an event that a person should look at."""
        self._write("warning", event, fields)

    def error(self, event: str, **fields: object) -> None:
        """Write the event that ends a run."""
        self._write("error", event, fields)

    def awaited(self, event: str, line: str, **fields: object) -> None:
        """Redraw the last line of a terminal that shows no events; elsewhere write an event."""
        if self._live is not None and self._least > Least.INFO:
            self._draw(line)
        else:
            self._write("info", event, fields)

    def progress(self, event: str, line: str, **fields: object) -> None:
        """Redraw the last line of a terminal; elsewhere write an event now and then."""
        if self._live is not None:
            self._draw(line)
        elif time.monotonic() - self._told > _PROGRESS_EVERY:
            self._told = time.monotonic()
            self._write("info", event, fields)

    def _draw(self, line: str) -> None:
        self._drawn = True
        shown = _printable(self._redacted(line))
        self._send(f"{_ERASE}{shown[: (self._live or 1) - 1]}")

    def progress_ended(self) -> None:
        """Take back the line that told how far something was."""
        if self._drawn:
            self._drawn = False
            self._send(_ERASE)

    def carry(self, **fields: object) -> None:
        """Have every further line carry these fields; leaves structlog's configuration alone."""
        import structlog

        def put(_logger: object, level: str, event: MutableMapping[str, object]) -> str:
            return self._line(level, str(event.pop("event")), event)

        logger = structlog.wrap_logger(
            _Sink(self._put),
            processors=[put],
            wrapper_class=structlog.make_filtering_bound_logger("debug"),
        )
        self._carrying = cast("Log", logger.bind(**fields))

    def _write(self, level: str, event: str, fields: Mapping[str, object]) -> None:
        wanted = Least[level.upper()] >= self._least or event in _OF_OTHERS
        if not wanted or event in self._untold:
            self.progress_ended()  # what was waited for has come
        elif self._carrying is not None:
            getattr(self._carrying, level)(event, **fields)
        else:
            self._put(self._line(level, event, fields))

    def _line(self, level: str, event: str, fields: Mapping[str, object]) -> str:
        now = datetime.datetime.now(datetime.UTC)
        first = {
            # Whoever watches knows the day.
            "timestamp": f"{now:%H:%M:%S}" if self._live else f"{now:%Y-%m-%dT%H:%M:%S.%fZ}",
            "level": level,
            "event": redact(event),
        }
        return self._render(first | _mask(fields, self._redacted))

    def _put(self, line: str) -> None:
        self.progress_ended()
        self._send(f"{line}\n")

    def _send(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            # Nobody listens any more. The work must not depend on an audience.
            return


class _Sink:
    """Takes finished lines from structlog, by whatever level they come."""

    def __init__(self, put: Callable[[str], None]) -> None:
        self.debug = self.info = self.warning = self.error = put
