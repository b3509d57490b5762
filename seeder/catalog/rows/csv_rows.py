"""Rows of a CSV file that is never held in memory as a whole."""

from __future__ import annotations

import operator
import sys
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from seeder.catalog.declaring.csv_form import columns_of
from seeder.catalog.declaring.values import key_text
from seeder.catalog.formats.csv_blocks import BLOCK, PlainLines, QuotedLines, read_blocks
from seeder.catalog.formats.csv_files import (
    PLAIN,
    CsvForm,
    CsvTraits,
    Record,
    read_header,
    read_rows,
    read_traits,
    require_same,
)
from seeder.catalog.formats.files import Unreadable, os_reason
from seeder.catalog.formats.problems import sentence
from seeder.errors import ConfigurationInvalid, Problem
from seeder.merge.model import Cell, CsvFile, SeedRow, row_key

CHECKED_SIZE = 20 * 1024 * 1024
"""Bytes up to which every row is read when the catalog is. Beyond, field counts, NULL keys
and duplicate rows are found by whoever reads the rows, unless another set refers to them."""

_SOME = 1000
"""Rows of a file in another form that are held at a time."""


class CsvTable(Struct, frozen=True, kw_only=True):
    """A CSV file whose header was read."""

    path: Path
    file: str
    """Project-relative."""
    header: tuple[str, ...]
    """Columns of the table that it gives."""
    traits: CsvTraits
    form: CsvForm = PLAIN
    width: int
    """Fields of each row in the file."""
    places: tuple[int, ...] | None = None
    """Where among them each of `header` stands; None for a plain file, which gives all."""

    def records(self) -> Iterator[Record]:
        """All rows, in order; raises `Unreadable`."""
        rows = read_rows(self.path, width=self.width, form=self.form)
        if self.places is None:
            return rows
        return ((line, [fields[each] for each in self.places or ()]) for line, fields in rows)

    def blocks(self, size: int) -> Iterator[PlainLines | QuotedLines | list[Record]]:
        """The same, some `size` bytes at a time; see `read_blocks`."""
        if self.places is None:
            quoted = self.traits.well_quoted
            yield from read_blocks(self.path, width=self.width, size=size, well_quoted=quoted)
            return
        records = self.records()
        while some := list(islice(records, _SOME)):
            yield some


def read_table(path: Path, *, file: str, form: CsvForm) -> CsvTable:
    """Read the header and the traits of a file; raises `Unreadable`."""
    traits = read_traits(path)
    header = read_header(path, form)
    table = CsvTable(path=path, file=file, header=header, traits=traits, width=len(header))
    if form is PLAIN:
        return table
    columns = columns_of(header, form)
    return replace(table, header=tuple(columns.values()), places=tuple(columns), form=form)


class RowLines(NamedTuple):
    """Where the rows of a CSV file stand."""

    lines: Mapping[str, int]
    """Number of the line, by row key; of the first one where a key stands several times."""
    repeated: tuple[tuple[str, int], ...]
    """Rows whose key stood further up already, as key and line."""
    fault: Unreadable | None
    """What ended the reading before the end of the file."""


class CsvRows(Struct, frozen=True, kw_only=True):
    """A `RowSource` that reads the file anew each time it is iterated.

    Iterating raises `ConfigurationInvalid` for a row that does not fit the header or
    whose key is NULL.
    """

    table: CsvTable
    columns: tuple[str, ...]
    key: tuple[str, ...]
    constants: tuple[tuple[str, Cell], ...] = ()
    """Scope and defaults that the file does not give."""
    nullable: frozenset[str] = frozenset()
    """Columns of the key that may be NULL."""
    references: frozenset[str] = frozenset()
    """Columns that hold the keys of other rows."""
    copyable: bool = True
    unique: bool = False
    """Every row was looked at, and no key stands there twice."""

    @property
    def csv(self) -> CsvFile | None:
        """The file, where Postgres of every version reads it as seeder does."""
        traits = self.table.traits
        newline = traits.newline
        if not self.copyable or newline is None:
            return None
        if any(name in self.key for name, _ in self.constants):
            return None
        if self.table.places is not None:
            return None  # what is sent is the file as it is
        if traits.end_marker or not traits.well_quoted:
            return None
        if self.references and not traits.verbatim:
            return None  # within a row's key, commas and backslashes are escaped
        if newline == "\r\n" and not traits.verbatim:
            return None  # COPY would keep a \r within quotes
        return CsvFile(
            path=self.table.path,
            header=self.table.header,
            stamp=traits.stamp,
            newline=newline,
            blank_ends=traits.blank_ends,
            verbatim=traits.verbatim,
            unique=self.unique,
            constants=self.constants,
        )

    def __iter__(self) -> Iterator[SeedRow]:
        try:
            yield from self.read()
        except Unreadable as error:
            raise self._invalid(error) from None

    def _invalid(self, error: Unreadable) -> ConfigurationInvalid:
        problem = Problem(
            message=sentence(error.message),
            remedy=error.remedy,
            file=self.table.file,
            line=error.at.line,
            column=error.at.column,
        )
        return ConfigurationInvalid(
            "1 problem in the catalog", problems=(problem,), code="catalog-invalid"
        )

    def read(self) -> Iterator[SeedRow]:
        """The rows; raises `Unreadable` where `__iter__` raises its own error."""
        order = [self._given.index(name) for name in self.columns]
        given = self._given if not self.table.traits.verbatim else []
        escaped = [n for n, name in enumerate(given) if name in self.references]
        file = self.table.file
        for line, key, cells in self._records():
            for n in escaped:
                cell = cells[n]
                cells[n] = row_key((cell,)) if isinstance(cell, str) else cell
            yield SeedRow(
                key=key,
                values=tuple([cells[position] for position in order]),
                line=line,
                file=file,
            )

    def distinct(self, column: str, *, size: int = BLOCK) -> set[str]:
        """The row keys that a column with references asks for; raises `Unreadable`.

        They are held in memory: as many as there are rows that it refers to.
        """
        at = self._given.index(column)
        found: set[str | None] = set()
        for block in self.table.blocks(size):
            if isinstance(block, PlainLines):
                found.update([line.split(",", at + 1)[at] or None for line in block.lines])
            else:
                rows = block if isinstance(block, list) else block.records()
                found.update([key_text(fields[at]) for _, fields in rows])
        texts = [text for text in found if text is not None]
        return set(texts if self.table.traits.verbatim else [row_key((each,)) for each in texts])

    def is_faultless(self, *, size: int = BLOCK) -> bool:
        """Whether no row has a fault, and no key stands there twice; False where that is unclear.

        Where keys ascend, as text or as numbers do, the shorter one first, nothing is held in
        memory for that; otherwise eight bytes of each.
        """
        try:
            require_same(self.table.traits.stamp, self.table.path.stat())
            return (
                _ascend(self._all_keys(size))
                or _ascend(self._all_keys(size), by=len)
                or _differ(self._all_keys(size))
            )
        except (Unreadable, OSError):
            return False

    def _all_keys(self, size: int) -> Iterator[list[str]]:
        return (self._keys(block)[0] for block in self.table.blocks(size))

    def known_lines(self) -> Mapping[str, int]:
        """Line numbers by row key of a file that was found without a fault before.

        Raises `ConfigurationInvalid` where it has one now.
        """
        lines, _, fault = self.lines()
        if fault is not None:
            raise self._invalid(fault)
        return lines

    def lines(self, *, size: int = BLOCK) -> RowLines:
        """Where each row stands, read in blocks of `size` bytes.

        Memory grows with the number of rows: a key and a number each.
        """
        found: dict[str, int] = {}
        rows = 0
        try:
            require_same(self.table.traits.stamp, self.table.path.stat())
            for block in self.table.blocks(size):
                keys, at = self._keys(block)
                found.update(zip(keys, at, strict=True))
                rows += len(keys)
                if len(found) < rows:
                    return self._lines_row_by_row()
        except (Unreadable, OSError):
            return self._lines_row_by_row()
        return RowLines(found, (), None)

    def _lines_row_by_row(self) -> RowLines:
        """The same for a file that has a fault: a block tells neither the first one nor where."""
        found: dict[str, int] = {}
        repeated: list[tuple[str, int]] = []
        try:
            for line, key, _ in self._records():
                if found.setdefault(key, line) != line:
                    repeated.append((key, line))
        except Unreadable as fault:
            return RowLines(found, tuple(repeated), fault)
        return RowLines(found, tuple(repeated), None)

    def _keys(
        self, block: PlainLines | QuotedLines | list[Record]
    ) -> tuple[list[str], Sequence[int]]:
        """Row keys of a block, and the number of each row's line."""
        if not isinstance(block, list):
            keys = (
                self._plain_keys(block.lines)
                if isinstance(block, PlainLines)
                else self._quoted_keys(block.rows)
            )
            if keys is not None:
                return keys, range(block.first, block.first + len(keys))
            block = block.records()
        found = list(self._keyed(block))
        return [key for _, key, _ in found], [line for line, _, _ in found]

    def _plain_keys(self, lines: list[str]) -> list[str] | None:
        """Row keys of plain lines; None where a row has none, or where it takes more to tell."""
        at = [self._given.index(name) for name in self.key]
        if len(at) > 1:
            return self._quoted_keys([line.split(",") for line in lines])
        position = at[0]
        if position >= len(self.table.header):
            return None
        keys = (
            [line.split(",", position + 1)[position] for line in lines]
            if position
            else [line.partition(",")[0] for line in lines]
        )
        if "" in keys:
            return None
        # What stands between two commas holds none.
        return [row_key((key,)) if "\\" in key else key for key in keys]

    def _quoted_keys(self, rows: list[list[str]]) -> list[str] | None:
        """The same for lines whose fields are split already."""
        at = [self._given.index(name) for name in self.key]
        if max(at) >= len(self.table.header):
            return None
        if len(at) > 1:
            parts = list(map(operator.itemgetter(*at), rows))
            return None if any("" in each for each in parts) else list(map(row_key, parts))
        keys = [row[at[0]] for row in rows]
        if "" in keys:
            return None
        return [row_key((key,)) if "\\" in key or "," in key else key for key in keys]

    @property
    def _given(self) -> list[str]:
        return [*self.table.header, *(name for name, _ in self.constants)]

    def _records(self) -> Iterator[tuple[int, str, list[Cell]]]:
        """The rows of the file, provided that it is the one whose header was read."""
        path, stamp = self.table.path, self.table.traits.stamp
        try:
            require_same(stamp, path.stat())
            yield from self._keyed(self.table.records())
            require_same(stamp, path.stat())
        except OSError as error:
            raise Unreadable(f"cannot be read: {os_reason(error)}") from error

    def _keyed(self, records: Iterable[Record]) -> Iterator[tuple[int, str, list[Cell]]]:
        constants = [value for _, value in self.constants]
        keys = [self._given.index(name) for name in self.key]
        for line, fields in records:
            cells: list[Cell] = [*fields, *constants]
            texts = [key_text(cells[position]) for position in keys]
            if None in texts:
                self._require_nullable(texts, line)
            yield line, row_key(tuple(texts)), cells

    def _require_nullable(self, texts: Sequence[str | None], line: int) -> None:
        for name, text in zip(self.key, texts, strict=True):
            if text is None and name not in self.nullable:
                raise Unreadable(
                    f"the key column `{name}` is NULL",
                    remedy='An unquoted empty field is NULL; "" is empty text.',
                    line=line,
                )


def _ascend(blocks: Iterable[list[str]], *, by: Callable[[str], int] | None = None) -> bool:
    last = ""
    for block in blocks:
        keys = [last, *block]
        ordered: Sequence[Any] = keys
        if by is not None:
            ordered = list(zip(map(by, keys), keys, strict=True))
        if not all(map(operator.lt, ordered, islice(ordered, 1, None))):
            return False
        last = keys[-1]
    return True


_PARTS = 64
"""In which hashes are compared; a set takes far more room than what it holds."""


def _differ(blocks: Iterable[list[str]]) -> bool:
    """Whether keys have different hashes of 64 bits."""
    step = 2 * (sys.maxsize + 1) // _PARTS
    edges = range(-sys.maxsize - 1 + step, sys.maxsize, step)
    parts = [array("q") for _ in range(_PARTS)]
    for keys in blocks:
        hashes = sorted(map(hash, keys))
        ends = [bisect_left(hashes, edge) for edge in edges]
        for part, (start, end) in zip(parts, pairwise([0, *ends, len(hashes)]), strict=True):
            part.extend(hashes[start:end])
    return all(len(set(part)) == len(part) for part in parts)
