"""The revision graph of an Alembic script directory, read without a database."""

from __future__ import annotations

import ast
import contextlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from types import ModuleType

from msgspec import Struct, field

from seeder.database.migrations.revision_text import meaning_digest, text_digest
from seeder.errors import MigrationsInvalid, Problem
from seeder.merge.model import Migrations
from seeder.runtime.raised import innermost, missing_module, told_at

_REVISION_FILE = re.compile(r"(?!\.#|__init__)(.*\.py)$")
"""Alembic's own rule."""

_DECLARED = re.compile(
    r"^(revision|down_revision|depends_on|branch_labels)\b[^=\n]*=\s*(.+?)\s*$", re.MULTILINE
)


class RevisionGraph(Struct, frozen=True, kw_only=True):
    """Which revision builds on which."""

    revisions: Mapping[str, tuple[str, ...]]
    """Revision to those that it builds or depends on, in an order in which they can run."""
    heads: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    """Revision to file name."""
    paths: Mapping[str, Path] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    """Revision to the `text_digest` of its file."""
    modules: Mapping[str, ModuleType] = field(default_factory=dict)
    """Revision to its file as it was imported."""

    def meaning(self, revision: str) -> str:
        """The `meaning_digest` of its file, which is read for it."""
        path = self.paths.get(revision)
        return "" if path is None else meaning_digest(path.read_bytes())

    def ancestors(self, revisions: Iterable[str]) -> frozenset[str]:
        """The revisions themselves and all that they build on; unknown ones alone."""
        found: set[str] = set()
        waiting = list(revisions)
        while waiting:
            revision = waiting.pop()
            if revision not in found:
                found.add(revision)
                waiting += self.revisions.get(revision, ())
        return frozenset(found)

    def pending(self, current: Iterable[str]) -> tuple[str, ...]:
        """What a database at `current` lacks, in the order in which it would run."""
        applied = self.ancestors(current)
        return tuple(revision for revision in self.revisions if revision not in applied)


class _Revision(Struct, frozen=True, kw_only=True):
    name: str
    module: ModuleType | None = None
    path: Path
    text: str
    file: str
    down: tuple[str, ...]
    depends_on: tuple[str, ...]
    labels: tuple[str, ...]


def read_graph(migrations: Migrations) -> RevisionGraph:
    """Load every revision file and check that they form one chain.

    A project without an Alembic directory has an empty graph. Raises MigrationsInvalid with
    all problems: files that do not load (with the line), duplicate and missing revisions,
    cycles, and several heads unless the target is `heads`.
    """
    if migrations.alembic is None:
        return RevisionGraph(revisions={})
    # Slow to import; the fast path has no need of them.
    from seeder.database.migrations import alembic_config

    config = alembic_config.read(migrations)
    problems: list[Problem] = []
    loaded: dict[str, _Revision] = {}
    missing: dict[str, list[Problem]] = {}
    with alembic_config.as_alembic_runs(migrations, config):
        for path in _files(alembic_config.version_directories(config, migrations), migrations):
            shown = _shown(path, migrations)
            try:
                revision = _load(path, shown, problems)
            except _NotImportable as error:
                missing.setdefault(error.module, []).append(error.problem)
                revision = _as_written(path, shown)
            if revision is None:
                continue
            if revision.name in loaded:
                message = f"Revision {revision.name} is also in {loaded[revision.name].file}."
                problems.append(Problem(message=message, file=revision.file))
            loaded.setdefault(revision.name, revision)
    problems = [*_missing(missing), *problems]
    graph = _link(loaded, problems)
    if len(graph.heads) > 1 and migrations.target != "heads":
        problems += [
            Problem(message=f"Revision {head} is one of {len(graph.heads)} heads.", file=file)
            for head in graph.heads
            for file in (graph.files[head],)
        ]
    if problems:
        several = len(graph.heads) > 1 and all("heads" in each.message for each in problems)
        hint = "Join several heads with `alembic merge heads`." if several else None
        raise _invalid(problems, hint=hint)
    return graph


def _invalid(problems: Sequence[Problem], *, hint: str | None = None) -> MigrationsInvalid:
    return MigrationsInvalid(
        f"The migrations have {len(problems)} problem(s): {problems[0]}",
        hint=hint,
        problems=tuple(problems),
    )


def _files(directories: Iterable[Path], migrations: Migrations) -> Iterator[Path]:
    for directory in directories:
        if not directory.is_dir():
            shown = _shown(directory, migrations)
            raise MigrationsInvalid(
                f"The migrations have no directory `{directory.name}`.",
                problems=(Problem(message="No such directory.", file=shown),),
            )
        yield from sorted(p for p in directory.iterdir() if _REVISION_FILE.match(p.name))


class _NotImportable(Exception):
    """A revision imports a module that is not there."""

    def __init__(self, module: str, problem: Problem) -> None:
        self.module = module
        self.problem = problem


def _missing(found: Mapping[str, Sequence[Problem]]) -> Iterator[Problem]:
    """One problem for each module, however many revisions import it."""
    for first, *more in found.values():
        too = f" {len(more)} more revision(s) import it too." if more else ""
        yield replace(first, message=first.message + too)


def _load(path: Path, shown: str, problems: list[Problem]) -> _Revision | None:
    from alembic.util import load_python_file  # slow to import; the fast path has no need

    try:
        module: ModuleType = load_python_file(str(path.parent), path.name)
    except (Exception, SystemExit) as error:  # noqa: BLE001  # the project's code may raise anything
        problem = _not_loaded(error, path, shown)
        if module_name := missing_module(error):
            raise _NotImportable(module_name, problem) from None
        problems.append(problem)
        return _as_written(path, shown)
    if not hasattr(module, "revision"):
        message = "The file has no `revision`."
        problems.append(Problem(message=message, file=shown, remedy="Move other code elsewhere."))
        return None
    return _Revision(
        name=module.revision,
        module=module,
        path=path,
        text=text_digest(path.read_bytes()),
        file=shown,
        down=_names(getattr(module, "down_revision", None)),
        depends_on=_names(getattr(module, "depends_on", None)),
        labels=_names(getattr(module, "branch_labels", None)),
    )


def _as_written(path: Path, shown: str) -> _Revision | None:
    """What a file that does not load says of itself: others build on it, and are in order."""
    text = path.read_text("utf-8", "replace")
    found: dict[str, tuple[str, ...]] = {}
    for name, value in _DECLARED.findall(text):
        with contextlib.suppress(ValueError, SyntaxError, TypeError):
            found[name] = _names(ast.literal_eval(value))
    if not found.get("revision"):
        return None
    return _Revision(
        name=found["revision"][0],
        path=path,
        text=text_digest(path.read_bytes()),
        file=shown,
        down=found.get("down_revision", ()),
        depends_on=found.get("depends_on", ()),
        labels=found.get("branch_labels", ()),
    )


def _not_loaded(error: BaseException, path: Path, shown: str) -> Problem:
    place = innermost(error, path)
    line = place[1] if place else None
    if module := missing_module(error):
        return Problem(
            message=f"The revision does not load: it cannot import {module}.",
            remedy=remedy_for_module(module),
            file=shown,
            line=line,
        )
    said = told_at(error, root=path.parents[2], file=path)
    return Problem(message=f"The revision does not load: {said}.", file=shown, line=line)


def remedy_for_module(module: str) -> str:
    """What to do about a module that revisions or env.py import and that is not there."""
    return (
        f"Install the package that has {module.partition('.')[0]} in the job's environment, or"
        " run the migrations in the application's, by `command`; for a module of the project,"
        " `prepend_sys_path` of Alembic's configuration says where it is."
    )


def _link(loaded: Mapping[str, _Revision], problems: list[Problem]) -> RevisionGraph:
    edges: dict[str, tuple[str, ...]] = {}
    for revision in loaded.values():
        for name in revision.down:
            if name not in loaded:
                message = f"Revision {revision.name} builds on {name}, which does not exist."
                problems.append(Problem(message=message, file=revision.file))
        found = [name for name in revision.down if name in loaded]
        for name in revision.depends_on:
            resolved = _resolve(name, loaded)
            if resolved is None:
                message = f"Revision {revision.name} depends on {name}, which does not exist."
                problems.append(Problem(message=message, file=revision.file))
            else:
                found.append(resolved)
        edges[revision.name] = tuple(dict.fromkeys(found))
    below = {name for revision in loaded.values() for name in revision.down}
    try:
        order = tuple(TopologicalSorter(edges).static_order())
    except CycleError as error:
        message = "Revisions build on each other in a circle: " + ", ".join(error.args[1])
        problems.append(Problem(message=message, file=loaded[error.args[1][0]].file))
        order = tuple(edges)
    return RevisionGraph(
        revisions={name: edges[name] for name in order},
        heads=tuple(name for name in order if name not in below),
        files={revision.name: revision.file for revision in loaded.values()},
        paths={revision.name: revision.path for revision in loaded.values()},
        texts={revision.name: revision.text for revision in loaded.values()},
        modules={each.name: each.module for each in loaded.values() if each.module is not None},
    )


def _resolve(name: str, loaded: Mapping[str, _Revision]) -> str | None:
    """Alembic lets `depends_on` be a revision, the beginning of one, or a branch label."""
    if name in loaded:
        return name
    fitting = [r.name for r in loaded.values() if r.name.startswith(name) or name in r.labels]
    return fitting[0] if len(fitting) == 1 else None


def _names(given: str | Iterable[str] | None) -> tuple[str, ...]:
    if given is None:
        return ()
    return (given,) if isinstance(given, str) else tuple(given)


def _shown(path: Path, migrations: Migrations) -> str:
    assert migrations.alembic is not None  # noqa: S101  # read_graph has checked it
    return Path(os.path.relpath(path, migrations.alembic.parent)).as_posix()
