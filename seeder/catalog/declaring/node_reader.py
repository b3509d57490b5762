"""Reading single keys of a seed file: what every part of a declaration has in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from collections.abc import Mapping as AnyMapping
from enum import StrEnum
from typing import TypeAlias, TypeGuard, TypeVar

from seeder.catalog.formats.nodes import Mapping, Node, Scalar, Sequence, kind
from seeder.catalog.formats.problems import FileProblems, listed
from seeder.merge.model import TableName

NAME_BYTES = 63
"""The longest name that Postgres knows."""

Choice = TypeVar("Choice", bound=StrEnum)
Key = TypeVar("Key")
Moved: TypeAlias = tuple[tuple[str, Key], tuple[str, Key], Mapping]
"""An old key and a new one, each as a text and as what the reader made of it, and the entry."""


class NodeReader(FileProblems):
    """Checks nodes of one file, and reports what is wrong with them."""

    def known(self, node: Mapping, known: tuple[str, ...], what: str) -> None:
        """Report keys that are not among the known ones."""
        for key in node.items:
            if key not in known:
                remedy = self.problems.suggest(
                    key, known, otherwise=f"Known are {', '.join(known)}."
                )
                self.bad(node.key_place(key), f"unknown {what} `{key}`", remedy)

    def are_constants(self, values: AnyMapping[str, Node], key: str) -> None:
        """Report what cannot stand in a statement; servers log those."""
        for value in values.values():
            if isinstance(value, Scalar) and value.tag == "env":
                self.bad(
                    value,
                    f"`{key}` takes no `!env`: its values stand in statements, which servers log",
                    "Write the value itself; `!env` is for rows and `defaults`.",
                )

    def is_mapping(self, node: Node, what: str, remedy: str | None = None) -> TypeGuard[Mapping]:
        """Whether it is a mapping; a problem if not."""
        if isinstance(node, Mapping):
            return True
        self.bad(node, f"{what} must be a mapping, not {kind(node)}", remedy)
        return False

    def is_text(self, node: Scalar) -> bool:
        """Whether it is text, not empty, and not behind a tag."""
        return isinstance(node.value, str) and node.tag is None and bool(node.value.strip())

    def text_of(self, node: Node, key: str) -> str | None:
        """A name; None, and a problem, for anything else."""
        if isinstance(node, Scalar) and self.is_text(node):
            return str(node.value)
        self.bad(node, f"`{key}` takes a name, not {kind(node)}")
        return None

    def names(self, node: Node, key: str) -> tuple[str, ...] | None:
        """One name or a list of them, each once."""
        items = node.items if isinstance(node, Sequence) else (node,)
        names: list[str] = []
        for item in items:
            if not isinstance(item, Scalar) or not self.is_text(item):
                self.bad(item, f"`{key}` takes names, not {kind(item)}")
                return None
            if item.value in names:
                self.bad(item, f"`{key}` names `{item.value}` twice")
                return None
            names.append(str(item.value))
        return tuple(names)

    def entries(self, node: Mapping, key: str) -> tuple[Node, ...]:
        """The entries of a list; none where the key is left out."""
        found = node.items.get(key)
        if found is None:
            return ()
        if isinstance(found, Sequence):
            return found.items
        self.bad(found, f"`{key}` must be a list, not {kind(found)}", "Start each entry with `-`.")
        return ()

    def moves(self, node: Mapping) -> tuple[Mapping, ...]:
        """The entries of `moved`: each has `from` and `to`."""
        found = []
        for each in self.entries(node, "moved"):
            if self.is_mapping(each, "an entry of `moved`"):
                self.known(each, ("from", "to"), "key of `moved`")
                if set(each.items) >= {"from", "to"}:
                    found.append(each)
                else:
                    remedy = "Write {from: A, to: B}."
                    self.bad(each, "an entry of `moved` needs `from` and `to`", remedy)
        return tuple(found)

    def followed(
        self, entries: Iterable[Mapping], key: Callable[[Node], tuple[str, Key] | None]
    ) -> list[Moved[Key]]:
        """Moves, each to its final key: a to b and b to c move a to c."""
        steps: dict[str, Moved[Key]] = {}
        for entry in entries:
            old, new = key(entry.items["from"]), key(entry.items["to"])
            if old is None or new is None:
                continue
            if old[0] in steps:
                before = steps[old[0]][2].line
                self.bad(entry, f"`{old[0]}` is already moved in line {before}")
            elif old[0] == new[0]:
                self.bad(entry, f"`{old[0]}` is moved to itself")
            else:
                steps[old[0]] = (old, new, entry)
        found = []
        for old, new, entry in steps.values():
            passed = {old[0]}
            while new[0] in steps and new[0] not in passed:
                passed.add(new[0])
                new = steps[new[0]][1]
            if new[0] in passed:
                self.bad(entry, f"the moves of `{old[0]}` lead in a circle")
            else:
                found.append((old, new, entry))
        return found

    def flag(self, node: Mapping, key: str) -> bool:
        """true or false; false when the key is left out."""
        value = node.items.get(key)
        if value is None:
            return False
        if isinstance(value, Scalar) and isinstance(value.value, bool):
            return value.value
        self.bad(value, f"`{key}` must be true or false, not {kind(value)}")
        return False

    def choice_of(self, node: Node, key: str, default: Choice) -> Choice:
        """The member of an enum that is written."""
        options = [each.value for each in type(default)]
        if isinstance(node, Scalar) and node.tag is None and node.value in options:
            return type(default)(str(node.value))
        given = str(node.value) if isinstance(node, Scalar) else ""
        remedy = self.problems.suggest(given, options, otherwise=f"Write {listed(options)}.")
        self.bad(node, f"`{key}` must be {listed(options)}", remedy)
        return default

    def table_name(self, node: Node) -> TableName | None:
        """`table` or `schema.table`; None, and a problem, for anything else."""
        if isinstance(node, Scalar) and type(node.value) is str and node.tag is None:
            parts = node.value.split(".")
            # Longer ones the server would cut, and take the table whose name is left.
            if any(len(part.encode()) > NAME_BYTES for part in parts):
                self.bad(node, f"`{node.value}` is longer than {NAME_BYTES} bytes, as no name is")
                return None
            if len(parts) <= 2 and all(part and part == part.strip() for part in parts):
                return TableName(schema=parts[0] if len(parts) == 2 else None, name=parts[-1])
        self.bad(node, "`table` must be the name of a table", "Write `table` or `schema.table`.")
        return None
