"""A seed set as its file or decorator declares it: every key checked, rows not yet read."""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Mapping as AnyMapping

from msgspec import field

from seeder.catalog.declaring.columns import ColumnReader, ColumnRule
from seeder.catalog.declaring.csv_form import CsvFormReader
from seeder.catalog.declaring.former import DeclaredFormer, FormerReader
from seeder.catalog.declaring.node_reader import Choice, NodeReader
from seeder.catalog.formats.csv_files import CsvForm
from seeder.catalog.formats.files import Located
from seeder.catalog.formats.nodes import GENERATORS, Mapping, Node, Scalar, Sequence, kind
from seeder.catalog.formats.problems import FileProblems, Problems, Spot
from seeder.merge.model import After, Conflict, Nulls, Policies, Removed, TableName, Update, When

KEYS = (
    "table",
    "key",
    "nulls",
    "scope",
    "when",
    "removed",
    "deleted",
    "conflict",
    "together",
    "environments",
    "after",
    "defaults",
    "columns",
    "moved",
    "was",
    "rows",
    "rows_from",
)


class Declaration(Policies, frozen=True, kw_only=True):
    """One seed set before its rows are turned into cells."""

    at: Spot
    key: tuple[str, ...]
    scope: AnyMapping[str, Node] = field(default_factory=dict)
    removed_values: AnyMapping[str, Node] = field(default_factory=dict)
    defaults: AnyMapping[str, Node] = field(default_factory=dict)
    columns: AnyMapping[str, ColumnRule] = field(default_factory=dict)
    moved: tuple[Mapping, ...] = ()
    was: tuple[DeclaredFormer, ...] = ()
    rows: tuple[Node, ...] = ()
    rows_from: Scalar | None = None
    csv_form: CsvForm | None = None
    """How the file of `rows_from` is written, where that is said."""
    computed: bool = False
    """Rows come from a Python seeder."""

    @property
    def row_key_columns(self) -> tuple[str, ...]:
        """Key columns that scope does not fix."""
        return tuple(name for name in self.key if name not in self.scope)

    def may_be_null(self, column: str) -> bool:
        """Whether rows may have NULL in a column of the key; a reference leads to a row."""
        rule = self.rule(column)
        return self.nulls is Nulls.EQUAL and (rule is None or rule.reference is None)

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
    report = FileProblems(file, problems)
    if root is None:
        report.bad(None, "is empty", "Give `table:`, `key:` and `rows:`.")
        return None
    if not isinstance(root, Mapping):
        remedy = "Give `table:`, `key:` and `rows:`; put a bare list of rows under `rows:`."
        report.bad(root, f"is {kind(root)}, not a mapping", remedy)
        return None
    return _Reader(root, name, file, problems, computed).read()


class _Reader(NodeReader):
    def __init__(
        self, root: Mapping, name: str, file: str, problems: Problems, computed: bool
    ) -> None:
        super().__init__(file, problems)
        self._root = root
        self._name = name
        self._computed = computed

    def read(self) -> Declaration | None:
        self.known(self._root, KEYS, "key")
        table = self._table()
        key = self._key()
        scope = self._values("scope")
        columns = ColumnReader(self.file, self.problems).rules(self._root.items.get("columns"))
        removed, removed_values = self._removed()
        expanded = [rule for rule in columns.values() if rule.expand]
        if expanded and "removed" not in self._root.items:
            self.bad(
                expanded[0].at,
                "a set with `expand` must state `removed:`",
                "Write `removed: delete`, or `removed: keep` to let lost matches stand.",
            )
        moved = self.moves(self._root)
        rows, rows_from, csv_form = self._rows()
        if table is None or key is None:
            return None
        if all(column in scope for column in key):
            self.bad(
                self._root.key_place("key"),
                "every key column is fixed by `scope`",
                "Name in `key` the column that tells the rows apart.",
            )
            return None
        return Declaration(
            name=self._name,
            file=self.file,
            at=Located(line=self._root.line, column=self._root.column),
            table=table,
            key=key,
            nulls=self._choice("nulls", Nulls.DISTINCT),
            scope=scope,
            when=self._choice("when", When.EMPTY),
            removed=removed,
            removed_values=removed_values,
            deleted=self._text("deleted"),
            conflict=self._choice("conflict", Conflict.KEEP),
            together=self._together(columns, (*key, *scope)),
            environments=self._environments(),
            after=self._after(),
            defaults=self._values("defaults"),
            columns=columns,
            moved=moved,
            was=FormerReader(self.file, self.problems).read(self._root.items.get("was")),
            rows=rows,
            rows_from=rows_from,
            csv_form=csv_form,
            computed=self._computed,
        )

    def _table(self) -> TableName | None:
        node = self._root.items.get("table")
        if node is None:
            self._missing("table")
            return None
        return self.table_name(node)

    def _key(self) -> tuple[str, ...] | None:
        node = self._root.items.get("key")
        if node is None:
            self._missing("key")
            return None
        names = self.names(node, "key")
        if names is not None and not names:
            self.bad(node, "`key` names no column", "Name the columns of a unique index.")
            return None
        return names

    def _missing(self, key: str) -> None:
        if self.problems.suggest(key, [k for k in self._root.items if k not in KEYS]) is None:
            self.bad(self._root, f"`{key}` is missing", "A seed set needs `table:` and `key:`.")

    def _values(self, key: str) -> dict[str, Node]:
        node = self._root.items.get(key)
        if node is None or not self.is_mapping(node, f"`{key}`", "Write column: value."):
            return {}
        if key == "scope":
            self.are_constants(node.items, key)
            for column, value in node.items.items():
                if not isinstance(value, Scalar) or value.tag in GENERATORS:
                    self.bad(value, f"`scope` takes one value for `{column}`, not {kind(value)}")
        return node.items

    def _removed(self) -> tuple[Removed, dict[str, Node]]:
        node = self._root.items.get("removed")
        if isinstance(node, Mapping):
            values = node.items.get("set")
            if list(node.items) == ["set"] and isinstance(values, Mapping) and values.items:
                self.are_constants(values.items, "removed")
                return Removed.SET, values.items
        elif node is None:
            return Removed.KEEP, {}
        elif isinstance(node, Scalar) and node.value in ("keep", "delete"):
            return Removed(str(node.value)), {}
        self.bad(
            node,
            "`removed` is neither keep, delete nor {set: ...}",
            "Write keep, delete or {set: {is_active: false}}.",
        )
        return Removed.KEEP, {}

    def _together(
        self, columns: AnyMapping[str, ColumnRule], identity: Iterable[str]
    ) -> tuple[tuple[str, ...], ...]:
        groups: list[tuple[str, ...]] = []
        seen = dict.fromkeys(identity, "identifies the row")
        for node in self.entries(self._root, "together"):
            names = (self.names(node, "together") or ()) if isinstance(node, Sequence) else ()
            if len(names) < 2:
                self.bad(
                    node,
                    "an entry of `together` names the columns of a group",
                    "Write [[amount, currency]].",
                )
                continue
            for name in names:
                rule = columns.get(name)
                wrong = seen.get(name)
                if rule is not None and (rule.merge is not None or rule.update is not Update.MERGE):
                    wrong = "has a `merge` or `update` of its own"
                if wrong is not None:
                    self.bad(node, f"`{name}` {wrong}, and cannot be decided together with others")
                seen[name] = "is in `together` twice"
            groups.append(names)
        return tuple(groups)

    def _environments(self) -> frozenset[str] | None:
        node = self._root.items.get("environments")
        if node is None:
            return None
        names = self.names(node, "environments")
        if names is not None and not names:
            self.bad(node, "`environments` is empty", "Name one, or leave the key out.")
        return frozenset(names) if names else None

    def _after(self) -> After | None:
        node = self._root.items.get("after")
        if node is None:
            return None
        if isinstance(node, Scalar) and isinstance(node.value, int):
            self.bad(node, "`after` takes the name of a revision", "Put it into quotes.")
            return None
        name = self.text_of(node, "after")
        return None if name is None else After(revision=name, line=node.line)

    def _rows(self) -> tuple[tuple[Node, ...], Scalar | None, CsvForm | None]:
        items = self._root.items
        if "rows" in items and "rows_from" in items:
            self.bad(
                self._root.key_place("rows_from"),
                "`rows` and `rows_from` exclude each other",
                "Keep one; two sets may share a table.",
            )
        elif "rows_from" in items:
            node = items["rows_from"]
            if isinstance(node, Scalar) and self.is_text(node):
                return (), node, None
            if isinstance(node, Mapping):
                return (), *CsvFormReader(self.file, self.problems).read(node)
            self.bad(node, f"`rows_from` takes a file name or {{file: ...}}, not {kind(node)}")
        elif "rows" not in items and not self._computed:
            if self.problems.suggest("rows", [k for k in items if k not in KEYS]) is None:
                self.bad(
                    self._root,
                    "`rows` is missing",
                    "Give `rows:` or `rows_from:`; `rows: []` for none.",
                )
            return (), None, None
        return self.entries(self._root, "rows"), None, None

    def _choice(self, key: str, default: Choice) -> Choice:
        node = self._root.items.get(key)
        return default if node is None else self.choice_of(node, key, default)

    def _text(self, key: str) -> str | None:
        node = self._root.items.get(key)
        return None if node is None else self.text_of(node, key)
