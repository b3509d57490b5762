"""`expand: true`: names and globs into the rows of another set that they match."""

from __future__ import annotations

import re
from collections.abc import Collection
from fnmatch import translate

from msgspec import Struct

from seeder.catalog.formats.files import Unreadable
from seeder.catalog.formats.problems import Problems
from seeder.merge.model import Cell

_GLOB = re.compile(r"[*?\[]")


class NoMatch(Unreadable):
    """What is written refers to no row, or cannot be expanded."""


class Matches(Struct, frozen=True):
    """Row keys that are matched, in the order of the set they belong to."""

    keys: tuple[str, ...]
    known: frozenset[str]

    def __len__(self) -> int:
        return len(self.keys)


def expand(written: Cell, keys: Collection[str], *, of: str, problems: Problems) -> Matches:
    """The row keys that are matched, in the order of the set they belong to.

    A pattern behind `!` takes matches away, wherever it stands in the list. Raises
    `NoMatch` for a pattern without any match, which most likely is a typing error.
    """
    patterns = [written] if isinstance(written, str) else written
    if not isinstance(patterns, list) or not patterns:
        raise NoMatch("`expand` takes a name, a glob or a list of them", 'Such as ["*.view"].')
    wanted: set[str] = set()
    unwanted: set[str] = set()
    positive = 0
    for pattern in patterns:
        if not isinstance(pattern, str) or not pattern.lstrip("!"):
            raise NoMatch("`expand` takes names and globs", "Quote it if it is a name.")
        negated = pattern.startswith("!")
        found = _matches(pattern.removeprefix("!"), keys, of, problems)
        positive += not negated
        (unwanted if negated else wanted).update(found)
    if not positive:
        raise NoMatch("the list only takes away", 'Start with what it takes away from: "*".')
    known = frozenset(wanted - unwanted)
    return Matches(tuple([key for key in keys if key in known]), known)


def _matches(pattern: str, keys: Collection[str], of: str, problems: Problems) -> list[str]:
    if _GLOB.search(pattern):
        matcher = re.compile(translate(pattern)).match
        found = [key for key in keys if matcher(key)]
        if not found:
            raise NoMatch(f"`{pattern}` matches no row of set `{of}`")
        return found
    if pattern not in keys:
        raise NoMatch(f"set `{of}` has no row `{pattern}`", problems.suggest(pattern, keys))
    return [pattern]
