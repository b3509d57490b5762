"""Seed sets with what the checks across them need to know, and references between them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cached_property

from msgspec import Struct, field

from seeder.catalog.assembling.expand import NoMatch
from seeder.catalog.declaring.columns import ColumnRule
from seeder.catalog.declaring.declaration import Declaration
from seeder.catalog.declaring.values import key_text
from seeder.catalog.rows.drafts import Draft
from seeder.merge.model import Cell, SeedSet, SetReference, row_key


class Assembled(Struct, frozen=True, kw_only=True):
    """A seed set, and what the checks across sets need to know."""

    declaration: Declaration
    seed_set: SeedSet
    index: Mapping[str, Draft] = field(default_factory=dict)
    """Where each row stands, by row key and in file order; empty if `unread`."""
    unread: bool = False
    """The rows of a large CSV file were not looked at, or none could be read."""


class Others(Struct, frozen=True, kw_only=True):
    """What one set needs to know of the sets it refers to."""

    widths: Mapping[str, int]
    """Number of key columns, by name of the set."""
    keys: Mapping[str, Collection[str]]
    """Row keys, by name, of sets that are expanded into others."""


class CsvIndex(Mapping[str, Draft]):
    """Where the rows of a CSV file stand, by row key; a number each instead of a Draft.

    The numbers are asked for when the first one is wanted, which most sets never do.
    """

    def __init__(self, file: str, lines: Callable[[], Mapping[str, int]]) -> None:
        self._file = file
        self._read = lines

    @cached_property
    def _lines(self) -> Mapping[str, int]:
        return self._read()

    def __getitem__(self, key: str) -> Draft:
        return Draft({}, self._file, self._lines[key])

    def __iter__(self) -> Iterator[str]:
        return iter(self._lines)

    def __len__(self) -> int:
        return len(self._lines)


def reference_cell(cell: Cell, rule: ColumnRule, widths: Mapping[str, int]) -> Cell:
    """What is written in a reference column as the key of the row it means."""
    if cell is None:
        return None
    if not isinstance(rule.reference, SetReference):
        text = key_text(cell)
        if text is None:
            raise NoMatch(f"`{rule.name}` takes one value", "Give the natural key of one row.")
        return text
    width = widths.get(rule.reference.set, 1)
    parts = cell if isinstance(cell, list) else [cell]
    texts = [key_text(part) for part in parts]
    if len(parts) != width or (width > 1 and not isinstance(cell, list)):
        raise NoMatch(
            f"a row of set `{rule.reference.set}` has a key of {width} values"
            if width > 1
            else f"`{rule.name}` takes the key of one row, not a list",
            "Write them as a list, in the order of its `key`."
            if width > 1
            else "For several rows use `expand: true`.",
        )
    if any(text is None and part is not None for text, part in zip(texts, parts, strict=True)):
        raise NoMatch(f"`{rule.name}` does not hold the key of a row")
    return row_key(tuple(texts))
