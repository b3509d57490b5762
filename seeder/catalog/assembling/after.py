"""`after: REVISION`: sets whose first rows go in between two migrations."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Sequence

from seeder.errors import ConfigurationInvalid, Problem
from seeder.merge.model import Catalog, Migrations, SeedSet, SetReference

Ancestors = Callable[[Iterable[str]], frozenset[str]]
"""Revisions in, these and all that they build on out."""


def require_after(catalog: Catalog, revisions: Sequence[str], ancestors: Ancestors) -> None:
    """Check what the sets say about the revisions that the migrations have.

    Raises:
        ConfigurationInvalid: with every set whose rows cannot go in where it says.
    """
    problems = tuple(_problems(catalog, revisions, ancestors))
    if problems:
        raise ConfigurationInvalid(
            f"{problems[0]}" if len(problems) == 1 else f"{len(problems)} problems with `after`.",
            hint="`seeder check` shows them without a database.",
            problems=problems,
            code="catalog-invalid",
        )


def _problems(
    catalog: Catalog, revisions: Sequence[str], ancestors: Ancestors
) -> Iterator[Problem]:
    by_name = {each.name: each for each in (*catalog.sets, *catalog.inactive)}
    why_not = _why_not(catalog.migrations)
    for each in by_name.values():
        if each.after is None:
            continue
        revision = each.after.revision
        if why_not is not None:
            message, remedy = why_not
            yield _problem(each, f"`after` cannot be kept to: {message}", remedy)
            continue
        if revision not in revisions:
            near = difflib.get_close_matches(revision, revisions, n=1)
            remedy = (
                f"Did you mean {near[0]}?" if near else "Name one of them as it is in its file."
            )
            yield _problem(each, f"the migrations have no revision {revision}", remedy)
            continue
        for column in each.columns:
            if not isinstance(column.reference, SetReference):
                continue
            other = by_name[column.reference.set]
            if other.after is None or other.after.revision not in ancestors([revision]):
                yield _problem(
                    each,
                    f"its rows go in behind revision {revision}, and those of set {other.name},"
                    " to which they refer, do not go in before",
                    f'Give set {other.name} `after: "{revision}"` as well, or an earlier revision.',
                )


def _why_not(migrations: Migrations) -> tuple[str, str] | None:
    """Why seeder cannot stop between two revisions, and what to do instead."""
    remedy = "Let the revision insert the rows itself; a set adopts what it made."
    if migrations.command is not None:
        return "a command runs the migrations as a whole, and nothing comes between two", remedy
    if migrations.project_env:
        return (
            'the project\'s own env.py (`env = "project"`) runs all revisions at once',
            "Leave out `env`, so that seeder runs the revisions itself, or let the revision insert"
            " the rows.",
        )
    if migrations.none:
        return "this project has no migrations of its own", "Leave `after` out."
    return None


def _problem(each: SeedSet, message: str, remedy: str) -> Problem:
    return Problem(
        message=f"Set {each.name}: {message}.",
        remedy=remedy,
        file=each.file,
        line=each.after.line if each.after else None,
    )
