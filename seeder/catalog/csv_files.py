"""CSV as Postgres reads it: an unquoted empty field is NULL, a quoted one is ''.

Python's csv module tells the two apart only from 3.13 on, and forgives what COPY does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO, TypeAlias

from seeder.catalog.files import Unreadable, os_reason
from seeder.merge.model import Text

_FIELD = re.compile(r'(?:"((?:[^"]|"")*+)"|([^",\r\n]*+))(,|\r?\n?\Z)')
_RECORD_LIMIT = 64 * 1024 * 1024

Record: TypeAlias = tuple[int, list[Text | None]]
"""Number of its first line, and its fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvTraits:
    """What a scan of the bytes tells, without parsing them."""

    size: int
    newline: str | None
    """The one way in which all lines end; None when they differ."""
    end_marker: bool
    r"""A line is exactly `\.`: Postgres before 18 would stop reading there."""


def read_traits(path: Path, *, chunk_size: int = 1 << 20) -> CsvTraits:
    """Scan the file in constant memory, `chunk_size` bytes at a time."""
    size = returns = feeds = pairs = 0
    marker = False
    tail = b"\n"
    try:
        with path.open("rb") as file:
            while chunk := file.read(chunk_size):
                size += len(chunk)
                joined = tail + chunk
                if b"\r" in joined:
                    returns += chunk.count(b"\r")
                    feeds += chunk.count(b"\n")
                    pairs += chunk.count(b"\r\n") + (tail.endswith(b"\r") and chunk[:1] == b"\n")
                else:
                    # One is enough to tell that not all of them follow a \r.
                    feeds += b"\n" in chunk
                marker = marker or _marked(joined)
                # The marker is two bytes between two line breaks.
                tail = joined[-3:]
    except OSError as error:
        raise Unreadable(f"cannot be read: {os_reason(error)}") from error
    marker = marker or re.search(rb"[\r\n]\\\.\Z", tail) is not None
    newline = None
    if returns == 0:
        newline = "\n"
    elif returns == feeds == pairs:
        newline = "\r\n"
    return CsvTraits(size=size, newline=newline, end_marker=marker)


def _marked(raw: bytes) -> bool:
    # The search for a single byte is by far the fastest, and nearly always the end of it.
    return b"\\" in raw and b"\\." in raw and re.search(rb"[\r\n]\\\.[\r\n]", raw) is not None


def read_header(path: Path) -> tuple[str, ...]:
    """The column names in the first line."""
    first = next(_whole(path), None)
    if first is None:
        raise Unreadable("is empty", remedy="Its first line names the columns.", line=1)
    names: list[str] = []
    for name in first[1]:
        if name is None or not name.strip():
            raise Unreadable("the header has a column without a name", line=1)
        if name != name.strip():
            raise Unreadable(
                f"the header has blanks around `{name.strip()}`", remedy="Remove them.", line=1
            )
        if name in names:
            raise Unreadable(f"the header names `{name}` twice", line=1)
        names.append(str(name))
    return tuple(names)


def read_rows(path: Path, *, width: int) -> Iterator[Record]:
    """Line number and fields of every row below the header."""
    records = _whole(path)
    next(records, None)
    return fitting(records, width=width)


def fitting(records: Iterable[Record], *, width: int) -> Iterator[Record]:
    """The records, as long as they have as many fields as the header; raises `Unreadable`."""
    for line, fields in records:
        if len(fields) != width:
            blank = len(fields) == 1 and fields[0] is None
            count = "1 field" if len(fields) == 1 else f"{len(fields)} fields"
            raise Unreadable(
                "an empty line" if blank else f"{count} where the header has {width}",
                remedy="Remove it." if blank else "Quote a field that contains a comma.",
                line=line,
            )
        yield line, fields


def _whole(path: Path) -> Iterator[Record]:
    try:
        # Only \n ends a line here, so that a lone \r can be refused where it stands.
        with path.open(encoding="utf-8", newline="\n") as file:
            yield from split_records(file)
    except UnicodeDecodeError:
        raise undecodable(path) from None
    except OSError as error:
        raise Unreadable(f"cannot be read: {os_reason(error)}") from error


def split_records(file: TextIO, *, after: int = 0) -> Iterator[Record]:
    """Split what follows `after` lines into records; a quoted field may span lines.

    `file` is opened so that only \\n ends a line. Raises `Unreadable`.
    """
    number = after
    pending: list[str] = []
    began = quotes = length = 0
    while line := file.readline(_RECORD_LIMIT):
        number += 1
        if len(line) == _RECORD_LIMIT:
            raise _too_long(began if pending else number)
        if number == 1 and line.startswith("\ufeff"):
            raise Unreadable(
                "starts with a byte order mark",
                remedy="Save it as UTF-8 without BOM.",
                line=1,
                column=1,
            )
        if not pending and '"' not in line:
            plain = line[:-1] if line.endswith("\n") else line
            if plain.endswith("\r"):
                plain = plain[:-1]
            if "\r" in plain or "\0" in plain:
                raise _stray(plain, number)
            yield number, [Text(each) if each else None for each in plain.split(",")]
            continue
        began = began if pending else number
        pending.append(line)
        quotes += line.count('"')
        length += len(line)
        if quotes % 2 == 0:
            yield began, _split("".join(pending), began)
            pending.clear()
            quotes = length = 0
        elif length > _RECORD_LIMIT:
            raise _too_long(began)
    if pending:
        raise Unreadable("a quoted field has no end", line=began)


def _split(record: str, line: int) -> list[Text | None]:
    fields: list[Text | None] = []
    at = 0
    while True:
        match = _FIELD.match(record, at)
        if match is None or "\0" in match.group():
            if match is not None or "\r" in record.rstrip("\r\n"):
                raise _stray(record, line)
            raise Unreadable(
                "a quote stands inside a field that is not quoted",
                remedy='Quote the whole field and double the quotes in it: "say ""hi""".',
                line=line + record.count("\n", 0, at),
                column=at - (record.rfind("\n", 0, at) + 1) + 1,
            )
        quoted, unquoted, end = match.groups()
        if quoted is not None:
            fields.append(Text(quoted.replace('""', '"')))
        else:
            fields.append(Text(unquoted) if unquoted else None)
        at = match.end()
        if end != ",":
            return fields


def _too_long(line: int) -> Unreadable:
    return Unreadable(
        f"a row is longer than {_RECORD_LIMIT >> 20} million characters",
        remedy="Most likely a quoted field has no end.",
        line=line,
    )


def _stray(record: str, line: int) -> Unreadable:
    if "\0" in record:
        return Unreadable("contains a NUL byte", remedy="Postgres cannot store one.", line=line)
    return Unreadable(
        "a carriage return stands inside a line",
        remedy="End all lines in the same way, or quote the field.",
        line=line,
    )


def undecodable(path: Path) -> Unreadable:
    """Find the first line that is not UTF-8; the text layer reads ahead in blocks."""
    with path.open("rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(_RECORD_LIMIT), b""), start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                if len(line) == _RECORD_LIMIT:
                    break  # the cut may lie within a character
                return Unreadable(
                    f"is not valid UTF-8: byte 0x{line[error.start]:02x}",
                    remedy="Save it as UTF-8.",
                    line=number,
                    column=len(line[: error.start].decode("utf-8")) + 1,
                )
    return Unreadable("is not valid UTF-8", remedy="Save it as UTF-8.")
