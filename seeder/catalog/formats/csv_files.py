"""CSV as Postgres reads it: an unquoted empty field is NULL, a quoted one is ''.

Python's csv module tells the two apart only from 3.13 on, and forgives what COPY does not.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TextIO, TypeAlias

from msgspec import Struct

from seeder.catalog.formats.files import LFS_POINTER, Unreadable, os_reason, pointer
from seeder.merge.model import Stamp, Text

_BLANK_END = re.compile(rb' [,"\r\n]')
_WELL_QUOTED_FIELD = rb'(?:\0*"[^"]*"|\0+|[^",\r\n\0]*)'
_WELL_QUOTED = re.compile(rb"(?:%b(?:,|\r?\n))*%b" % (_WELL_QUOTED_FIELD, _WELL_QUOTED_FIELD))
"""Of a text in which each pair of quotes is a NUL, which no file may hold: an empty field, doubled
quotes, or the quote that begins a field and another one."""
_QUOTED_CHUNK, _QUOTED_LIMIT = 1 << 16, 1 << 20
"""Bytes; the expression takes memory by the field."""
_RECORD_LIMIT = 64 * 1024 * 1024

Record: TypeAlias = tuple[int, list[Text | None]]
"""Number of its first line, and its fields."""


class CsvForm(Struct, frozen=True, kw_only=True):
    """How a file is written, and which of its columns are wanted under which names."""

    delimiter: str = ","
    null: str = ""
    """What stands, unquoted, for NULL."""
    byte_order_mark: bool = False
    """Whether it may begin with one."""
    skip: tuple[str, ...] = ()
    """Columns of the file that are not seeded."""
    names: Mapping[str, str] = {}
    """Columns of the table by those of the file, where they differ."""


PLAIN = CsvForm()
"""As Postgres writes it."""


@functools.cache
def _field(delimiter: str) -> re.Pattern[str]:
    end = re.escape(delimiter)
    return re.compile(rf'(?:"((?:[^"]|"")*+)"|([^"{end}\r\n]*+))({end}|\r?\n?\Z)')


@functools.cache
def _lone_return(delimiter: str) -> re.Pattern[str]:
    return re.compile(rf'(?:"(?:[^"]|"")*+"|[^"{re.escape(delimiter)}\r\n]*+)\r')


class CsvTraits(Struct, frozen=True, kw_only=True):
    """What a scan of the bytes tells, without parsing them."""

    stamp: Stamp
    """Of the file that was scanned."""
    newline: str | None
    """The one way in which all lines end; None when they differ."""
    end_marker: bool
    r"""A line is exactly `\.`: Postgres before 18 would stop reading there."""
    well_quoted: bool
    """Every quote begins or ends a field, or is doubled in one. COPY takes any other for a change
    between quoted and not, and goes on. False as well where a quoted field is so long, a megabyte,
    that only reading the rows can tell."""

    blank_ends: bool
    """A field may end with a blank, which a `varchar(n)` that is full does not keep."""
    verbatim: bool
    """Nothing is quoted, and no backslash is there, which an address would escape."""

    @property
    def size(self) -> int:
        """Bytes."""
        return self.stamp[0]


def read_traits(path: Path, *, chunk_size: int = 1 << 20) -> CsvTraits:
    """Scan the file in constant memory, `chunk_size` bytes at a time."""
    returns = feeds = pairs = 0
    marker = quotes = blanks = backslashes = False
    tail = b"\n"
    try:
        with path.open("rb") as file:
            stamp = stamp_of(os.fstat(file.fileno()))
            while chunk := file.read(chunk_size):
                joined = tail + chunk
                if tail == b"\n" and chunk.startswith(LFS_POINTER):
                    raise pointer()
                if b"\r" in joined:
                    returns += chunk.count(b"\r")
                    feeds += chunk.count(b"\n")
                    pairs += chunk.count(b"\r\n") + (tail.endswith(b"\r") and chunk[:1] == b"\n")
                else:
                    # One is enough to tell that not all of them follow a \r.
                    feeds += b"\n" in chunk
                backslashes = backslashes or b"\\" in chunk
                marker = marker or (backslashes and _marked(joined))
                quotes = quotes or b'"' in chunk
                blanks = blanks or _BLANK_END.search(joined) is not None
                # The marker is two bytes between two line breaks.
                tail = joined[-3:]
        well_quoted = not quotes or _well_quoted(path, min(chunk_size, _QUOTED_CHUNK))
    except OSError as error:
        raise Unreadable(f"cannot be read: {os_reason(error)}") from error
    marker = marker or re.search(rb"[\r\n]\\\.\Z", tail) is not None
    newline = None
    if returns == 0:
        newline = "\n"
    elif returns == feeds == pairs:
        newline = "\r\n"
    return CsvTraits(
        stamp=stamp,
        newline=newline,
        end_marker=marker,
        well_quoted=well_quoted,
        blank_ends=blanks or tail.endswith(b" "),
        verbatim=not quotes and not backslashes,
    )


def _marked(raw: bytes) -> bool:
    # The search for two bytes is by far the faster one, and nearly always the end of it.
    return b"\\." in raw and re.search(rb"[\r\n]\\\.[\r\n]", raw) is not None


def _well_quoted(path: Path, chunk_size: int) -> bool:
    rest = b""
    with path.open("rb") as file:
        while chunk := file.read(chunk_size) + file.readline(_RECORD_LIMIT):
            if not rest and b'"' not in chunk:
                continue
            rest += chunk
            if rest.count(b'"') % 2:
                if len(rest) > _QUOTED_LIMIT:
                    return False
            elif b"\0" in rest or _WELL_QUOTED.fullmatch(rest.replace(b'""', b"\0")) is None:
                return False
            else:
                rest = b""
    return not rest


def stamp_of(status: os.stat_result) -> Stamp:
    """What tells a file from what it was before: another file, or another content."""
    return status.st_size, status.st_mtime_ns, status.st_ino


def require_same(stamp: Stamp, status: os.stat_result) -> None:
    """Raise `Unreadable` where a file is no longer what was read before."""
    if stamp_of(status) != stamp:
        raise Unreadable("has changed while it was read", remedy="Run again.")


def read_header(path: Path, form: CsvForm = PLAIN) -> tuple[str, ...]:
    """The column names in the first line, as they are in the file."""
    first = next(_whole(path, form), None)
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


def read_rows(path: Path, *, width: int, form: CsvForm = PLAIN) -> Iterator[Record]:
    """Line number and fields of every row below the header."""
    records = _whole(path, form)
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
                remedy="Remove it." if blank else "Quote a field that contains the delimiter.",
                line=line,
            )
        yield line, fields


def _whole(path: Path, form: CsvForm) -> Iterator[Record]:
    try:
        # Only \n ends a line here, so that a lone \r can be refused where it stands.
        with path.open(encoding="utf-8", newline="\n") as file:
            yield from split_records(file, form=form)
    except UnicodeDecodeError:
        raise undecodable(path) from None
    except OSError as error:
        raise Unreadable(f"cannot be read: {os_reason(error)}") from error


def split_records(file: TextIO, *, after: int = 0, form: CsvForm = PLAIN) -> Iterator[Record]:
    """Split what follows `after` lines into records; a quoted field may span lines.

    `file` is opened so that only \\n ends a line. Raises `Unreadable`.
    """
    number = after
    delimiter, null = form.delimiter, form.null
    pending: list[str] = []
    began = quotes = length = 0
    while line := file.readline(_RECORD_LIMIT):
        number += 1
        if len(line) == _RECORD_LIMIT:
            raise _too_long(began if pending else number)
        if number == 1 and line.startswith("\ufeff"):
            if form.byte_order_mark:
                line = line[1:]
            else:
                remedy = "Save it as UTF-8 without BOM, or write `rows_from: {file: ...}`."
                raise Unreadable("starts with a byte order mark", remedy, 1, 1)
        if not pending and '"' not in line:
            plain = line[:-1] if line.endswith("\n") else line
            if plain.endswith("\r"):
                plain = plain[:-1]
            if "\r" in plain or "\0" in plain:
                raise _stray(plain, number)
            yield number, [None if each == null else Text(each) for each in plain.split(delimiter)]
            continue
        began = began if pending else number
        pending.append(line)
        quotes += line.count('"')
        length += len(line)
        if quotes % 2 == 0:
            yield began, _split("".join(pending), began, form)
            pending.clear()
            quotes = length = 0
        elif length > _RECORD_LIMIT:
            raise _too_long(began)
    if pending:
        raise Unreadable("a quoted field has no end", line=began)


def _split(record: str, line: int, form: CsvForm) -> list[Text | None]:
    fields: list[Text | None] = []
    at = 0
    field = _field(form.delimiter)
    while True:
        match = field.match(record, at)
        if match is None:
            before = line + record.count("\n", 0, at)
            if _lone_return(form.delimiter).match(record, at):
                raise _stray("\r", before)
            raise Unreadable(
                "a quote stands inside a field that is not quoted",
                remedy='Quote the whole field and double the quotes in it: "say ""hi""".',
                line=before,
                column=at - (record.rfind("\n", 0, at) + 1) + 1,
            )
        if "\0" in match.group():
            raise _stray("\0", line + record.count("\n", 0, record.index("\0", at)))
        quoted, unquoted, end = match.groups()
        if quoted is not None:
            # A line break is one break, whatever a checkout on Windows made of it.
            fields.append(Text(quoted.replace('""', '"').replace("\r\n", "\n")))
        else:
            fields.append(None if unquoted == form.null else Text(unquoted))
        at = match.end()
        if end != form.delimiter:
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
