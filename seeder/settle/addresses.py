"""Addresses that a person wrote, as rows of the catalog."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Sequence
from itertools import islice

from msgspec import Struct
from msgspec.structs import replace

from seeder.errors import ConfigurationInvalid, Problem
from seeder.merge.documents import is_within, within
from seeder.merge.found import OpenConflict
from seeder.merge.model import Catalog, SeedSet


class Chosen(Struct, frozen=True, kw_only=True):
    """Which of the open conflicts are meant; nothing given means all."""

    patterns: tuple[str, ...] = ()
    """Addresses, with wildcards or without; behind a `#` columns or parts."""
    sets: tuple[str, ...] = ()

    def __call__(self, found: OpenConflict) -> OpenConflict | None:
        """The conflict as far as it is meant."""
        if self.sets and found.address.partition("/")[0] not in self.sets:
            return None
        if not self.patterns or any(_fits(found.address, each) for each in self.patterns):
            return found
        places = tuple(
            place
            for place in found.columns
            if any(_fits(f"{found.address}#{place}", each) for each in self.patterns)
        )
        return replace(found, columns=places) if places else None


def is_pattern(catalog: Catalog, address: str) -> bool:
    """Whether an address has wildcards, and so may stand for several rows; a key may have some."""
    row = _split(catalog, address)[0]
    return any(letter in row for letter in "*?[") and (
        row.partition("/")[0] not in {each.name for each in catalog.sets}
        or may_have_left(catalog, row)
    )


def _fits(address: str, pattern: str) -> bool:
    return address == pattern or fnmatch.fnmatchcase(address, pattern)


_SEARCHED = 20_000
"""Rows of a set that are searched for one that may have been meant."""


def may_have_left(catalog: Catalog, address: str) -> bool:
    """Whether the catalog has the set and not the row, which it may have had before."""
    name, _, key = address.partition("/")
    found = next((each for each in catalog.sets if each.name == name), None)
    return found is not None and all(row.key != key for row in found.rows)


def places_of(catalog: Catalog, addresses: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The rows that addresses are of, each with the places behind their `#`; none: all of it.

    Raises ConfigurationInvalid for places that no column of the set has.
    """
    found: dict[str, list[str | None]] = {}
    for row, place in (_split(catalog, address) for address in addresses):
        found.setdefault(row, []).append(place)
    sets = {each.name: each for each in catalog.sets}
    for row, places in found.items():
        each = sets.get(row.partition("/")[0])
        for place in places:
            if each is not None and place is not None:
                _require_column(each, place)
    return {
        row: () if None in places else tuple(place for place in places if place is not None)
        for row, places in found.items()
    }


def _split(catalog: Catalog, address: str) -> tuple[str, str | None]:
    """The row's address, and the place in the row; a key may have a `#` of its own."""
    name, _, rest = address.partition("/")
    cuts = [n for n, letter in enumerate(rest) if letter == "#"]
    found = next((each for each in catalog.sets if each.name == name), None)
    if found is None or not cuts:
        return (address, None) if not cuts else (f"{name}/{rest[: cuts[0]]}", rest[cuts[0] + 1 :])
    keys = {rest, *(rest[:cut] for cut in cuts)}
    there = [row.key for row in found.rows if row.key in keys]
    key = max(there, key=len, default=rest[: cuts[0]])
    return f"{name}/{key}", rest[len(key) + 1 :] if key != rest else None


def _require_column(seed_set: SeedSet, place: str) -> None:
    for column in seed_set.columns:
        own = within(column.name, "")
        if place == own or (column.merge is not None and is_within(place, own)):
            return
        if is_within(place, own):
            raise ConfigurationInvalid(
                f"The column {column.name} of the set {seed_set.name} is merged as a whole, so"
                f" {place} is no part of it.",
                hint=f"Write #{own}.",
                code="address-unknown",
            )
    names = [within(each.name, "") for each in seed_set.columns]
    near = difflib.get_close_matches(place, names, n=1)
    raise ConfigurationInvalid(
        f"The set {seed_set.name} has no column {place}.",
        hint=f"Did you mean {near[0]}?" if near else f"It has {', '.join(names)}.",
        code="address-unknown",
    )


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
        code="address-unknown",
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
