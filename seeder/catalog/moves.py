"""`moved:`: rows whose key changed in the catalog."""

from __future__ import annotations

from collections.abc import Mapping

from seeder.catalog.assembled import Assembled, reference_cell
from seeder.catalog.expand import NoMatch
from seeder.catalog.nodes import Mapping as MappingNode
from seeder.catalog.nodes import Node, Scalar, Sequence
from seeder.catalog.problems import Problems
from seeder.catalog.values import Values, key_text
from seeder.merge.model import Cell, Move, row_key

_Key = tuple[str, tuple[Cell, ...]]


class MoveReader:
    """Reads the moves of one set."""

    def __init__(
        self,
        assembled: Assembled,
        *,
        widths: Mapping[str, int],
        values: Values,
        problems: Problems,
        active: bool = True,
    ) -> None:
        self._assembled = assembled
        self._declaration = assembled.declaration
        self._widths = widths
        self._values = values
        self._problems = problems
        self._active = active

    def read(self) -> tuple[Move, ...]:
        """The moves, each to its final key: a to b and b to c move a to c."""
        steps: dict[str, tuple[_Key, _Key, MappingNode]] = {}
        for entry in self._declaration.moved:
            old, new = self._key(entry.items["from"]), self._key(entry.items["to"])
            if old is None or new is None:
                continue
            if old[0] in steps:
                before = steps[old[0]][2].line
                self._bad(entry, f"`{old[0]}` is already moved in line {before}")
            elif old[0] == new[0]:
                self._bad(entry, f"`{old[0]}` is moved to itself")
            else:
                steps[old[0]] = (old, new, entry)
        moves = []
        for old, new, entry in steps.values():
            passed = {old[0]}
            while new[0] in steps and new[0] not in passed:
                passed.add(new[0])
                new = steps[new[0]][1]
            if new[0] in passed:
                self._bad(entry, f"the moves of `{old[0]}` lead in a circle")
                continue
            self._check(old[0], new[0], entry)
            moves.append(Move(old=old[0], new=new[0], old_values=old[1], new_values=new[1]))
        return tuple(moves)

    def _check(self, old: str, new: str, entry: MappingNode) -> None:
        if self._assembled.unread or not self._active:
            return
        index = self._assembled.index
        if old in index:
            self._bad(
                entry,
                f"`{old}` is moved away and still among the rows",
                "Remove the row, or the move.",
            )
        if new not in index:
            remedy = self._problems.suggest(new, index, otherwise="Add the row under its new key.")
            self._bad(entry, f"`{new}` is not among the rows", remedy)

    def _key(self, node: Node) -> _Key | None:
        columns = self._assembled.seed_set.key
        nodes = node.items if isinstance(node, Sequence) else (node,)
        if len(nodes) != len(columns) or not (len(columns) == 1 or isinstance(node, Sequence)):
            wanted = "one value" if len(columns) == 1 else f"a list of {len(columns)} values"
            self._bad(node, f"the key is {wanted}: {', '.join(columns)}")
            return None
        cells = []
        for column, each in zip(columns, nodes, strict=True):
            cell = self._values.cell(each, file=self._declaration.file, active=self._active)
            rule = self._declaration.rule(column)
            if rule is not None and rule.reference is not None:
                try:
                    cell = reference_cell(cell, rule, self._widths)
                except NoMatch as error:
                    self._bad(each, error.message, error.remedy)
                    return None
            cells.append(cell)
        texts = [key_text(cell) for cell in cells]
        if None in texts:
            if all(isinstance(each, Scalar) and each.tag != "env" for each in nodes):
                self._bad(node, "a key value cannot be NULL, a list or a mapping")
            return None
        return row_key(tuple([text or "" for text in texts])), tuple(cells)

    def _bad(self, node: Node, message: str, remedy: str | None = None) -> None:
        self._problems.add(message, remedy=remedy, file=self._declaration.file, at=node)
