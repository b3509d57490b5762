"""Which columns are secret: as soon as any set on their table says so, for all of its sets."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from seeder.merge.model import ChangedRows, SeedColumn, SeedSet, Update


def renamed_too(secrets: Iterable[str], names: Iterable[tuple[str, str]]) -> frozenset[str]:
    """Secret columns under their former names and their later ones.

    `names` are names of columns, each with one that it had before.
    """
    found = set(secrets)
    pairs = [set(pair) for pair in names]
    while more := {name for pair in pairs if pair & found for name in pair} - found:
        found |= more
    return frozenset(found)


def update_of(update: Update, *, secret: bool) -> Update:
    """How an update treats a column: without a base there is nothing to merge a secret with."""
    return Update.NEVER if secret and update is Update.MERGE else update


def with_secrets(seed_set: SeedSet, secrets: frozenset[str]) -> SeedSet:
    """The set, told what else is secret on its table."""
    if secrets == seed_set.secrets:
        return seed_set
    rows = seed_set.rows
    if rows.csv is not None and any(column.name in secrets for column in seed_set.columns):
        # Not copied as a whole, into the ledger among others.
        rows = ChangedRows(rows, lambda row: row)
    return replace(
        seed_set,
        secrets=secrets,
        rows=rows,
        columns=tuple(
            _secret(column) if column.name in secrets else column for column in seed_set.columns
        ),
    )


def _secret(column: SeedColumn) -> SeedColumn:
    update = update_of(column.update, secret=True)
    return dataclasses.replace(column, secret=True, update=update)


def exposed(seed_set: SeedSet) -> Iterator[tuple[str, str]]:
    """Columns that are secret and cannot be, since their values are shown; each with why."""
    for names, why in (
        (seed_set.key, "is part of the `key`, which every address shows"),
        ([name for name, _ in seed_set.scope], "is in `scope`, which identifies rows"),
        ([name for name, _ in seed_set.removed_values], "is set by `removed`, which undo reads"),
        ([seed_set.deleted] if seed_set.deleted else [], "is the `deleted` column, which is shown"),
    ):
        yield from ((name, why) for name in names if name in seed_set.secrets)
