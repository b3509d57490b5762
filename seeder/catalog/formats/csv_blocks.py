"""A CSV file in blocks of lines: what has no oddities is not read field by field.

Most lines of most files are of that kind, and a look at a whole block of them costs far less than
a look at every field. Where fields are quoted, as JSON always is, Python's csv module splits them.
What is odd in any way is left to `csv_files`.
"""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, TextIO

from msgspec import Struct

from seeder.catalog.formats.csv_files import Record, fitting, split_records, undecodable
from seeder.catalog.formats.files import Unreadable, os_reason
from seeder.merge.model import Text

BLOCK = 1 << 18
"""Bytes read at a time."""
_SOME = 1000
_OTHERS = bytes(set(range(256)) - set(b",\n"))
"""Every byte but these two."""


class PlainLines(Struct, frozen=True):
    """Lines of as many fields as the header has: split at the commas, '' is NULL."""

    first: int
    """Number of the first one."""
    lines: list[str]
    """Without their ends."""

    def records(self) -> list[Record]:
        """The same as `csv_files` would read it."""
        return [
            (number, [Text(each) if each else None for each in line.split(",")])
            for number, line in enumerate(self.lines, start=self.first)
        ]


class QuotedLines(Struct, frozen=True, kw_only=True):
    """Lines of as many fields as the header has, some of them quoted."""

    after: int
    """How many lines are before them."""
    text: str
    rows: list[list[str]]
    """Without the header; '' is NULL or empty text."""
    width: int

    @property
    def first(self) -> int:
        """Number of the first row's line."""
        return self.after + 1 if self.after else 2

    def records(self) -> list[Record]:
        """The same as `csv_files` would read it."""
        file = io.StringIO(self.text, newline="\n")
        return [row for some in _field_by_field(file, self.after, self.width) for row in some]


def read_blocks(
    path: Path, *, width: int, size: int = BLOCK, well_quoted: bool = False
) -> Iterator[PlainLines | QuotedLines | list[Record]]:
    """All rows below the header, in order, some `size` bytes at a time.

    `well_quoted` is that of the file's traits. Raises `Unreadable` where `read_rows` does, for one
    fault of a file if not for the same one.
    """
    try:
        with path.open("rb") as file:
            yield from _blocks(file, width, size, well_quoted)
    except UnicodeDecodeError:
        raise undecodable(path) from None
    except OSError as error:
        raise Unreadable(f"cannot be read: {os_reason(error)}") from error


def _blocks(
    file: BinaryIO, width: int, size: int, well_quoted: bool
) -> Iterator[PlainLines | QuotedLines | list[Record]]:
    number = start = 0
    rest = b""
    while chunk := rest + file.read(size):
        # All of it at the end of the file, where a last line may have no end.
        cut = chunk.rfind(b"\n") + 1 if len(chunk) > len(rest) else len(chunk)
        whole, rest = chunk[:cut], chunk[cut:]
        if not cut or (b'"' in whole and whole.count(b'"') % 2):
            # A record goes on beyond this block.
            file.seek(start)
            lines = io.TextIOWrapper(file, encoding="utf-8", newline="\n")
            yield from _field_by_field(lines, number, width)
            return
        text = whole.decode("utf-8")
        header = 0 if number else 1
        plain = _plain(whole, text, width)
        if plain is not None:
            yield PlainLines(number + header + 1, plain[header:] if header else plain)
            number += len(plain)
        elif well_quoted and (quoted := _quoted(whole, text, width)) is not None:
            rows = quoted[header:]
            yield QuotedLines(after=number, text=text, rows=rows, width=width)
            number += len(quoted)
        else:
            yield from _field_by_field(io.StringIO(text, newline="\n"), number, width)
            number += whole.count(b"\n")
        start += cut


def _field_by_field(file: TextIO, after: int, width: int) -> Iterator[list[Record]]:
    records = split_records(file, after=after)
    if after == 0:
        next(records, None)
    rows = fitting(records, width=width)
    while some := list(itertools.islice(rows, _SOME)):
        yield some


def _plain(raw: bytes, text: str, width: int) -> list[str] | None:
    """The lines, where each of them is plain."""
    if b"\r" in raw:
        raw, text = raw.replace(b"\r\n", b"\n"), text.replace("\r\n", "\n")
    if b'"' in raw or b"\r" in raw or b"\0" in raw or text.startswith("\ufeff"):
        return None
    lines = text.split("\n")
    if not lines[-1]:
        del lines[-1]
    # All that is not a comma or the end of a line taken away, every line looks the same.
    expected = (b"," * (width - 1) + b"\n") * len(lines)
    found = raw.translate(None, _OTHERS)
    return lines if found == (expected if raw.endswith(b"\n") else expected[:-1]) else None


def _quoted(raw: bytes, text: str, width: int) -> list[list[str]] | None:
    """The rows, where each is one line."""
    if b"\r" in raw or b"\0" in raw or text.startswith("\ufeff"):
        return None
    lines = raw.count(b"\n") + (not raw.endswith(b"\n"))
    try:
        rows = list(csv.reader(io.StringIO(text, newline="\n"), strict=True))
    except csv.Error:
        return None
    return rows if len(rows) == lines and set(map(len, rows)) == {width} else None
