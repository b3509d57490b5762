"""Addresses that a person wrote, as rows of the catalog."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from itertools import islice

from seeder.errors import ConfigurationInvalid, Problem
from seeder.merge.model import Catalog, SeedSet

_SEARCHED = 20_000
"""Rows of a set that are searched for one that may have been meant."""


def may_have_left(catalog: Catalog, address: str) -> bool:
    """Whether the catalog has the set and not the row, which it may have had before."""
    name, _, key = address.partition("/")
    found = next((each for each in catalog.sets if each.name == name), None)
    return found is not None and all(row.key != key for row in found.rows)


def rows_of(catalog: Catalog, addresses: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Row keys by set, in the order given, each once.

    Raises ConfigurationInvalid for addresses that the catalog does not have, all of them
    with what may have been meant.
    """
    sets = {each.name: each for each in catalog.sets}
    wanted: dict[str, list[str]] = {}
    problems: list[Problem] = []
    for address in dict.fromkeys(addresses):
        name, _, key = address.partition("/")
        wanted.setdefault(name, []).append(key)
    for name, keys in wanted.items():
        if name not in sets:
            problems += _no_such_set(catalog, name, keys)
            continue
        missing = set(keys)
        missing.difference_update(row.key for row in sets[name].rows if row.key in missing)
        problems += [_no_such_row(sets[name], key) for key in keys if key in missing]
    if problems:
        raise _unknown(problems)
    return {name: tuple(keys) for name, keys in wanted.items()}


def unknown(catalog: Catalog, address: str) -> ConfigurationInvalid:
    """The error for a row that neither a set of the catalog has nor the ledger."""
    name, _, key = address.partition("/")
    return _unknown([_no_such_row(next(s for s in catalog.sets if s.name == name), key)])


def _unknown(problems: Sequence[Problem]) -> ConfigurationInvalid:
    return ConfigurationInvalid(
        "An address is unknown." if len(problems) == 1 else "Some addresses are unknown.",
        problems=tuple(problems),
        hint="An address is the set and the key, as in roles/org_owner.",
    )


def _no_such_row(each: SeedSet, key: str) -> Problem:
    there = [row.key for row in islice(each.rows, _SEARCHED)]
    near = difflib.get_close_matches(key, there, n=1)
    return Problem(
        message=f"The catalog has no row {each.name}/{key}.",
        remedy=f"Did you mean {each.name}/{near[0]}?" if near else None,
        file=each.file,
    )


def _no_such_set(catalog: Catalog, name: str, keys: Sequence[str]) -> list[Problem]:
    inactive = next((each for each in catalog.inactive if each.name == name), None)
    if inactive is not None:
        remedy: str | None = f"It belongs to other environments than {catalog.environment}."
    else:
        near = difflib.get_close_matches(name, [each.name for each in catalog.sets], n=1)
        remedy = f"Did you mean {near[0]}?" if near else None
    return [
        Problem(message=f"The catalog has no set {name}, so no row {name}/{key}.", remedy=remedy)
        for key in keys
    ]
