"""Where a database stands in the history of revisions, seen from an image.

Alembic compares names alone. A history that was squashed, numbered anew or put in another order
keeps some of them, and would pass for one that was applied.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from seeder.database.migrations.revisions import RevisionGraph
from seeder.errors import Problem, RevisionUnknown

_NAMED = 5
"""Revisions that a sentence names."""


class MigrationState(StrEnum):
    """What became of the migrations."""

    UPGRADED = "upgraded"
    UP_TO_DATE = "up_to_date"
    OLDER_IMAGE = "older_image"
    """The database is ahead of this image: neither migrate nor seed."""
    NONE = "none"
    """The project has no migrations."""


class KnownRevision(Struct, frozen=True, kw_only=True):
    """A revision as the ledger keeps it."""

    down: tuple[str, ...]
    file: str
    digest: str
    """Its `meaning_digest` when it was applied."""
    texts: Mapping[str, str]
    """`text_digest` to `meaning_digest` of every text that images had under this name since."""


class Standing(Struct, frozen=True, kw_only=True):
    """Where a database stands, for an image that may work on it or is older."""

    state: MigrationState
    warnings: tuple[str, ...] = ()


class Lineage:
    """The revisions of an image, held against those that were applied to a database."""

    def __init__(
        self, live: Sequence[str], graph: RevisionGraph, *, known: Mapping[str, KnownRevision]
    ) -> None:
        """Hold `graph` against a database at `live`; `known` is what earlier images recorded."""
        self._live = live
        self._graph = graph
        self._known = known
        told = {name: each.down for name, each in known.items()}
        everything = RevisionGraph(revisions={**graph.revisions, **told})
        self._applied = everything.ancestors(live)
        self._meanings: dict[str, str] = {}

    def standing(self) -> Standing:
        """Whether the database is to be upgraded (as opposed to: was), or is ahead.

        Raises RevisionUnknown where it is at a revision that neither this image nor those
        before it know, or came there by another history than this image's.
        """
        live, graph = self._live, self._graph
        never_told = [n for n in live if n not in graph.revisions and n not in self._known]
        if never_told:
            raise RevisionUnknown(
                f"The database is at revision {', '.join(never_told)}, which no image has told it"
                " about.",
                hint="Deploy the image that has this revision, or a later one. If the revisions"
                f" were squashed, and the schema is that of this image: {_BASELINE}.",
                revisions=tuple(live),
                heads=graph.heads,
            )
        older = not all(each in graph.revisions for each in live)
        problems = tuple(self._not_applied() if older else self._out_of_place())
        if problems:
            raise _another_history(live, graph, problems)
        if older:
            return Standing(state=MigrationState.OLDER_IMAGE)
        state = MigrationState.UPGRADED if graph.pending(live) else MigrationState.UP_TO_DATE
        return Standing(state=state, warnings=tuple(self._warnings()))

    def news(self) -> Mapping[str, KnownRevision]:
        """What of this image the ledger has to know from now on.

        Of a revision that is applied, its text, should it be another one; of the others all.
        """
        found = {}
        for name, down in self._graph.revisions.items():
            was = self._known.get(name)
            text, meaning = self._graph.texts.get(name, ""), self._meaning(name)
            if was is not None and name in self._applied:
                now = replace(was, texts={**was.texts, text: meaning})
            else:
                file = self._graph.files.get(name, "")
                now = KnownRevision(down=down, file=file, digest=meaning, texts={text: meaning})
            if now != was:
                found[name] = now
        return found

    def _not_applied(self) -> Iterator[Problem]:
        """Say what of an image that does not know the live revisions was not applied, or was
        another.
        """
        for name in self._graph.revisions:
            was = self._known.get(name)
            if was is None or name not in self._applied:
                yield self._problem(name, f"{name} was not applied.")
            elif self._meaning(name) not in was.texts.values():
                yield self._problem(name, f"{name} is not the {name} that was applied.")

    def _out_of_place(self) -> Iterator[Problem]:
        """Say what an image that knows the live revisions has below them that was not applied,
        or was another.
        """
        gone = {
            was.digest: name
            for name, was in self._known.items()
            if name in self._applied and was.digest and not self._is_as_applied(name)
        }
        told: set[str] = set()
        for name, down in self._graph.revisions.items():
            was = self._known.get(name) if name in self._applied else None
            if was is not None and not set(down) <= set(was.down):
                for each in self._graph.ancestors([name]) - self._applied - told:
                    told.add(each)
                    message = f"{each} stands below {name}, and was not applied before it."
                    yield self._problem(each, message)
            if self._is_as_applied(name):
                continue
            before = gone.get(self._meaning(name), name) if gone else name
            if before != name:
                yield self._problem(name, f"{name} is what was applied as {before}.")
            elif was is not None and self._graph.files.get(name, "") != was.file:
                yield self._problem(name, f"{name} is not the {name} that was applied.")

    def _warnings(self) -> Iterator[str]:
        applied = self._applied & self._known.keys()
        edited = [n for n in self._graph.revisions if n in applied and not self._is_as_applied(n)]
        if edited:
            yield (
                f"Edited since it was applied here: revision {_listed(edited)}. What was changed"
                " in it is not applied to this database; put it into a new revision."
            )
        lost = [name for name in self._known if name in applied - self._graph.revisions.keys()]
        if lost:
            yield (
                f"Applied here, and not among this image's revisions: {_listed(lost)}. A new"
                " database goes without."
            )

    def _is_as_applied(self, name: str) -> bool:
        was = self._known.get(name)
        return was is not None and self._meaning(name) == was.digest

    def _meaning(self, name: str) -> str:
        """What the image's text does: of a text that was met before, as it was found then."""
        if name not in self._meanings:
            was = self._known.get(name)
            found = None if was is None else was.texts.get(self._graph.texts.get(name, ""))
            self._meanings[name] = self._graph.meaning(name) if found is None else found
        return self._meanings[name]

    def _problem(self, name: str, message: str) -> Problem:
        return Problem(message=message, file=self._graph.files.get(name))


_BASELINE = "`seeder baseline REVISION --database NAME` records that"


def _another_history(
    live: Sequence[str], graph: RevisionGraph, problems: tuple[Problem, ...]
) -> RevisionUnknown:
    shown = " ".join(each.message for each in problems[:_NAMED])
    more = len(problems) - _NAMED
    return RevisionUnknown(
        f"The database came to revision {', '.join(live)} by another history than this image's:"
        f" {shown}{f' And {more} more.' if more > 0 else ''}",
        hint="A revision that was not applied here: put it on top, with what was applied as its"
        " down_revision. Revisions that were squashed or named anew, where the schema is that of"
        f" this image: {_BASELINE}. Otherwise deploy the image that ran last, or a later one.",
        problems=problems,
        revisions=tuple(live),
        heads=graph.heads,
    )


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
