"""`moved:`: rows whose key changed in the catalog."""

from __future__ import annotations

from collections.abc import Mapping

from seeder.catalog.assembling.assembled import Assembled, reference_cell
from seeder.catalog.assembling.expand import NoMatch
from seeder.catalog.declaring.node_reader import NodeReader
from seeder.catalog.declaring.values import Values, key_text
from seeder.catalog.formats.nodes import Mapping as MappingNode
from seeder.catalog.formats.nodes import Node, Scalar, Sequence
from seeder.merge.model import Cell, Move, row_key

_Key = tuple[str, tuple[Cell, ...]]


class MoveReader(NodeReader):
    """Reads the moves of one set."""

    def __init__(
        self,
        assembled: Assembled,
        *,
        widths: Mapping[str, int],
        values: Values,
        active: bool,
    ) -> None:
        super().__init__(assembled.declaration.file, values.problems)
        self._assembled = assembled
        self._declaration = assembled.declaration
        self._widths = widths
        self._values = values
        self._active = active

    def read(self) -> tuple[Move, ...]:
        """The moves, each to its final key."""
        moves = []
        for old, new, entry in self.followed(self._declaration.moved, self._key):
            self._check(old[0], new[0], entry)
            moves.append(Move(old=old[0], new=new[0], old_values=old[1], new_values=new[1]))
        return tuple(moves)

    def _check(self, old: str, new: str, entry: MappingNode) -> None:
        if self._assembled.unread or not self._active:
            return
        index = self._assembled.index
        if old in index:
            self.bad(
                entry,
                f"`{old}` is moved away and still among the rows",
                "Remove the row, or the move.",
            )
        if new not in index:
            remedy = self.problems.suggest(new, index, otherwise="Add the row under its new key.")
            self.bad(entry, f"`{new}` is not among the rows", remedy)

    def _key(self, node: Node) -> _Key | None:
        columns = self._assembled.seed_set.key
        nodes = node.items if isinstance(node, Sequence) else (node,)
        if len(nodes) != len(columns) or not (len(columns) == 1 or isinstance(node, Sequence)):
            wanted = "one value" if len(columns) == 1 else f"a list of {len(columns)} values"
            self.bad(node, f"the key is {wanted}: {', '.join(columns)}")
            return None
        cells = []
        for column, each in zip(columns, nodes, strict=True):
            cell = self._values.cell(each, file=self._declaration.file, active=self._active)
            rule = self._declaration.rule(column)
            if rule is not None and rule.reference is not None:
                try:
                    cell = reference_cell(cell, rule, self._widths)
                except NoMatch as error:
                    self.bad(each, error.message, error.remedy)
                    return None
            cells.append(cell)
        texts = [key_text(cell) for cell in cells]
        if None in texts:
            if all(isinstance(each, Scalar) and each.tag != "env" for each in nodes):
                self.bad(node, "a key value cannot be NULL, a list or a mapping")
            return None
        return row_key(tuple([text or "" for text in texts])), tuple(cells)
