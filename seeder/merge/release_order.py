"""Which release builds on which, and what one would take back that another has brought."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

_NUMBERED = re.compile(r"(?P<prefix>\D*)(?P<numbers>[0-9]{1,18}(?:[._-][0-9]{1,18})*)")


class AppliedOnce(Struct, frozen=True, kw_only=True):
    """A release that a database has had."""

    release: str
    first_run: int
    supersedes: tuple[str, ...] = ()
    """Releases that it says it builds on."""
    taken_back: str | None = None
    """The release that has taken back what this one brought, without building on it."""


class Brought(Struct, frozen=True, kw_only=True):
    """Rows and policies of a set that a database has, and the release that brought them."""

    set: str
    release: str
    digest: str
    earlier: tuple[str, ...] = ()
    """Digests that the set had here before."""
    asked: frozenset[str] = frozenset()
    """Digests of an image's sets in the same place; none: it has no set there."""


class ReleaseOrder(Struct, frozen=True, kw_only=True):
    """The releases of a database, and that of an image that comes to it."""

    release: str
    supersedes: tuple[str, ...]
    """As the image's seeder.toml says."""
    applied: Sequence[AppliedOnce]

    @property
    def here(self) -> frozenset[str]:
        """Releases of the database whose rows were not taken back."""
        return frozenset(each.release for each in self.applied if each.taken_back is None)

    @property
    def taken_back(self) -> str | None:
        """The release that took back what the image's had brought."""
        return None if self._own is None else self._own.taken_back

    @property
    def strangers(self) -> frozenset[str]:
        """Releases of the database that the image's is known not to build on."""
        return frozenset(each.release for each in self.applied if self.builds_on(each) is False)

    @property
    def unordered(self) -> frozenset[str]:
        """Releases of the database of which nothing tells whether the image builds on them."""
        return frozenset(each.release for each in self.applied if self.builds_on(each) is None)

    def builds_on(self, other: AppliedOnce) -> bool | None:
        """Whether the image has what `other` brought; None: nothing tells.

        By what seeder.toml says, by the order in which the releases first came here, and by
        their names: of names made of numbers, such as 2026.9.1, the higher one builds on the
        lower one.
        """
        own = self._own
        if self.release == other.release or other.release in self._said():
            return True
        if own is not None and own.first_run < other.first_run:
            return False
        return is_later(self.release, other.release)

    def takes_back(self, brought: Iterable[Brought]) -> tuple[Brought, ...]:
        """What an update by the image would take back of releases that it does not build on.

        If the order of the releases is unknown, a set that equals one of its earlier states here
        shows that the image is older than what is there now.
        """
        strangers, unordered = self.strangers, self.unordered
        return tuple(
            each
            for each in brought
            if each.asked
            and each.digest not in each.asked
            and (
                each.release in strangers
                or (each.release in unordered and each.asked & set(each.earlier))
            )
        )

    @property
    def _own(self) -> AppliedOnce | None:
        return next((each for each in self.applied if each.release == self.release), None)

    def _said(self) -> frozenset[str]:
        """What the image builds on by its own word, and by that of the releases it names."""
        words: Mapping[str, tuple[str, ...]] = {e.release: e.supersedes for e in self.applied}
        found: set[str] = set()
        waiting = list(self.supersedes)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += words.get(name, ())
        lower = {e.release for e in self.applied if any(is_later(n, e.release) for n in found)}
        return frozenset(found | lower)


def is_later(release: str, other: str) -> bool | None:
    """Whether one name stands behind another; None where the names do not tell.

    >>> is_later("2026.10", "2026.9.1"), is_later("2026.9.1", "2026.10"), is_later("3fa9", "1")
    (True, False, None)
    """
    one, two = _NUMBERED.fullmatch(release), _NUMBERED.fullmatch(other)
    if one is None or two is None or one["prefix"] != two["prefix"]:
        return None
    here, there = (
        [int(number) for number in re.split("[._-]", each["numbers"])] for each in (one, two)
    )
    return None if here == there else here > there
