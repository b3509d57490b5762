"""YAML into nodes, with the line and column of everything.

Built from the parser's events, not with PyYAML's composer: that one recurses in C (deep
nesting overflows its stack), keeps the last of two equal keys, and shares what an alias
repeats, so that an alias bomb goes off later, in whoever walks the result.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, TypeAlias

import yaml

from seeder.catalog.formats.files import Located, Unreadable, place_of
from seeder.catalog.formats.nodes import (
    GENERATORS,
    MAX_DEPTH,
    MAX_VALUES,
    Mapping,
    Node,
    Scalar,
    Sequence,
    too_many,
)
from seeder.catalog.formats.problems import Problems
from seeder.catalog.formats.scalars import Surprise, plain

MAX_REPEATED = 1_000_000
"""Nodes that the aliases of one file may repeat, all together."""

_TAGS = {f"!{name}": name for name in ("env", "file", "json", *GENERATORS)}
_BARE = tuple(f"!{name}" for name in GENERATORS)
"""Tags that nothing follows."""
_MENDED = 100
"""How many of them may stand right before a bracket, in one file."""
_STRING = frozenset({"!", "tag:yaml.org,2002:str"})
_COLLECTION = frozenset({"!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"})
_CONTROL = re.compile("[\x01-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x84\x86-\x9f\ufffe\uffff]")


def read_yaml(text: str, *, file: str, problems: Problems) -> Node | None:
    """The file's one document; None when it holds nothing.

    Surprising values and duplicate keys go to `problems`. Raises `Unreadable` for what
    makes the rest of the file meaningless.
    """
    control = _CONTROL.search(text)
    if control is not None:
        raise Unreadable(
            f"contains the control character U+{ord(control.group()):04X}",
            'Write it as an escape in a quoted value, such as "\\x1b".',
            *place_of(text, control.start()),
        )
    for _ in range(_MENDED):
        found = Problems()
        try:
            root = _Builder(text, file, found).build()
        except yaml.MarkedYAMLError as error:
            repaired = _parted(text, error.problem_mark)
            if repaired is None:
                problems.extend(found)
                raise _syntax(error, text) from None
            text = repaired
        except yaml.YAMLError:
            raise Unreadable("is not valid YAML") from None
        else:
            problems.extend(found)
            return root
    raise Unreadable(
        f"has {_BARE[0]} or {_BARE[1]} right before a bracket in more than {_MENDED} places",
        remedy="Write it once, under `defaults:`.",
    )


def _parted(text: str, mark: yaml.Mark | None) -> str | None:
    """The text with a blank before a bracket that stands right behind a bare tag.

    `{id: !uuid}` is what anybody writes; to YAML the bracket would be part of the tag.
    """
    if mark is None:
        return None
    lines = text.splitlines(keepends=True)
    line = lines[mark.line] if mark.line < len(lines) else ""
    before, after = line[: mark.column], line[mark.column :]
    if not before.endswith(_BARE) or not after.startswith(("}", "]")):
        return None
    lines[mark.line] = f"{before} {after}"
    return "".join(lines)


_Built: TypeAlias = tuple[Node, int, int]
"""A node; how many nodes it holds, keys and itself among them; how many levels."""


class _Builder:
    def __init__(self, text: str, file: str, problems: Problems) -> None:
        # The C parser reads a file of 10,000 rows in a sixth of the time.
        self._loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
        self._next = self._loader.get_event
        self._file = file
        self._problems = problems
        self._anchors: dict[str, _Built | None] = {}
        """None: its node is still being read."""
        self._repeated = 0
        self._values = 0

    def build(self) -> Node | None:
        root: Node | None = None
        try:
            while type(event := self._next()) is not yaml.StreamEndEvent:
                if type(event) is not yaml.DocumentStartEvent:
                    continue
                if root is not None:
                    remedy = "One file is one seed set: split it at the `---`."
                    raise Unreadable("holds a second document", remedy, *_place(event))
                root, _, _ = self._node(self._next(), 0)
        finally:
            self._loader.dispose()
        return root

    def _node(self, event: Any, depth: int, key: yaml.ScalarEvent | None = None) -> _Built:
        """What begins with an event, within so many others, and behind a key of a mapping."""
        kind = type(event)
        if kind is yaml.ScalarEvent:
            built: _Built = self._scalar(event, key), 1, 0
        elif kind is yaml.AliasEvent:
            built = self._aliased(event, depth)
        elif kind is yaml.MappingStartEvent:
            built = self._mapping(event, depth)
        else:
            built = self._sequence(event, depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = built
        self._values += 1
        if self._values > MAX_VALUES:
            raise too_many(built[0].line or 1, built[0].column or 1)
        return built

    def _scalar(self, event: yaml.ScalarEvent, key: yaml.ScalarEvent | None) -> Scalar:
        line, column = _place(event)
        tag = event.tag
        if tag is None and event.implicit[0]:
            if event.value == "" and key is not None:
                self._require_colon(key, event)
            try:
                return Scalar(plain(event.value), line, column)
            except Surprise as surprise:
                self._report(surprise.message, surprise.remedy, line, column)
        elif tag is None or tag in _STRING:
            if "\0" in event.value:
                self._report("Postgres cannot store a NUL character", None, line, column)
        else:
            return Scalar(event.value, line, column, self._tag(tag, line, column))
        return Scalar(event.value, line, column)

    def _require_colon(self, key: yaml.ScalarEvent, empty: yaml.ScalarEvent) -> None:
        """Report a key that nothing follows, `b and c` in `{text: a, b and c}`.

        To YAML it is a key whose value is null.
        """
        if _index(empty.start_mark) == _index(key.end_mark):
            self._report(
                f"`{key.value}` has no value: in braces a comma begins the next key",
                'Quote a value that holds a comma, such as "a, b"; for no value write'
                f" `{key.value}: null`.",
                *_place(key),
            )

    def _tag(self, tag: str, line: int, column: int) -> str | None:
        if tag in _TAGS:
            return _TAGS[tag]
        shown = tag.replace("tag:yaml.org,2002:", "!!")
        remedy = self._problems.suggest(
            tag, list(_TAGS), otherwise=f"Seed files know {', '.join(_TAGS)} and !!str."
        )
        self._report(f"`{shown}` is not a known tag", remedy, line, column)
        return None

    def _mapping(self, event: yaml.MappingStartEvent, depth: int) -> _Built:
        line, column = self._opened(event, depth)
        entries: dict[str, Node] = {}
        places: dict[str, tuple[int, int]] = {}
        merged: list[Mapping] = []
        size = height = 1
        while type(key := self._next()) is not yaml.MappingEndEvent:
            name = self._key(key, places, depth + 1)
            node, its_size, its_height = self._node(self._next(), depth + 1, key)
            size += 1 + its_size
            height = max(height, 1 + its_height)
            if name == "<<":
                merged += self._bases(node, line)
            else:
                entries.setdefault(name, node)
        places.pop("<<", None)
        for base in merged:
            for name, node in base.items.items():
                if name not in entries:
                    entries[name] = node
                    places[name] = base.places[name]
        return Mapping(entries, places, line, column), size, height

    def _sequence(self, event: yaml.SequenceStartEvent, depth: int) -> _Built:
        line, column = self._opened(event, depth)
        items: list[Node] = []
        size = height = 1
        while type(item := self._next()) is not yaml.SequenceEndEvent:
            node, its_size, its_height = self._node(item, depth + 1)
            items.append(node)
            size += its_size
            height = max(height, 1 + its_height)
        return Sequence(tuple(items), line, column), size, height

    def _opened(
        self, event: yaml.MappingStartEvent | yaml.SequenceStartEvent, depth: int
    ) -> tuple[int, int]:
        """Where a mapping or a sequence begins that may be read."""
        line, column = _place(event)
        if depth >= MAX_DEPTH:
            raise self._too_deep(line, column)
        if event.tag is not None and event.tag not in _COLLECTION:
            self._report(f"`{event.tag}` needs text, not a list or mapping", None, line, column)
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        return line, column

    def _key(self, event: Any, places: dict[str, tuple[int, int]], depth: int) -> str:
        line, column = _place(event)
        if type(event) is yaml.AliasEvent:
            raise Unreadable("an alias cannot be a key", None, line, column)
        if type(event) is not yaml.ScalarEvent:
            if depth >= MAX_DEPTH:
                raise self._too_deep(line, column)
            raise Unreadable("a key must be plain text", None, line, column)
        key: str = event.value
        if event.tag is not None and event.tag not in _STRING:
            self._report("a tag cannot stand before a key", None, line, column)
        if event.anchor is not None:
            self._anchors[event.anchor] = Scalar(key, line, column), 1, 0
        if key in places and key != "<<":
            self._report(
                f"the key `{key}` is already given in line {places[key][0]}",
                "Remove one of the two: only one can count.",
                line,
                column,
            )
        else:
            places[key] = (line, column)
        return key

    def _bases(self, node: Node, line: int) -> Iterator[Mapping]:
        """The mappings behind `<<`, in the mapping that begins in this line."""
        for base in node.items if isinstance(node, Sequence) else (node,):
            if isinstance(base, Mapping):
                yield base
            else:
                place = base.line or line, base.column or 1
                self._report("`<<` merges mappings only", None, *place)

    def _aliased(self, event: yaml.AliasEvent, depth: int) -> _Built:
        line, column = _place(event)
        name = str(event.anchor)
        target = self._anchors.get(name)
        if target is None:
            inside = name in self._anchors
            wrong = "stands inside its own anchor" if inside else "has no anchor before it"
            raise Unreadable(f"the alias `*{name}` {wrong}", None, line, column)
        _, size, height = target
        self._repeated += size
        if self._repeated > MAX_REPEATED:
            remedy = "Write the rows out, or yield them from a Python seeder."
            message = f"aliases repeat more than {MAX_REPEATED:,} values"
            raise Unreadable(message, remedy, line, column)
        if depth + height > MAX_DEPTH:
            raise self._too_deep(line, column)
        return target

    def _too_deep(self, line: int, column: int) -> Unreadable:
        return Unreadable(f"is nested more than {MAX_DEPTH} levels deep", None, line, column)

    def _report(self, message: str, remedy: str | None, line: int, column: int) -> None:
        at = Located(line=line, column=column)
        self._problems.add(message, remedy=remedy, file=self._file, at=at)


def _place(event: yaml.Event) -> tuple[int, int]:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)


def _index(mark: Any) -> int:
    return -1 if mark is None else int(mark.index)


def _syntax(error: yaml.MarkedYAMLError, text: str) -> Unreadable:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else None
    column = mark.column + 1 if mark else None
    message = f"is not valid YAML: {error.problem or 'syntax error'}"
    if error.context:
        began = error.context_mark
        since = f" (line {began.line + 1})" if began and began.line + 1 != line else ""
        message += f", {error.context}{since}"
    remedy = None
    if line is not None:
        written = text.splitlines()[line - 1 : line]
        if written and "\t" in written[0][: len(written[0]) - len(written[0].lstrip())]:
            remedy = "Indent with spaces: YAML allows no tabs there."
        elif error.problem and "mapping values are not allowed" in error.problem:
            remedy = "Quote a value that contains `: `."
    return Unreadable(message, remedy, line, column)
