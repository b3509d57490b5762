"""The rows of a set as they are written, before references and keys are worked out."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from seeder.catalog.declaring.declaration import Declaration
from seeder.catalog.declaring.values import Values, native
from seeder.catalog.formats.csv_files import PLAIN
from seeder.catalog.formats.files import Located, Unreadable, read_text
from seeder.catalog.formats.json_reader import read_json
from seeder.catalog.formats.nodes import Mapping as MappingNode
from seeder.catalog.formats.nodes import Node, Scalar, Sequence, kind
from seeder.catalog.formats.problems import FileProblems, Problems, Spot
from seeder.catalog.formats.yaml_reader import read_yaml
from seeder.catalog.project.api import DeclaredRows, RowsContext
from seeder.catalog.project.python_files import DeclaredEnvironment, SeederFile, called
from seeder.catalog.rows.csv_rows import CsvTable, read_table
from seeder.merge.model import Cell, Generator, SetReference

LARGE = 1 << 18
"""Bytes from which on a CSV file whose rows refer to others is not held in memory."""


class Draft(NamedTuple):
    """One row as it is written."""

    cells: Mapping[str, Cell | Generator]
    file: str
    line: int | None = None
    node: MappingNode | None = None

    def at(self, column: str | None = None) -> Spot:
        """Where a cell stands, or else the row."""
        if self.node is not None:
            return self.node if column is None else self.node.items.get(column, self.node)
        return Located(line=self.line)

    def bad(
        self,
        problems: Problems,
        message: str,
        remedy: str | None = None,
        *,
        column: str | None = None,
        address: str | None = None,
    ) -> None:
        """Report a problem where a cell stands, or else the row."""
        problems.add(message, remedy=remedy, file=self.file, at=self.at(column), address=address)

    def from_env(self, column: str) -> bool:
        """Whether the cell was taken from the environment, and must not be shown."""
        node = self.node.items.get(column) if self.node is not None else None
        return isinstance(node, Scalar) and node.tag == "env"


class DraftReader:
    """Reads the rows that declarations name."""

    def __init__(self, values: Values) -> None:
        self._project = values.project
        self._values = values
        self._problems = values.problems
        self.wide: Collection[str] = ()
        """Sets whose keys have several columns, which no field of a CSV file tells."""

    def read(self, declaration: Declaration, *, active: bool) -> list[Draft] | CsvTable:
        """Rows of a seed file; a CSV file that can be streamed is left unread."""
        if declaration.rows_from is None:
            return list(
                self._drafts(declaration.rows, declaration.file, declaration, active=active)
            )
        written = str(declaration.rows_from.value)
        path = self._values.reach(written, file=declaration.file, at=declaration.rows_from)
        if path is None:
            return []
        name = self._project.name(path)
        report = FileProblems(name, self._problems)
        try:
            if declaration.csv_form is not None or path.suffix == ".csv":
                table = read_table(path, file=name, form=declaration.csv_form or PLAIN)
                return table if self._stays(table, declaration) else self._csv_drafts(table)
            if path.suffix in (".yaml", ".yml", ".json"):
                root = self.parse(path, name, self._problems)
                if isinstance(root, Sequence):
                    return list(self._drafts(root.items, name, declaration, active=active))
                found = "empty" if root is None else kind(root)
                remedy = "A file in `rows_from` holds the rows alone."
                report.bad(root, f"is {found}, not a list of rows", remedy)
                return []
        except Unreadable as error:
            report.unreadable(error)
            return []
        self._problems.add(
            f"`rows_from` reads .csv, .json and .yaml files, not `{path.name}`",
            file=declaration.file,
            at=declaration.rows_from,
        )
        return []

    def parse(self, path: Path, name: str, problems: Problems) -> Node | None:
        """Read a YAML or JSON file; raises `Unreadable`."""
        text = read_text(path)
        if path.suffix == ".json":
            return read_json(text, file=name, problems=problems)
        return read_yaml(text, file=name, problems=problems)

    def _drafts(
        self, rows: tuple[Node, ...], file: str, declaration: Declaration, *, active: bool
    ) -> Iterator[Draft]:
        secret = declaration.secrets
        asked = self._values.asked
        for row in rows:
            if not isinstance(row, MappingNode) or not row.items:
                self._problems.add(
                    "a row without values"
                    if isinstance(row, MappingNode)
                    else f"a row must be a mapping, not {kind(row)}",
                    remedy="Write - {column: value, ...}.",
                    file=file,
                    at=row,
                )
                continue
            cells = {
                column: node.value
                if isinstance(node, Scalar) and node.tag is None
                else asked(node, file=file, secret=column in secret, active=active)
                for column, node in row.items.items()
            }
            yield Draft(cells, file, row.line, row)

    def _stays(self, table: CsvTable, declaration: Declaration) -> bool:
        """Whether the rows can stay in their file: what they refer to stands there as a key does.

        Small ones that refer to rows are inserted together with those of other sets.
        """
        rules = [rule for rule in declaration.columns.values() if rule.reference is not None]
        if not rules:
            return True
        return (
            table.traits.size >= LARGE
            and table.form is PLAIN
            and not any(
                rule.expand
                or (isinstance(rule.reference, SetReference) and rule.reference.set in self.wide)
                or (rule.name in declaration.row_key_columns and not table.traits.verbatim)
                for rule in rules
            )
        )

    def _csv_drafts(self, table: CsvTable) -> list[Draft]:
        return [
            Draft(dict(zip(table.header, fields, strict=True)), table.file, line)
            for line, fields in table.records()
        ]

    def call(
        self,
        declaration: Declaration,
        declared: DeclaredRows,
        *,
        file: SeederFile,
        environment: str,
    ) -> list[Draft]:
        """Rows that a Python seeder yields."""
        # Which variable ends up in which column cannot be told, so one secret column
        # makes all of them secret.
        secret = bool(declaration.secrets)
        at = Located(line=declared.line)
        env = {
            name: self._values.env(name, file=file.report.file, at=at, secret=secret)
            for name in declared.env
        }
        given = {name: value for name, value in env.items() if value is not None}
        if len(given) < len(env):
            return []
        context = RowsContext(
            env=DeclaredEnvironment(given),
            environment=environment,
            release=self._project.release,
        )
        drafts = []
        for row in called(declared, context, file=file) or ():
            cells = {}
            for column, value in row.items():
                try:
                    cells[column] = native(value)
                except TypeError as error:
                    remedy = "Yield text, numbers, dates, bytes, UUIDs, lists or mappings."
                    file.report.bad(at, f"`{declared.name}` yields {error} for `{column}`", remedy)
                    return []
            drafts.append(Draft(cells, file.report.file, declared.line))
        return drafts
