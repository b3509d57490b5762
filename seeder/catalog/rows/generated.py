"""`!now` and `!uuid`: columns that a row leaves to the server, which fills them in on insert."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from seeder.catalog.declaring.declaration import Declaration
from seeder.catalog.formats.problems import Problems
from seeder.catalog.rows.drafts import Draft
from seeder.merge.model import Cell, Generator, Update


class GeneratedColumns:
    """The generated columns of one set, gathered from its rows and checked.

    To the merge a generated value is one that the row does not give: it is written when the row
    is inserted, and no update ever looks at it.
    """

    def __init__(self, declaration: Declaration, problems: Problems) -> None:
        self._declaration = declaration
        self._problems = problems
        self._found: dict[str, Generator] = {}
        self._rows: dict[str, int] = {}
        self._reported: set[str] = set()

    @property
    def found(self) -> Mapping[str, Generator]:
        """By column, who makes it."""
        return self._found

    def parted(self, cells: Mapping[str, Cell | Generator], draft: Draft) -> dict[str, Cell]:
        """The cells of a row without those that are generated, which are taken in."""
        given: dict[str, Cell] = {}
        for column, cell in cells.items():
            if isinstance(cell, Generator):
                self._rows[column] = self._rows.get(column, 0) + 1
                self._add(column, cell, draft)
            else:
                given[column] = cell
        return given

    def check(self, rows: Sequence[Collection[str]]) -> None:
        """No row may leave such a column to the table's own default; `rows` are those given."""
        for column, generator in self._found.items():
            given = sum(column in each for each in rows)
            if given + self._rows.get(column, 0) < len(rows):
                self._problems.add(
                    f"some rows leave out `{column}`, which is !{generator.value} in others",
                    remedy=f"Write `{column}: !{generator.value}` under `defaults:`, or null in"
                    " those rows.",
                    file=self._declaration.file,
                    at=self._declaration.at,
                )

    def _add(self, column: str, generator: Generator, draft: Draft) -> None:
        declared, tag = self._declaration, f"!{generator.value}"
        rule = declared.rule(column)
        message = remedy = None
        if self._found.setdefault(column, generator) is not generator:
            message = f"`{column}` is both !{self._found[column].value} and {tag}"
            remedy = "All rows of a set leave a column to the same."
        elif column in declared.key:
            message = f"the key column `{column}` cannot be {tag}"
            remedy = "A key tells next time which row it is: name a column whose value is written."
        elif rule is not None and rule.reference is not None:
            message = f"`{column}` refers to a row and cannot be {tag}"
        elif rule is not None and rule.update is Update.ALWAYS:
            message = (
                f"`{column}` is {tag}, which is written when a row is inserted and never again"
            )
            remedy = "Leave `update: always` out."
        if message is not None and column not in self._reported:
            self._reported.add(column)
            draft.bad(self._problems, message, remedy, column=column)
