"""A failure in one paragraph: what is wrong, where, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from seeder.errors import Problem
from seeder.merge.result import Failure
from seeder.report.excerpt import Excerpts
from seeder.report.layout import PLAIN, Ink, Line, Screen, Span, line, prose


def failure(failed: Failure, screen: Screen = PLAIN, *, project: Path | None = None) -> str:
    """Say what is wrong and what to do about it, every problem on a line of its own.

    With a project, the line of the file that a problem names follows it.
    """
    return screen.show(_failure(failed, Excerpts(project)))


def _failure(failed: Failure, excerpts: Excerpts) -> Iterator[Line]:
    named = f"{failed.error}: " if failed.trace else ""
    yield line(Span("seeder: ", Ink.LOUD), Span(f"{named}{failed.message}", Ink.STRONG))
    for problem in failed.problems:
        yield from _problem(problem)
        yield from excerpts.of(problem)
    yield from (line(Span(place, Ink.DIM), indent=2) for place in failed.trace)
    if failed.hint:
        yield line(Span("Hint: ", Ink.NOTE), *prose(failed.hint))
    yield line(Span(f"Code: {failed.code}", Ink.DIM))


def _problem(problem: Problem) -> Iterator[Line]:
    place = (Span(f"{problem.place}:", Ink.STRONG, whole=True), " ") if problem.place else ()
    remedy = prose(f" {problem.remedy}", Ink.GOOD) if problem.remedy else ()
    yield line(*place, *prose(problem.message), *remedy, indent=2)
