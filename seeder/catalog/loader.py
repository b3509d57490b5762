"""A project directory into a `Catalog`, with all of its problems at once."""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from msgspec.structs import replace

from seeder.catalog.assembling.across import (
    check_identity,
    check_names,
    check_references,
    check_secrets,
    needs,
)
from seeder.catalog.assembling.assemble import Assembler
from seeder.catalog.assembling.assembled import Assembled, Others
from seeder.catalog.assembling.moves import MoveReader
from seeder.catalog.declaring.declaration import set_name
from seeder.catalog.declaring.values import Values
from seeder.catalog.formats.problems import Problems
from seeder.catalog.project.fingerprints import digest_of
from seeder.catalog.project.project import FILE, Project, identity_for, parse_project
from seeder.catalog.project.seed_files import Role, SeedFile, check_strays, seed_files
from seeder.catalog.rows.csv_rows import CsvTable
from seeder.catalog.rows.drafts import Draft
from seeder.catalog.rows.sources import DeclaredSet, SourceReader
from seeder.merge.model import Catalog, SetReference, Task
from seeder.merge.order import in_order


def load(project: Path, *, environment: str, environ: Mapping[str, str]) -> Catalog:
    """Read and check everything that files alone can tell.

    Raises `ConfigurationInvalid` with every problem found, sorted by file and line.
    """
    problems = Problems()
    with _without_gc():
        found = parse_project(project, problems)
        if found is None:
            problems.raise_if_any()
            raise AssertionError("a project that cannot be read has a problem")
        loader = _Loader(found, environment=environment, environ=environ, problems=problems)
        catalog = loader.load()
        problems.raise_if_any()
        # Taken once all is read: a plan must not seem to be of files that have changed since.
        digest = digest_of(found)
        warnings = (*_nameless(found, catalog), *catalog.warnings)
        return replace(catalog, digest=digest, warnings=warnings)


def _nameless(project: Project, catalog: Catalog) -> Iterator[str]:
    if project.identity is None:
        # Of what seldom changes, so that the example stays the same, and is no other project's.
        names = " ".join(sorted(each.name for each in (*catalog.sets, *catalog.inactive)))
        digest = hashlib.sha256(names.encode()).hexdigest()
        yield (
            "seeder.toml has no identity, so another project's image would not be refused on this"
            " database. Add a line at its top, with any word that is this project's alone, for"
            f' example: identity = "{identity_for(project.root, digest)}".'
        )


class _Loader:
    def __init__(
        self,
        project: Project,
        *,
        environment: str,
        environ: Mapping[str, str],
        problems: Problems,
    ) -> None:
        self._project = project
        self._environment = environment
        self._problems = problems
        self._values = Values(project, environ=environ, problems=problems)
        self._sources = SourceReader(self._values, environment=environment)

    def load(self) -> Catalog:
        files = seed_files(self._project, self._problems)
        for file in files:
            self._sources.read(file)
        self._sources.settle_secrets()
        self._sources.settle_keys()
        self._hide(files)
        tasks = self._sources.tasks
        active, inactive = self._assembled(self._sources.sets)
        self._sources.settle_doubtful()
        check_strays(files, reached=self._values.reached, problems=self._problems)
        check_names([*active, *inactive], self._problems)
        check_references(
            active,
            inactive=[each.seed_set.name for each in inactive],
            unread=self._unread(files),
            environment=self._environment,
            problems=self._problems,
        )
        check_identity(active, self._problems)
        check_secrets([*active, *inactive], self._problems)
        self._check_tasks(tasks)
        by_name = {each.seed_set.name: each.seed_set for each in active}
        order = in_order(list(by_name), needs(list(by_name.values())))
        return Catalog(
            project=self._project.root,
            identity=self._project.identity,
            release=self._project.release,
            supersedes=self._project.supersedes,
            environment=self._environment,
            migrations=self._project.migrations,
            sets=tuple(by_name[name] for name in order),
            inactive=tuple(each.seed_set for each in inactive),
            tasks=tuple(task for task in tasks if self._sources.is_active(task.environments)),
            warnings=self._warnings(files),
            env_names=self._values.env_names,
        )

    def _hide(self, files: Sequence[SeedFile]) -> None:
        """Quote no line of files that may hold secrets: of those too whose table is not known."""
        declared = [each.declaration for each in self._sources.sets]
        hidden = {each.file for each in declared if each.secrets}
        known = {each.file for each in declared} - hidden
        for file in files if hidden else ():
            if file.name not in known:
                self._problems.hide(file.name)

    def _unread(self, files: Sequence[SeedFile]) -> set[str]:
        """Names that sets would have whose files are faulty."""
        sets = [file for file in files if file.role in (Role.SET, Role.PYTHON)]
        return {
            set_name(file.path.stem) for file in sets if file.name not in self._values.reached
        } - {each.declaration.name for each in self._sources.sets}

    def _assembled(
        self, declared: Sequence[DeclaredSet]
    ) -> tuple[list[Assembled], list[Assembled]]:
        """Sets of this environment and of others, each in file order."""
        names = [each.declaration.name for each in declared]
        widths = {each.declaration.name: len(each.declaration.row_key_columns) for each in declared}
        referenced = {
            rule.reference.set
            for each in declared
            for rule in each.declaration.columns.values()
            if isinstance(rule.reference, SetReference)
        }
        done: dict[int, Assembled] = {}
        keys: dict[str, Collection[str]] = {}
        for number in self._expansion_order(declared):
            each = declared[number]
            declaration = each.declaration
            assembler = Assembler(
                declaration,
                others=Others(widths=widths, keys=keys),
                values=self._values,
                active=each.active,
            )
            before = len(self._problems)
            rows = self._rows_of(each)
            faulty = not rows and len(self._problems) > before
            if isinstance(rows, CsvTable):
                whole = declaration.name in referenced or bool(declaration.moved)
                assembled = assembler.from_csv(rows, check=whole)
            else:
                assembled = replace(assembler.from_drafts(rows), unread=faulty)
            moves = MoveReader(
                assembled, widths=widths, values=self._values, active=each.active
            ).read()
            assembled = replace(assembled, seed_set=replace(assembled.seed_set, moved=moves))
            done[number] = assembled
            if each.active and not faulty and names.index(declaration.name) == number:
                keys[declaration.name] = assembled.index
        active = [done[n] for n in sorted(done) if declared[n].active]
        return active, [done[n] for n in sorted(done) if not declared[n].active]

    def _rows_of(self, each: DeclaredSet) -> list[Draft] | CsvTable:
        if not each.active and each.declaration.computed:
            return []  # a seeder is called where its rows are wanted
        rows = each.rows(each.declaration)
        if not each.active and each.declaration.expanded:
            return []  # what the patterns match elsewhere cannot be told
        return rows

    def _expansion_order(self, declared: Sequence[DeclaredSet]) -> list[int]:
        """Sets whose rows others are expanded from come first."""
        edges: dict[str, set[str]] = {}
        for each in declared:
            for column in each.declaration.expanded:
                rule = each.declaration.columns[column]
                if isinstance(rule.reference, SetReference):
                    edges.setdefault(each.declaration.name, set()).add(rule.reference.set)
        order = in_order(list(dict.fromkeys(each.declaration.name for each in declared)), edges)
        position = {name: number for number, name in enumerate(order)}
        for each in declared:
            name = each.declaration.name
            if any(position.get(other, -1) >= position[name] for other in edges.get(name, ())):
                self._problems.add(
                    "expands its rows from a set that is expanded from it in turn",
                    remedy="Write the rows of one of the sets out.",
                    file=each.declaration.file,
                    at=each.declaration.at,
                )
        return sorted(
            range(len(declared)), key=lambda number: position[declared[number].declaration.name]
        )

    def _check_tasks(self, tasks: Sequence[Task]) -> None:
        first: dict[str, Task] = {}
        for task in tasks:
            other = first.setdefault(task.name, task)
            if other is not task:
                self._problems.add(
                    f"the task name `{task.name}` is taken by {other.file}",
                    remedy="Rename the file, or for @task give another `name`.",
                    file=task.file,
                )

    def _warnings(self, files: Sequence[SeedFile]) -> tuple[str, ...]:
        if files:
            return ()
        seeds = self._project.name(self._project.seeds)
        return (f"{FILE}: there are no seeds below `{seeds}/`",)


@contextmanager
def _without_gc() -> Iterator[None]:
    # A catalog is many small values that all stay: collecting among them triples the time.
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
