"""`columns:`: what a seed set says about single columns."""

from __future__ import annotations

from msgspec import Struct

from seeder.catalog.declaring.made import is_function
from seeder.catalog.declaring.strategies import STRATEGY_KEYS, StrategyReader
from seeder.catalog.formats.nodes import Mapping, Node, Scalar
from seeder.catalog.formats.problems import Spot
from seeder.merge.model import SetReference, Strategy, TableReference, Update

COLUMN_KEYS = ("ref", "expand", "update", "secret", "from", "was", *STRATEGY_KEYS)


class ColumnRule(Struct, frozen=True, kw_only=True):
    """What `columns:` says about one column."""

    name: str
    at: Spot
    reference: SetReference | TableReference | None = None
    expand: bool = False
    update: Update = Update.MERGE
    secret: bool = False
    made_by: str | None = None
    """`module:function`, of the application."""
    was: tuple[str, ...] = ()
    merge: Strategy | None = None


class ColumnReader(StrategyReader):
    """Reads the rules of all columns of a set."""

    def rules(self, node: Node | None) -> dict[str, ColumnRule]:
        """The rules, by column."""
        if node is None or not self.is_mapping(node, "`columns`", "Write column: {...}."):
            return {}
        rules = {}
        for column, rule in node.items.items():
            if self.is_mapping(rule, f"the rule of `{column}`", "Write {update: always}."):
                rules[column] = self._rule(column, rule, node.key_place(column))
        return rules

    def _rule(self, column: str, node: Mapping, at: Spot) -> ColumnRule:
        self.known(node, COLUMN_KEYS, "column key")
        reference = self._reference(node.items["ref"]) if "ref" in node.items else None
        made_by = self._function(node)
        # What goes into a function is most often a password, and what comes out differs each time.
        secret = self.flag(node, "secret") or made_by is not None
        expand = self.flag(node, "expand")
        update = Update.NEVER if secret else Update.MERGE
        if "update" in node.items:
            update = self.choice_of(node.items["update"], "update", update)
            if secret and update is Update.MERGE:
                self.bad(
                    node.items["update"],
                    f"`{column}` is secret and cannot merge: no ledger holds what was applied",
                    "Write `update: never` or `update: always`.",
                )
        if made_by is not None and ("ref" in node.items or update is not Update.NEVER):
            self.bad(
                node.key_place("from"),
                f"`{column}` is made by a function when a row is inserted, and by nothing else",
                "Leave `ref` and `update` out.",
            )
        if expand and "ref" not in node.items:
            self.bad(
                node.key_place("expand"),
                "`expand` matches rows of another set and needs `ref`",
                "Write {ref: SET, expand: true}.",
            )
        elif expand and isinstance(reference, TableReference):
            self.bad(
                node.key_place("expand"), "`expand` needs a `ref` to a seed set, not to a table"
            )
        strategy = self.strategy(column, node)
        if strategy is not None and (reference is not None or update is not Update.MERGE):
            self.bad(
                node.items["merge"],
                f"`{column}` cannot be merged inside",
                "References, secrets and columns with `update: always` or `never` are one value.",
            )
        return ColumnRule(
            name=column,
            at=at,
            reference=reference,
            expand=expand and isinstance(reference, SetReference),
            update=update,
            secret=secret,
            made_by=made_by,
            was=(self.names(node.items["was"], "was") or ()) if "was" in node.items else (),
            merge=strategy,
        )

    def _function(self, node: Mapping) -> str | None:
        written = node.items.get("from")
        name = None if written is None else self.text_of(written, "from")
        if name is None:
            return None
        if not is_function(name):
            self.bad(
                written,
                f"`from` takes a function of the application, not `{name}`",
                "Write module:function, such as app.security:hash_password.",
            )
        return name

    def _reference(self, node: Node) -> SetReference | TableReference | None:
        if isinstance(node, Scalar) and self.is_text(node):
            return SetReference(set=str(node.value))
        if isinstance(node, Mapping):
            self.known(node, ("table", "key"), "key of `ref`")
            table, key = node.items.get("table"), node.items.get("key")
            if table is not None and key is not None:
                name, column = self.table_name(table), self.text_of(key, "key")
                if name is not None and column is not None:
                    return TableReference(table=name, key=column)
                return None
        self.bad(
            node, "`ref` names no rows", "Write the name of a set, or {table: TABLE, key: COLUMN}."
        )
        return None
