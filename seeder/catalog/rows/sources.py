"""Seed files into declarations and tasks; rows are read later, one set at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from msgspec import Struct
from msgspec.structs import replace

from seeder.catalog.declaring.columns import ColumnRule
from seeder.catalog.declaring.declaration import KEYS, Declaration, read_declaration, set_name
from seeder.catalog.declaring.tasks import python_task, sql_task
from seeder.catalog.declaring.values import Values
from seeder.catalog.formats.files import Located, Unreadable
from seeder.catalog.formats.nodes import Mapping as MappingNode
from seeder.catalog.formats.nodes import Node, node_of
from seeder.catalog.formats.problems import FileProblems, Problems
from seeder.catalog.project.api import DeclaredRows
from seeder.catalog.project.python_files import SeederFile, import_seeder, is_python
from seeder.catalog.project.seed_files import Role, SeedFile
from seeder.catalog.rows.csv_rows import CsvTable
from seeder.catalog.rows.drafts import Draft, DraftReader
from seeder.merge.model import DISPOSABLE, Task, is_disposable
from seeder.merge.secrecy import renamed_too


class DeclaredSet(Struct, frozen=True, kw_only=True):
    """A declaration with the way to its rows."""

    declaration: Declaration
    active: bool
    rows: Callable[[Declaration], list[Draft] | CsvTable]
    """Of the declaration, in whatever shape it has by then."""


class _Doubtful(Struct, frozen=True, kw_only=True):
    """A YAML or JSON file that does not look like a seed set."""

    file: SeedFile
    root: Node | None
    problems: Problems
    failed: bool


class SourceReader:
    """Reads the files of one project for one environment."""

    def __init__(self, values: Values, *, environment: str) -> None:
        self._environment = environment
        self._values = values
        self._problems = values.problems
        self._drafts = DraftReader(values)
        self._doubtful: list[_Doubtful] = []
        self.sets: list[DeclaredSet] = []
        """In file order, like `tasks`."""
        self.tasks: list[Task] = []

    def read(self, file: SeedFile) -> None:
        """Add what one file declares to `sets` and `tasks`."""
        match file.role:
            case Role.SET:
                self._seed_file(file)
            case Role.PYTHON:
                self._python_file(file)
            case Role.SQL:
                task = sql_task(file.path, self._report(file))
                self.tasks += [task] if task is not None else []
            case Role.DATA:
                pass
            case _:
                assert_never(file.role)

    def is_active(self, environments: frozenset[str] | None) -> bool:
        """Whether something for these environments is for this one."""
        return environments is None or self._environment in environments

    def settle_secrets(self) -> None:
        """Tell every set which columns are secret on its table, whichever set says so."""
        rules: dict[str, list[ColumnRule]] = {}
        for each in self.sets:
            declared = each.declaration
            rules.setdefault(str(declared.table), []).extend(declared.columns.values())
        secrets = {
            table: renamed_too(
                (rule.name for rule in some if rule.secret),
                ((rule.name, was) for rule in some for was in rule.was),
            )
            for table, some in rules.items()
        }
        self.sets = [
            replace(
                each,
                declaration=replace(each.declaration, secrets=secrets[str(each.declaration.table)]),
            )
            for each in self.sets
        ]

    def settle_keys(self) -> None:
        """Tell the reader of rows which sets have keys of several columns."""
        declared = [each.declaration for each in self.sets]
        self._drafts.wide = {each.name for each in declared if len(each.row_key_columns) > 1}

    def settle_doubtful(self) -> None:
        """Report files that are neither a seed set nor, once rows are read, another's data."""
        for each in self._doubtful:
            if each.file.name in self._values.reached:
                continue  # what is wrong in it was reported where it is used
            self._problems.extend(each.problems)
            if not each.failed:
                self._read(each.root, set_name(each.file.path.stem), each.file)

    def _seed_file(self, file: SeedFile) -> None:
        local = Problems()
        try:
            root = self._drafts.parse(file.path, file.name, local)
        except Unreadable as error:
            FileProblems(file.name, local).unreadable(error)
            self._doubtful.append(_Doubtful(file=file, root=None, problems=local, failed=True))
            return
        if not isinstance(root, MappingNode) or not any(key in KEYS for key in root.items):
            self._doubtful.append(_Doubtful(file=file, root=root, problems=local, failed=False))
            return
        self._problems.extend(local)
        declaration = self._read(root, set_name(file.path.stem), file)
        if declaration is None:
            return
        active = self.is_active(declaration.environments)
        self.sets.append(
            DeclaredSet(
                declaration=declaration,
                active=active,
                rows=lambda settled: self._drafts.read(settled, active=active),
            )
        )

    def _report(self, file: SeedFile) -> FileProblems:
        return FileProblems(file.name, self._problems)

    def _read(
        self, root: Node | None, name: str, file: SeedFile, *, computed: bool = False
    ) -> Declaration | None:
        if not name:
            remedy = "Name the set behind it: 010_roles.yaml."
            self._report(file).bad(None, "the file name is only a number", remedy)
            return None
        declaration = read_declaration(
            root, name=name, file=file.name, problems=self._problems, computed=computed
        )
        if declaration is None or file.directory != "dev":
            return declaration
        environments = declaration.environments or DISPOSABLE
        if not environments <= DISPOSABLE:
            self._report(file).bad(
                declaration.at,
                "sets below `dev` are for disposable environments only: dev and test",
                "Move it to core, with its `environments:`.",
            )
        return replace(declaration, environments=environments & DISPOSABLE)

    def _python_file(self, file: SeedFile) -> None:
        if file.directory == "dev" and not is_disposable(self._environment):
            # Not imported: what it imports need not be installed in production.
            is_python(file.path, self._report(file))
            return
        seeder = import_seeder(file.path, self._values.project, self._report(file))
        if seeder is None:
            return
        if file.directory == "update":
            self._python_tasks(seeder)
            return
        for task in seeder.tasks:
            at = Located(line=task.line)
            seeder.report.bad(
                at, f"the task `{task.name}` does not belong here", "Move it to update."
            )
        if not seeder.rows and not seeder.tasks:
            remedy = "Decorate a generator with @rows, or start the file's name with `_`."
            seeder.report.bad(None, "declares no rows", remedy)
        for rows in seeder.rows:
            self._python_set(seeder, rows, file)

    def _python_set(self, seeder: SeederFile, rows: DeclaredRows, file: SeedFile) -> None:
        root = node_of(rows.settings, line=rows.line)
        declaration = self._read(root, rows.name, file, computed=True)
        if declaration is None:
            return
        declared = DeclaredSet(
            declaration=declaration,
            active=self.is_active(declaration.environments),
            rows=lambda settled: self._drafts.call(
                settled, rows, file=seeder, environment=self._environment
            ),
        )
        self.sets.append(declared)

    def _python_tasks(self, seeder: SeederFile) -> None:
        for rows in seeder.rows:
            message = f"the rows `{rows.name}` do not belong into `update`"
            seeder.report.bad(Located(line=rows.line), message, "Move them to core or dev.")
        if not seeder.tasks and not seeder.rows:
            remedy = "Decorate a function with @task, or start the file's name with `_`."
            seeder.report.bad(None, "declares no task", remedy)
        tasks = [python_task(each, seeder) for each in seeder.tasks]
        self.tasks += [task for task in tasks if task is not None]
