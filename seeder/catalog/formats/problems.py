"""What is wrong with a catalog, collected so that people get all of it at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from typing import Protocol

from seeder.catalog.formats.files import Unreadable
from seeder.errors import ConfigurationInvalid, Problem

SHOWN_PER_FILE = 100
"""Problems of one file beyond this number are counted, not listed."""

_COMPARISONS = 200_000
"""Suggestions stop here: a long list of wrong names must not take minutes to report."""


class Spot(Protocol):
    """Anything that knows where in its file it stands; both are one-based."""

    @property
    def line(self) -> int | None:
        """One-based."""
        ...

    @property
    def column(self) -> int | None:
        """One-based."""
        ...


class Problems:
    """Collects problems, and raises them together."""

    def __init__(self) -> None:
        self._found: list[Problem] = []
        self._comparisons = _COMPARISONS
        self._unquotable: set[str] = set()

    def __len__(self) -> int:
        return len(self._found)

    def add(
        self,
        message: str,
        *,
        remedy: str | None = None,
        file: str | None = None,
        at: Spot | None = None,
        address: str | None = None,
    ) -> None:
        """Remember one problem; the message becomes a sentence."""
        self._found.append(
            Problem(
                message=sentence(message),
                remedy=remedy,
                file=file,
                line=at.line if at else None,
                column=at.column if at else None,
                address=address,
            )
        )

    def hide(self, file: str) -> None:
        """Show no line of this file: any of them may hold a value of a secret column."""
        self._unquotable.add(file)

    def extend(self, others: Problems) -> None:
        """Take over what was collected apart."""
        self._found.extend(others._found)

    def suggest(self, word: str, options: Collection[str], *, otherwise: str = "") -> str | None:
        """A remedy that names the option closest to `word`, or else `otherwise`."""
        self._comparisons -= len(options)
        if self._comparisons > 0:
            close = closest(word, options)
            if close is not None:
                return f"Did you mean `{close}`?"
        return otherwise or None

    def sorted(self) -> tuple[Problem, ...]:
        """All problems by file and place, each once, long lists cut short."""
        unique = dict.fromkeys(
            dataclasses.replace(each, quotable=False) if each.file in self._unquotable else each
            for each in self._found
        )
        ordered = sorted(unique, key=lambda p: (p.file or "", p.line or 0, p.column or 0))
        shown: list[Problem] = []
        counts: dict[str | None, int] = {}
        for problem in ordered:
            counts[problem.file] = counts.get(problem.file, 0) + 1
            if counts[problem.file] <= SHOWN_PER_FILE:
                shown.append(problem)
        for file, count in counts.items():
            if count > SHOWN_PER_FILE:
                more = Problem(message=f"{count - SHOWN_PER_FILE} more problems.", file=file)
                last = max(i for i, each in enumerate(shown) if each.file == file)
                shown.insert(last + 1, more)
        return tuple(shown)

    def raise_if_any(self, what: str = "the catalog") -> None:
        """Raise `ConfigurationInvalid` when something was found."""
        if self._found:
            problems = self.sorted()
            count = "1 problem" if len(self._found) == 1 else f"{len(self._found)} problems"
            raise ConfigurationInvalid(
                f"{count} in {what}",
                hint="`seeder check` shows them without a database.",
                problems=problems,
                code="catalog-invalid",
            )


class FileProblems:
    """Reports what is wrong with one file."""

    def __init__(self, file: str, problems: Problems) -> None:
        self.file = file
        self.problems = problems

    def bad(
        self,
        at: Spot | None,
        message: str,
        remedy: str | None = None,
        *,
        address: str | None = None,
    ) -> None:
        """Report a problem at a place in this file."""
        self.problems.add(message, remedy=remedy, file=self.file, at=at, address=address)

    def unreadable(self, error: Unreadable) -> None:
        """Report that it cannot be read."""
        self.bad(error.at, error.message, error.remedy)


def sentence(message: str) -> str:
    """The message with a full stop, so that a remedy can follow."""
    return message if message.endswith((".", "?", "!")) else f"{message}."


def closest(word: str, options: Collection[str]) -> str | None:
    """The option that `word` was most likely meant to be."""
    # difflib costs some milliseconds to import and is needed only when something is wrong.
    from difflib import get_close_matches

    found = get_close_matches(word, options, n=1, cutoff=0.6)
    if found:
        return found[0]
    return next((each for each in options if each.casefold() == word.casefold()), None)


def listed(names: Collection[str]) -> str:
    """Names for a sentence: `a`, `b` or `c`."""
    quoted = [f"`{name}`" for name in names]
    if len(quoted) < 2:
        return "".join(quoted)
    return f"{', '.join(quoted[:-1])} or {quoted[-1]}"
