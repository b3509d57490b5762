"""A seed set as its file or decorator declares it: every key checked, rows not yet read."""

from __future__ import annotations

import re
from collections.abc import Mapping as AnyMapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeGuard, TypeVar

from seeder.catalog.files import Located
from seeder.catalog.nodes import Mapping, Node, Scalar, Sequence, kind
from seeder.catalog.problems import Problems, Spot, listed
from seeder.merge.model import (
    Conflict,
    Removed,
    SetReference,
    TableName,
    TableReference,
    Update,
    When,
)

KEYS = (
    "table",
    "key",
    "scope",
    "when",
    "removed",
    "deleted",
    "conflict",
    "environments",
    "defaults",
    "columns",
    "moved",
    "rows",
    "rows_from",
)
COLUMN_KEYS = ("ref", "expand", "update", "secret", "was")

Choice = TypeVar("Choice", bound=StrEnum)


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnRule:
    """What `columns:` says about one column."""

    name: str
    at: Spot
    reference: SetReference | TableReference | None = None
    expand: bool = False
    update: Update = Update.MERGE
    secret: bool = False
    was: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """One seed set before its rows are turned into cells."""

    name: str
    file: str
    at: Spot
    table: TableName
    key: tuple[str, ...]
    scope: AnyMapping[str, Node] = field(default_factory=dict)
    when: When = When.EMPTY
    removed: Removed = Removed.KEEP
    removed_values: AnyMapping[str, Node] = field(default_factory=dict)
    deleted: str | None = None
    conflict: Conflict = Conflict.KEEP
    environments: frozenset[str] | None = None
    defaults: AnyMapping[str, Node] = field(default_factory=dict)
    columns: AnyMapping[str, ColumnRule] = field(default_factory=dict)
    moved: tuple[Mapping, ...] = ()
    rows: tuple[Node, ...] = ()
    rows_from: Scalar | None = None
    computed: bool = False
    """Rows come from a Python seeder."""

    @property
    def row_key_columns(self) -> tuple[str, ...]:
        """Key columns that scope does not fix."""
        return tuple(name for name in self.key if name not in self.scope)

    def rule(self, column: str) -> ColumnRule | None:
        """What `columns:` says about it."""
        return self.columns.get(column)

    @property
    def expanded(self) -> tuple[str, ...]:
        """Columns with `expand: true`."""
        return tuple(rule.name for rule in self.columns.values() if rule.expand)


def set_name(stem: str) -> str:
    """The name of a set: its file's stem without a leading number.

    >>> set_name("010_roles")
    'roles'
    """
    return re.sub(r"^[0-9]+[_\-. ]*", "", stem)


def read_declaration(
    root: Node | None, *, name: str, file: str, problems: Problems, computed: bool = False
) -> Declaration | None:
    """Check the structure of a seed file; None when it does not even name table and key."""
    if root is None:
        problems.add("is empty", remedy="Give `table:`, `key:` and `rows:`.", file=file)
        return None
    if not isinstance(root, Mapping):
        problems.add(
            f"is {kind(root)}, not a mapping",
            remedy="Give `table:`, `key:` and `rows:`; put a bare list of rows under `rows:`.",
            file=file,
            at=root,
        )
        return None
    return _Reader(root, name, file, problems, computed).read()


class _Reader:
    def __init__(
        self, root: Mapping, name: str, file: str, problems: Problems, computed: bool
    ) -> None:
        self._root = root
        self._name = name
        self._file = file
        self._problems = problems
        self._computed = computed

    def read(self) -> Declaration | None:
        self._known(self._root, KEYS, "key")
        table = self._table()
        key = self._key()
        scope = self._values("scope")
        columns = self._columns()
        removed, removed_values = self._removed()
        expanded = [rule for rule in columns.values() if rule.expand]
        if expanded and "removed" not in self._root.items:
            self._bad(
                expanded[0].at,
                "a set with `expand` must state `removed:`",
                "Write `removed: delete`, or `removed: keep` to let lost matches stand.",
            )
        moved = tuple(
            each
            for each in self._list("moved")
            if self._is_mapping(each, "an entry of `moved`") and self._is_move(each)
        )
        rows, rows_from = self._rows()
        if table is None or key is None:
            return None
        if all(column in scope for column in key):
            self._bad(
                self._root.key_place("key"),
                "every key column is fixed by `scope`",
                "Name in `key` the column that tells the rows apart.",
            )
            return None
        for column in key:
            rule = columns.get(column)
            if rule is not None and rule.secret:
                self._bad(rule.at, f"the key column `{column}` cannot be secret: keys are shown")
        return Declaration(
            name=self._name,
            file=self._file,
            at=Located(line=self._root.line, column=self._root.column),
            table=table,
            key=key,
            scope=scope,
            when=self._choice("when", When.EMPTY),
            removed=removed,
            removed_values=removed_values,
            deleted=self._text("deleted"),
            conflict=self._choice("conflict", Conflict.KEEP),
            environments=self._environments(),
            defaults=self._values("defaults"),
            columns=columns,
            moved=moved,
            rows=rows,
            rows_from=rows_from,
            computed=self._computed,
        )

    def _table(self) -> TableName | None:
        node = self._root.items.get("table")
        if node is None:
            self._missing("table")
            return None
        return self._table_name(node)

    def _table_name(self, node: Node) -> TableName | None:
        if isinstance(node, Scalar) and type(node.value) is str and node.tag is None:
            parts = node.value.split(".")
            if len(parts) <= 2 and all(part and part == part.strip() for part in parts):
                return TableName(schema=parts[0] if len(parts) == 2 else None, name=parts[-1])
        self._bad(node, "`table` must be the name of a table", "Write `table` or `schema.table`.")
        return None

    def _key(self) -> tuple[str, ...] | None:
        node = self._root.items.get("key")
        if node is None:
            self._missing("key")
            return None
        names = self._names(node, "key")
        if names is not None and not names:
            self._bad(node, "`key` names no column", "Name the columns of a unique index.")
            return None
        return names

    def _missing(self, key: str) -> None:
        if self._problems.suggest(key, [k for k in self._root.items if k not in KEYS]) is None:
            self._bad(self._root, f"`{key}` is missing", "A seed set needs `table:` and `key:`.")

    def _names(self, node: Node, key: str) -> tuple[str, ...] | None:
        """One name or a list of them, each once."""
        items = node.items if isinstance(node, Sequence) else (node,)
        names: list[str] = []
        for item in items:
            if not isinstance(item, Scalar) or not self._is_text(item):
                self._bad(item, f"`{key}` takes names, not {kind(item)}")
                return None
            if item.value in names:
                self._bad(item, f"`{key}` names `{item.value}` twice")
                return None
            names.append(str(item.value))
        return tuple(names)

    def _values(self, key: str) -> dict[str, Node]:
        node = self._root.items.get(key)
        if node is None or not self._is_mapping(node, f"`{key}`", "Write column: value."):
            return {}
        if key == "scope":
            for column, value in node.items.items():
                if not isinstance(value, Scalar):
                    self._bad(value, f"`scope` takes one value for `{column}`, not {kind(value)}")
        return node.items

    def _columns(self) -> dict[str, ColumnRule]:
        node = self._root.items.get("columns")
        if node is None or not self._is_mapping(node, "`columns`", "Write column: {...}."):
            return {}
        rules = {}
        for column, rule in node.items.items():
            if self._is_mapping(rule, f"the rule of `{column}`", "Write {update: always}."):
                rules[column] = self._rule(column, rule, node.key_place(column))
        return rules

    def _rule(self, column: str, node: Mapping, at: Spot) -> ColumnRule:
        self._known(node, COLUMN_KEYS, "column key")
        reference = self._reference(node.items["ref"]) if "ref" in node.items else None
        secret = self._flag(node, "secret")
        expand = self._flag(node, "expand")
        update = Update.NEVER if secret else Update.MERGE
        if "update" in node.items:
            update = self._choice_of(node.items["update"], "update", update)
            if secret and update is Update.MERGE:
                self._bad(
                    node.items["update"],
                    f"`{column}` is secret and cannot merge: no ledger holds what was applied",
                    "Write `update: never` or `update: always`.",
                )
        if expand and "ref" not in node.items:
            self._bad(
                node.key_place("expand"),
                "`expand` matches rows of another set and needs `ref`",
                "Write {ref: SET, expand: true}.",
            )
        elif expand and isinstance(reference, TableReference):
            self._bad(
                node.key_place("expand"), "`expand` needs a `ref` to a seed set, not to a table"
            )
        return ColumnRule(
            name=column,
            at=at,
            reference=reference,
            expand=expand and isinstance(reference, SetReference),
            update=update,
            secret=secret,
            was=self._text_of(node.items["was"], "was") if "was" in node.items else None,
        )

    def _reference(self, node: Node) -> SetReference | TableReference | None:
        if isinstance(node, Scalar) and self._is_text(node):
            return SetReference(set=str(node.value))
        if isinstance(node, Mapping):
            self._known(node, ("table", "key"), "key of `ref`")
            table, key = node.items.get("table"), node.items.get("key")
            if table is not None and key is not None:
                name, column = self._table_name(table), self._text_of(key, "key")
                if name is not None and column is not None:
                    return TableReference(table=name, key=column)
                return None
        self._bad(
            node, "`ref` names no rows", "Write the name of a set, or {table: TABLE, key: COLUMN}."
        )
        return None

    def _removed(self) -> tuple[Removed, dict[str, Node]]:
        node = self._root.items.get("removed")
        if isinstance(node, Mapping):
            values = node.items.get("set")
            if list(node.items) == ["set"] and isinstance(values, Mapping) and values.items:
                return Removed.SET, values.items
        elif node is None:
            return Removed.KEEP, {}
        elif isinstance(node, Scalar) and node.value in ("keep", "delete"):
            return Removed(str(node.value)), {}
        self._bad(
            node,
            "`removed` is neither keep, delete nor {set: ...}",
            "Write keep, delete or {set: {is_active: false}}.",
        )
        return Removed.KEEP, {}

    def _environments(self) -> frozenset[str] | None:
        node = self._root.items.get("environments")
        if node is None:
            return None
        names = self._names(node, "environments")
        if names is not None and not names:
            self._bad(node, "`environments` is empty", "Name one, or leave the key out.")
        return frozenset(names) if names else None

    def _is_move(self, node: Mapping) -> bool:
        self._known(node, ("from", "to"), "key of `moved`")
        if set(node.items) >= {"from", "to"}:
            return True
        self._bad(node, "an entry of `moved` needs `from` and `to`", "Write {from: A, to: B}.")
        return False

    def _rows(self) -> tuple[tuple[Node, ...], Scalar | None]:
        items = self._root.items
        if "rows" in items and "rows_from" in items:
            self._bad(
                self._root.key_place("rows_from"),
                "`rows` and `rows_from` exclude each other",
                "Keep one; two sets may share a table.",
            )
        elif "rows_from" in items:
            node = items["rows_from"]
            if isinstance(node, Scalar) and self._is_text(node):
                return (), node
            self._bad(node, f"`rows_from` takes a file name, not {kind(node)}")
        elif "rows" not in items and not self._computed:
            if self._problems.suggest("rows", [k for k in items if k not in KEYS]) is None:
                self._bad(
                    self._root,
                    "`rows` is missing",
                    "Give `rows:` or `rows_from:`; `rows: []` for none.",
                )
            return (), None
        return self._list("rows"), None

    def _list(self, key: str) -> tuple[Node, ...]:
        node = self._root.items.get(key)
        if node is None:
            return ()
        if isinstance(node, Sequence):
            return node.items
        self._bad(node, f"`{key}` must be a list, not {kind(node)}", "Start each entry with `-`.")
        return ()

    def _choice(self, key: str, default: Choice) -> Choice:
        node = self._root.items.get(key)
        return default if node is None else self._choice_of(node, key, default)

    def _choice_of(self, node: Node, key: str, default: Choice) -> Choice:
        options = [each.value for each in type(default)]
        if isinstance(node, Scalar) and node.tag is None and node.value in options:
            return type(default)(str(node.value))
        given = str(node.value) if isinstance(node, Scalar) else ""
        remedy = self._problems.suggest(given, options, otherwise=f"Write {listed(options)}.")
        self._bad(node, f"`{key}` must be {listed(options)}", remedy)
        return default

    def _text(self, key: str) -> str | None:
        node = self._root.items.get(key)
        return None if node is None else self._text_of(node, key)

    def _text_of(self, node: Node, key: str) -> str | None:
        if isinstance(node, Scalar) and self._is_text(node):
            return str(node.value)
        self._bad(node, f"`{key}` takes a name, not {kind(node)}")
        return None

    def _flag(self, node: Mapping, key: str) -> bool:
        value = node.items.get(key)
        if value is None:
            return False
        if isinstance(value, Scalar) and isinstance(value.value, bool):
            return value.value
        self._bad(value, f"`{key}` must be true or false, not {kind(value)}")
        return False

    def _is_text(self, node: Scalar) -> bool:
        return isinstance(node.value, str) and node.tag is None and bool(node.value.strip())

    def _is_mapping(self, node: Node, what: str, remedy: str | None = None) -> TypeGuard[Mapping]:
        if isinstance(node, Mapping):
            return True
        self._bad(node, f"{what} must be a mapping, not {kind(node)}", remedy)
        return False

    def _known(self, node: Mapping, known: tuple[str, ...], what: str) -> None:
        for key in node.items:
            if key not in known:
                remedy = self._problems.suggest(
                    key, known, otherwise=f"Known are {', '.join(known)}."
                )
                self._bad(node.key_place(key), f"unknown {what} `{key}`", remedy)

    def _bad(self, at: Spot | None, message: str, remedy: str | None = None) -> None:
        self._problems.add(message, remedy=remedy, file=self._file, at=at)
