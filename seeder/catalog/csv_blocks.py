"""A CSV file in blocks of lines: what has neither quotes nor oddities is not read field by field.

Most lines of most files are of that kind, and a look at a whole block of them costs far less than
a look at every field. What is odd in any way is left to `csv_files`.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, TextIO

from msgspec import Struct

from seeder.catalog.csv_files import Record, fitting, split_records, undecodable
from seeder.catalog.files import Unreadable, os_reason
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


def read_blocks(
    path: Path, *, width: int, size: int = BLOCK
) -> Iterator[PlainLines | list[Record]]:
    """All rows below the header, in order, some `size` bytes at a time.

    Raises `Unreadable` where `read_rows` does, for one fault of a file if not for the same one.
    """
    try:
        with path.open("rb") as file:
            yield from _blocks(file, width, size)
    except UnicodeDecodeError:
        raise undecodable(path) from None
    except OSError as error:
        raise Unreadable(f"cannot be read: {os_reason(error)}") from error


def _blocks(file: BinaryIO, width: int, size: int) -> Iterator[PlainLines | list[Record]]:
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
        plain = _plain(whole, text, width)
        if plain is None:
            yield from _field_by_field(io.StringIO(text, newline="\n"), number, width)
            number += whole.count(b"\n")
        else:
            header = 0 if number else 1
            yield PlainLines(number + header + 1, plain[header:] if header else plain)
            number += len(plain)
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
