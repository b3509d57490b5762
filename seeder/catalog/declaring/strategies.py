"""How a column's documents are merged: `merge`, `by` and `paths` of a column."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec.structs import replace

from seeder.catalog.declaring.node_reader import Choice, NodeReader
from seeder.catalog.formats.nodes import Mapping, Node, Scalar, Sequence
from seeder.merge.documents import list_key, read, token_of
from seeder.merge.model import Cell, Conflict, Strategy, Text, Update, Way

STRATEGY_KEYS = ("merge", "by", "moved", "paths")
_PATH_KEYS = ("merge", "by", "moved", "update", "conflict")
_PART = re.compile(r"(?:[^.\\]|\\.)+")


class StrategyReader(NodeReader):
    """Reads how documents are merged."""

    def strategy(self, column: str, node: Mapping) -> Strategy | None:
        """The strategy of a column; None where its value is merged as a whole."""
        said = self._way(node, f"`{column}`")
        way = said.way
        paths = node.items.get("paths")
        if paths is None or not self.is_mapping(paths, "`paths`", "Write path: {merge: set}."):
            return None if way is Way.ATOMIC else said
        if way not in (Way.MAP, Way.LIST):
            self.bad(
                node.key_place("paths"),
                f"`paths` needs a document with an inside, and `{column}` is merged as a whole"
                if way is Way.ATOMIC
                else "`paths` lead into mappings, and a set has none",
                "Write `merge: map` beside it.",
            )
            return None
        tree = _Tree(said)
        for path, rule in paths.items.items():
            if self.is_mapping(rule, f"the rule of `{path}`", "Write {merge: set}."):
                self.known(rule, _PATH_KEYS, "key of a path")
                update = self._choice(rule, "update", Update.MERGE)
                conflict = self._choice(rule, "conflict", Conflict.KEEP)
                inner = self._way(rule, f"`{path}`")
                tree.place(_parts(path), replace(inner, update=update, conflict=conflict))
        return tree.strategy()

    def _way(self, node: Mapping, what: str) -> Strategy:
        way = Way.ATOMIC
        if "merge" in node.items:
            way = self.choice_of(node.items["merge"], "merge", way)
        by = self.names(node.items["by"], "by") or () if "by" in node.items else ()
        if way is Way.LIST and "by" not in node.items:
            self.bad(
                node.items["merge"],
                f"{what} is merged as a list, and nothing says which elements are the same",
                "Write the keys that tell them apart, as in {merge: list, by: [sku]}.",
            )
        for key in ("by", "moved"):
            if way is not Way.LIST and key in node.items:
                told = "tells the elements of a list apart" if key == "by" else "is for a list"
                self.bad(node.key_place(key), f"`{key}` {told}", "Write `merge: list`.")
        if way is not Way.LIST or not by:
            return Strategy(way=way, by=by)
        moves = self.followed(self.moves(node), lambda each: self._element_key(each, by))
        return Strategy(way=way, by=by, moved=tuple((old, new) for (_, old), (_, new), _ in moves))

    def _element_key(self, node: Node, by: tuple[str, ...]) -> tuple[str, str] | None:
        """The key of an element, as people write it and as `list_key` does."""
        nodes = node.items if isinstance(node, Sequence) else (node,)
        plain = [each.value for each in nodes if isinstance(each, Scalar) and each.tag is None]
        if not len(plain) == len(nodes) == len(by):
            wanted = "one value" if len(by) == 1 else f"a list of {len(by)} values"
            self.bad(node, f"the key of an element is {wanted}: {', '.join(by)}")
            return None
        return ",".join(map(str, plain)), token_of(plain)

    def _choice(self, node: Mapping, name: str, default: Choice) -> Choice | None:
        return self.choice_of(node.items[name], name, default) if name in node.items else None


class _Tree:
    """Strategies by path, while they are read in any order."""

    def __init__(self, said: Strategy) -> None:
        self.said = said
        self.inside: dict[str, _Tree] = {}

    def place(self, parts: list[str], said: Strategy) -> None:
        """Say how the part at a path is merged."""
        first, *rest = parts
        child = self.inside.setdefault(first, _Tree(Strategy(way=Way.MAP)))
        if rest:
            child.place(rest, said)
        else:
            child.said = said

    def strategy(self) -> Strategy:
        """All of it as a value."""
        inside = tuple((name, each.strategy()) for name, each in sorted(self.inside.items()))
        return replace(self.said, paths=inside)


def _parts(path: str) -> list[str]:
    return [re.sub(r"\\(.)", r"\1", part) for part in _PART.findall(path)] or [path]


def misfits(value: Cell, strategy: Strategy, path: str = "") -> Iterator[tuple[str, str]]:
    """What is wrong with a desired document, each with what would be right.

    Texts that are no JSON are left to the database.
    """
    if isinstance(value, Text) and not path:
        try:
            value = read(value)  # type: ignore[assignment]  # a document is a cell
        except ValueError:
            return
    if not value or isinstance(value, str):
        return
    where = f" at `{path}`" if path else ""
    match strategy.way:
        case Way.MAP if isinstance(value, dict):
            for name, each in value.items():
                yield from misfits(each, strategy.inside(name), f"{path}.{name}".lstrip("."))
        case Way.SET if isinstance(value, list | tuple):
            seen = set()
            for each in value:
                token = token_of(each)
                if token in seen:
                    yield f"an element is in the set twice{where}", "Write it once."
                    return
                seen.add(token)
        case Way.LIST if isinstance(value, list | tuple):
            yield from _list_misfits(value, strategy, path, where)
        case Way.ATOMIC:
            pass
        case Way.MAP if path:
            pass  # a plain value among the keys of a mapping
        case way:
            shape = "a mapping" if way is Way.MAP else "a list"
            yield f"`merge: {way.value}` needs {shape}{where}", "Write one, or merge as a whole."


def _list_misfits(
    value: list[Cell] | tuple[Cell, ...], strategy: Strategy, path: str, where: str
) -> Iterator[tuple[str, str]]:
    names = ", ".join(strategy.by)
    seen = set()
    for each in value:
        key = list_key(each, strategy.by)
        if key is None:
            yield (
                f"an element of the list{where} has no {names}",
                "Every element needs the keys that `by` names.",
            )
            return
        if key in seen:
            yield f"two elements of the list{where} have the same {names}", "Write one of them."
            return
        seen.add(key)
        yield from misfits(each, strategy.element(), path)
    for old, new in strategy.moved:
        if old in seen and new in seen:
            yield (
                f"an element of the list{where} is moved away and still there",
                "Remove the element, or the move.",
            )
