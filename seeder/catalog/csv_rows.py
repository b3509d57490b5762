"""Rows of a CSV file that is never held in memory as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from seeder.catalog.csv_files import CsvTraits, read_rows
from seeder.catalog.files import Unreadable
from seeder.catalog.problems import sentence
from seeder.catalog.values import key_text
from seeder.errors import ConfigurationInvalid, Problem
from seeder.merge.model import Cell, CsvFile, SeedRow, row_key

CHECKED_SIZE = 20 * 1024 * 1024
"""Bytes up to which every row is read when the catalog is. Beyond, field counts, NULL keys
and duplicate rows are found by whoever reads the rows, unless another set refers to them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvTable:
    """A CSV file whose header was read."""

    path: Path
    file: str
    """Project-relative."""
    header: tuple[str, ...]
    traits: CsvTraits


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvRows:
    """A `RowSource` that reads the file anew each time it is iterated.

    Iterating raises `ConfigurationInvalid` for a row that does not fit the header or
    whose key is NULL.
    """

    table: CsvTable
    columns: tuple[str, ...]
    key: tuple[str, ...]
    constants: tuple[tuple[str, Cell], ...] = ()
    """Scope and defaults that the file does not give."""
    copyable: bool = True

    @property
    def csv(self) -> CsvFile | None:
        """The file, where Postgres of every version reads it as seeder does."""
        newline = self.table.traits.newline
        if not self.copyable or self.constants or newline is None or self.table.traits.end_marker:
            return None
        return CsvFile(path=self.table.path, header=self.table.header, newline=newline)

    def __iter__(self) -> Iterator[SeedRow]:
        try:
            yield from self.read()
        except Unreadable as error:
            problem = Problem(
                message=sentence(error.message),
                remedy=error.remedy,
                file=self.table.file,
                line=error.at.line,
                column=error.at.column,
            )
            raise ConfigurationInvalid("1 problem in the catalog", problems=(problem,)) from None

    def read(self) -> Iterator[SeedRow]:
        """The rows; raises `Unreadable` where `__iter__` raises its own error."""
        order = [self._given.index(name) for name in self.columns]
        file = self.table.file
        for line, key, cells in self._records():
            yield SeedRow(
                key=key,
                values=tuple([cells[position] for position in order]),
                line=line,
                file=file,
            )

    def key_lines(self) -> Iterator[tuple[str, int]]:
        """Row keys and lines alone, in half the time; raises `Unreadable`."""
        for line, key, _ in self._records():
            yield key, line

    @property
    def _given(self) -> list[str]:
        return [*self.table.header, *(name for name, _ in self.constants)]

    def _records(self) -> Iterator[tuple[int, str, list[Cell]]]:
        constants = [value for _, value in self.constants]
        keys = [self._given.index(name) for name in self.key]
        for line, fields in read_rows(self.table.path, width=len(self.table.header)):
            cells: list[Cell] = [*fields, *constants]
            texts = [key_text(cells[position]) for position in keys]
            if None in texts:
                raise Unreadable(
                    f"the key column `{self.key[texts.index(None)]}` is NULL",
                    remedy='An unquoted empty field is NULL; "" is empty text.',
                    line=line,
                )
            yield line, row_key(tuple([text or "" for text in texts])), cells
