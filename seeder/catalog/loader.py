"""A project directory into a `Catalog`, with all of its problems in one go."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from seeder.catalog.across import check_identity, check_names, check_references, needs
from seeder.catalog.assemble import Assembled, Assembler, Others
from seeder.catalog.csv_rows import CsvTable
from seeder.catalog.declaration import KEYS, Declaration, read_declaration, set_name
from seeder.catalog.drafts import Draft, DraftReader
from seeder.catalog.files import Located, Unreadable
from seeder.catalog.fingerprints import digest_of
from seeder.catalog.moves import MoveReader
from seeder.catalog.nodes import Mapping as MappingNode
from seeder.catalog.nodes import Node, node_of
from seeder.catalog.problems import Problems
from seeder.catalog.project import FILE, Project, parse_project
from seeder.catalog.python_files import SeederFile, import_seeder, is_python
from seeder.catalog.seed_files import Role, SeedFile, check_strays, seed_files
from seeder.catalog.tasks import python_task, sql_task
from seeder.catalog.values import Values
from seeder.merge.model import (
    DISPOSABLE,
    Catalog,
    SetReference,
    Task,
    is_disposable,
)
from seeder.merge.order import in_order


def load_catalog(
    project: Path, *, environment: str, environ: Mapping[str, str], release: str | None = None
) -> Catalog:
    """Read and check everything that files alone can tell.

    `release` overrides the one of seeder.toml. Raises `ConfigurationInvalid` with every
    problem found, sorted by file and line.
    """
    problems = Problems()
    with _without_gc():
        found = parse_project(project, problems)
        if found is None:
            problems.raise_if_any()
            raise AssertionError("a project that cannot be read has a problem")
        loader = _Loader(
            replace(found, release=release or found.release),
            environment=environment,
            environ=environ,
            problems=problems,
        )
        catalog = loader.load()
        problems.raise_if_any()
        return replace(catalog, digest=digest_of(found))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Declared:
    """A declaration with the way to its rows."""

    declaration: Declaration
    active: bool
    rows: Callable[[], list[Draft] | CsvTable]


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
        self._drafts = DraftReader(project, values=self._values, problems=problems)
        self._doubtful: list[tuple[SeedFile, Node | None, Problems, bool]] = []

    def load(self) -> Catalog:
        files = seed_files(self._project, self._problems)
        declared: list[_Declared] = []
        tasks: list[Task] = []
        for file in files:
            match file.role:
                case Role.SET:
                    declared += self._seed_file(file)
                case Role.PYTHON:
                    sets, steps = self._python_file(file)
                    declared += sets
                    tasks += steps
                case Role.SQL:
                    task = sql_task(file.path, name=file.name, problems=self._problems)
                    tasks += [task] if task is not None else []
                case Role.DATA:
                    pass
        active, inactive = self._assembled(declared)
        self._settle_doubtful()
        check_strays(files, reached=self._values.reached, problems=self._problems)
        check_names([*active, *inactive], self._problems)
        check_references(
            active,
            inactive=[each.seed_set.name for each in inactive],
            environment=self._environment,
            problems=self._problems,
        )
        check_identity(active, self._problems)
        self._check_tasks(tasks)
        by_name = {each.seed_set.name: each.seed_set for each in active}
        order = in_order(list(by_name), needs(list(by_name.values())))
        return Catalog(
            project=self._project.root,
            release=self._project.release,
            environment=self._environment,
            migrations=self._project.migrations,
            sets=tuple(by_name[name] for name in order),
            inactive=tuple(each.seed_set for each in inactive),
            tasks=tuple(task for task in tasks if self._is_active(task.environments)),
            warnings=self._warnings(files),
            env_names=self._values.env_names,
        )

    def _seed_file(self, file: SeedFile) -> list[_Declared]:
        """A YAML or JSON file; one that does not look like a set may be another's data."""
        local = Problems()
        try:
            root = self._drafts.parse(file.path, file.name, local)
        except Unreadable as error:
            local.add(error.message, remedy=error.remedy, file=file.name, at=error.at)
            self._doubtful.append((file, None, local, True))
            return []
        if not isinstance(root, MappingNode) or not any(key in KEYS for key in root.items):
            self._doubtful.append((file, root, local, False))
            return []
        self._problems.extend(local)
        declaration = self._read(root, set_name(file.path.stem), file)
        if declaration is None:
            return []
        active = self._is_active(declaration.environments)
        return [
            _Declared(
                declaration=declaration,
                active=active,
                rows=lambda: self._drafts.read(declaration, active=active),
            )
        ]

    def _read(
        self, root: Node | None, name: str, file: SeedFile, *, computed: bool = False
    ) -> Declaration | None:
        if not name:
            self._problems.add(
                "the file name is only a number",
                remedy="Name the set behind it: 010_roles.yaml.",
                file=file.name,
            )
            return None
        declaration = read_declaration(
            root, name=name, file=file.name, problems=self._problems, computed=computed
        )
        if declaration is None or file.directory != "dev":
            return declaration
        environments = declaration.environments or DISPOSABLE
        if not environments <= DISPOSABLE:
            self._problems.add(
                "sets below `dev` are for disposable environments only: dev and test",
                remedy="Move it to core, with its `environments:`.",
                file=file.name,
                at=declaration.at,
            )
        return replace(declaration, environments=environments & DISPOSABLE)

    def _python_file(self, file: SeedFile) -> tuple[list[_Declared], list[Task]]:
        if file.directory == "dev" and not is_disposable(self._environment):
            # Not imported: what it imports need not be installed in production.
            is_python(file.path, name=file.name, problems=self._problems)
            return [], []
        seeder = import_seeder(
            file.path, name=file.name, project=self._project, problems=self._problems
        )
        if seeder is None:
            return [], []
        if file.directory == "update":
            return [], self._python_tasks(seeder)
        for task in seeder.tasks:
            self._problems.add(
                f"the task `{task.name}` does not belong here",
                remedy="Move it to update.",
                file=file.name,
                at=Located(line=task.line),
            )
        if not seeder.rows and not seeder.tasks:
            self._problems.add(
                "declares no rows",
                remedy="Decorate a generator with @rows, or start the file's name with `_`.",
                file=file.name,
            )
        declared = [self._python_set(seeder, number, file) for number in range(len(seeder.rows))]
        return [each for each in declared if each is not None], []

    def _python_set(self, seeder: SeederFile, number: int, file: SeedFile) -> _Declared | None:
        rows = seeder.rows[number]
        root = node_of(rows.settings, line=rows.line)
        declaration = self._read(root, rows.name, file, computed=True)
        if declaration is None:
            return None
        return _Declared(
            declaration=declaration,
            active=self._is_active(declaration.environments),
            rows=lambda: self._drafts.call(
                declaration,
                seeder,
                number=number,
                environment=self._environment,
                release=self._project.release,
            ),
        )

    def _python_tasks(self, seeder: SeederFile) -> list[Task]:
        for rows in seeder.rows:
            self._problems.add(
                f"the rows `{rows.name}` do not belong into `update`",
                remedy="Move them to core or dev.",
                file=seeder.name,
                at=Located(line=rows.line),
            )
        if not seeder.tasks and not seeder.rows:
            self._problems.add(
                "declares no task",
                remedy="Decorate a function with @task, or start the file's name with `_`.",
                file=seeder.name,
            )
        tasks = [python_task(each, seeder, self._problems) for each in seeder.tasks]
        return [task for task in tasks if task is not None]

    def _assembled(self, declared: Sequence[_Declared]) -> tuple[list[Assembled], list[Assembled]]:
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
        keys: dict[str, Sequence[str]] = {}
        for number in self._expansion_order(declared):
            each = declared[number]
            declaration = each.declaration
            assembler = Assembler(
                declaration,
                others=Others(widths=widths, keys=keys),
                values=self._values,
                problems=self._problems,
                active=each.active,
            )
            rows = self._rows_of(each)
            if isinstance(rows, CsvTable):
                whole = declaration.name in referenced or bool(declaration.moved)
                assembled = assembler.from_csv(rows, check=whole)
            else:
                assembled = assembler.from_drafts(rows)
            moves = MoveReader(
                assembled,
                widths=widths,
                values=self._values,
                problems=self._problems,
                active=each.active,
            ).read()
            assembled = replace(assembled, seed_set=replace(assembled.seed_set, moved=moves))
            done[number] = assembled
            if each.active and names.index(declaration.name) == number:
                keys[declaration.name] = list(assembled.index)
        active = [done[n] for n in sorted(done) if declared[n].active]
        return active, [done[n] for n in sorted(done) if not declared[n].active]

    def _rows_of(self, each: _Declared) -> list[Draft] | CsvTable:
        if each.active:
            return each.rows()
        if each.declaration.computed or each.declaration.expanded:
            return []  # neither can be worked out for another environment
        return each.rows()

    def _expansion_order(self, declared: Sequence[_Declared]) -> list[int]:
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

    def _settle_doubtful(self) -> None:
        for file, root, local, failed in self._doubtful:
            if file.name in self._values.reached:
                continue  # data of another set, which reported what is wrong in it
            self._problems.extend(local)
            if not failed:
                self._read(root, set_name(file.path.stem), file)

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

    def _is_active(self, environments: frozenset[str] | None) -> bool:
        return environments is None or self._environment in environments

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
