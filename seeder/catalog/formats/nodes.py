"""What YAML and JSON files are read into: values that know where they stand.

Named tuples, because a file of ten thousand rows makes a hundred thousand of them and a
frozen dataclass takes three times as long to build.
"""

from __future__ import annotations

from collections.abc import Mapping as AnyMapping
from typing import NamedTuple, TypeAlias

from seeder.catalog.formats.files import Located, Unreadable
from seeder.merge.model import Cell, Generator

MAX_DEPTH = 100
"""Levels of nesting in one file."""

MAX_VALUES = 2_000_000
"""Values of one file, lists and mappings included: each takes many times the memory of its text."""


GENERATORS = {each.value: each for each in Generator}
"""By the tag that asks for it."""


class Scalar(NamedTuple):
    """One value."""

    value: Cell
    line: int | None = None
    column: int | None = None
    tag: str | None = None
    """Such as `env`: `value` is then the text behind the tag."""


class Sequence(NamedTuple):
    """A list."""

    items: tuple[Node, ...]
    line: int | None = None
    column: int | None = None


class Mapping(NamedTuple):
    """Keys, always text, and their values."""

    items: dict[str, Node]
    places: dict[str, tuple[int, int]]
    """Line and column of each key."""
    line: int | None = None
    column: int | None = None

    def key_place(self, key: str) -> Located:
        """Where the key stands; the mapping's own place for one that does not."""
        line, column = self.places.get(key, (self.line, self.column))
        return Located(line=line, column=column)


Node: TypeAlias = Scalar | Sequence | Mapping


def too_many(line: int, column: int) -> Unreadable:
    """What is wrong with a file of more than `MAX_VALUES`."""
    remedy = "Put the rows into a CSV file and name it in `rows_from:`."
    return Unreadable(f"holds more than {MAX_VALUES:,} values", remedy, line, column)


def node_of(value: object, *, line: int | None = None) -> Node:
    """A native value as nodes that all stand on one line (arguments of a decorator)."""
    if isinstance(value, AnyMapping):
        items = {str(key): node_of(each, line=line) for key, each in value.items()}
        return Mapping(items, {}, line)
    if isinstance(value, list | tuple | set | frozenset):
        ordered = sorted(value, key=str) if isinstance(value, set | frozenset) else value
        return Sequence(tuple(node_of(each, line=line) for each in ordered), line)
    # Any other object passes as it is; whoever reads the node checks its type.
    return Scalar(value, line)  # type: ignore[arg-type]


def kind(node: Node) -> str:
    """What a node is, for a sentence."""
    if isinstance(node, Mapping):
        return "a mapping"
    if isinstance(node, Sequence):
        return "a list"
    if node.tag is not None:
        return f"!{node.tag}"
    value = node.value
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, str):
        return "text"
    return "a number" if isinstance(value, int | float) else f"a {type(value).__name__}"
