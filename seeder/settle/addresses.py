"""Addresses that a person wrote, as rows of the catalog."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from itertools import islice

from seeder.errors import ConfigurationInvalid, Problem
from seeder.merge.model import Catalog

_SEARCHED = 20_000
"""Rows of a set that are searched for one that may have been meant."""


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
        for key in (key for key in keys if key in missing):
            there = [row.key for row in islice(sets[name].rows, _SEARCHED)]
            near = difflib.get_close_matches(key, there, n=1)
            problems.append(
                Problem(
                    message=f"The catalog has no row {name}/{key}.",
                    remedy=f"Did you mean {name}/{near[0]}?" if near else None,
                    file=sets[name].file,
                )
            )
    if problems:
        raise ConfigurationInvalid(
            "An address is unknown." if len(problems) == 1 else "Some addresses are unknown.",
            problems=tuple(problems),
            hint="An address is the set and the key, as in roles/org_owner.",
        )
    return {name: tuple(keys) for name, keys in wanted.items()}


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
