"""Rows of `expand: true`: counted and compared without being made, and made one by one."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from seeder.catalog.assembling.expand import Matches
from seeder.catalog.rows.drafts import Draft
from seeder.merge.model import Cell, SeedRow, UnfiledRows, key_values, row_key


class Family(Struct, frozen=True, kw_only=True):
    """The rows that one draft stands for: one, but for each choice of what its columns match."""

    draft: Draft
    cells: Mapping[str, Cell]
    """By column; None in those that are expanded."""
    choices: Mapping[str, Matches]
    """By column that is expanded: what its pattern matches."""
    key: tuple[str | None, ...]
    """Key values as text, empty in columns that are expanded."""

    def __len__(self) -> int:
        return math.prod(map(len, self.choices.values()))


class Repeated(Struct, frozen=True):
    """A row that two drafts ask for, or one draft twice."""

    key: str
    first: Draft
    again: Draft


class ExpandedRows(UnfiledRows, frozen=True, kw_only=True):
    """A `RowSource` that holds drafts, and makes their rows each time it is iterated."""

    families: Sequence[Family]
    columns: tuple[str, ...]
    key: tuple[str, ...]
    shapes: Mapping[frozenset[str], int]
    file: str
    """The set's own, project-relative."""

    def __len__(self) -> int:
        return sum(map(len, self.families))

    def __iter__(self) -> Iterator[SeedRow]:
        for family in self.families:
            yield from self._rows(family)

    def samples(self) -> Iterator[SeedRow]:
        """One row of each draft, which speaks for its columns that are not expanded."""
        for family in self.families:
            yield from itertools.islice(self._rows(family), 1)

    def _rows(self, family: Family) -> Iterator[SeedRow]:
        draft = family.draft
        file = None if draft.file == self.file else draft.file
        shape = self.shapes[frozenset(family.cells)]
        values = [family.cells.get(column) for column in self.columns]
        texts = list(family.key)
        places = [self.columns.index(name) for name in family.choices]
        # The key's columns are the set's first ones.
        in_key = [place if place < len(self.key) else None for place in places]
        for chosen in itertools.product(*[each.keys for each in family.choices.values()]):
            for text, place, part in zip(chosen, places, in_key, strict=True):
                values[place] = text
                if part is not None:
                    texts[part] = text
            yield SeedRow(
                key=row_key(tuple(texts)),
                values=tuple(values),
                shape=shape,
                line=draft.line,
                file=file,
            )


class FamilyIndex(Mapping[str, Draft]):
    """Where each row stands, by row key, without holding a place for each."""

    def __init__(self, rows: ExpandedRows, expanded: Sequence[str]) -> None:
        self._rows = rows
        self._wide = {n: name for n, name in enumerate(rows.key) if name in expanded}
        self._alike: dict[tuple[str | None, ...], list[Family]] = {}
        for family in rows.families:
            self._alike.setdefault(family.key, []).append(family)

    def __getitem__(self, key: str) -> Draft:
        values = key_values(key)
        fixed = tuple(["" if n in self._wide else value for n, value in enumerate(values)])
        for family in self._alike.get(fixed, ()):
            if all(values[n] in family.choices[name].known for n, name in self._wide.items()):
                return family.draft
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return (row.key for row in self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def repeated(self) -> Iterator[Repeated]:
        """A row that is asked for twice, of every two drafts that share any."""
        columns = tuple(self._wide.items())
        for alike in self._alike.values():
            for family in alike:
                others = [
                    each for name, each in family.choices.items() if name not in self._rows.key
                ]
                if math.prod(map(len, others)) > 1:
                    texts = list(family.key)
                    for n, name in columns:
                        texts[n] = family.choices[name].keys[0]
                    yield Repeated(row_key(tuple(texts)), family.draft, family.draft)
            told: set[int] = set()
            for shared, (first, *rest) in _shared(alike, columns, alike[0].key):
                for again in rest:
                    if id(again) not in told:
                        told.add(id(again))
                        yield Repeated(row_key(shared), first.draft, again.draft)


def _shared(
    families: Sequence[Family], columns: Sequence[tuple[int, str]], key: tuple[str | None, ...]
) -> Iterator[tuple[tuple[str | None, ...], Sequence[Family]]]:
    """Keys that several of the families have, each of which with those families.

    Of several keys that the same families share in one column, one is looked at.
    """
    if len(families) < 2:
        return
    if not columns:
        yield key, families
        return
    (place, name), *rest = columns
    holders: dict[str, list[Family]] = {}
    for family in families:
        for text in family.choices[name].keys:
            holders.setdefault(text, []).append(family)
    looked_at: set[tuple[int, ...]] = set()
    for text, found in holders.items():
        which = tuple(map(id, found))
        if which not in looked_at:
            looked_at.add(which)
            yield from _shared(found, rest, (*key[:place], text, *key[place + 1 :]))
