"""`was:` at a set: the table, key or scope that it had before."""

from __future__ import annotations

from collections.abc import Mapping as AnyMapping

from msgspec import Struct

from seeder.catalog.declaring.node_reader import NodeReader
from seeder.catalog.formats.nodes import Mapping, Node, Scalar, Sequence, kind
from seeder.merge.model import TableName

_KEYS = ("table", "key", "scope")


class DeclaredFormer(Struct, frozen=True, kw_only=True):
    """One entry of `was:`; what it leaves out was as it is now, or as another entry says."""

    table: TableName | None = None
    key: tuple[str, ...] | None = None
    scope: AnyMapping[str, Node] | None = None


class FormerReader(NodeReader):
    """Reads the former tables, keys and scopes of one set."""

    def read(self, node: Node | None) -> tuple[DeclaredFormer, ...]:
        """All entries; one may stand without a list."""
        if node is None:
            return ()
        entries = node.items if isinstance(node, Sequence) else (node,)
        remedy = "Write {table: NAME}, {key: [COLUMN]} or {scope: {COLUMN: VALUE}}."
        return tuple(
            self._entry(each)
            for each in entries
            if self.is_mapping(each, "an entry of `was`", remedy) and self._says_something(each)
        )

    def _says_something(self, node: Mapping) -> bool:
        self.known(node, _KEYS, "key of `was`")
        if any(key in _KEYS for key in node.items):
            return True
        if not node.items:
            self.bad(node, "an entry of `was` is empty", "Name a table, key or scope.")
        return False

    def _entry(self, node: Mapping) -> DeclaredFormer:
        table, key, scope = (node.items.get(name) for name in _KEYS)
        names = None if key is None else self.names(key, "key")
        if names is not None and not names:
            self.bad(key, "`key` names no column", "Name the columns that it had.")
        return DeclaredFormer(
            table=None if table is None else self.table_name(table),
            key=names or None,
            scope=None if scope is None else self._scope(scope),
        )

    def _scope(self, node: Node) -> AnyMapping[str, Node] | None:
        if not self.is_mapping(node, "`scope`", "Write column: value; {} for none."):
            return None
        self.are_constants(node.items, "scope")
        for column, value in node.items.items():
            if not isinstance(value, Scalar):
                self.bad(value, f"`scope` takes one value for `{column}`, not {kind(value)}")
        return node.items
