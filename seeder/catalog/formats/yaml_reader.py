"""YAML into nodes, with the line and column of everything.

Built from the parser's events, not with PyYAML's composer: that one recurses in C (deep
nesting overflows its stack), keeps the last of two equal keys, and shares what an alias
repeats, so that an alias bomb goes off later, in whoever walks the result.
"""

from __future__ import annotations

import re
from typing import Any

import yaml
from msgspec import Struct, field

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
_CONTROL = re.compile("[\x01-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x84\x86-\x9f\ufffe\uffff]")


def read_yaml(text: str, *, file: str, problems: Problems) -> Node | None:
    """The file's one document; None when it holds nothing.

    Surprising values and duplicate keys go to `problems`. Raises `Unreadable` for what
    makes the rest of the file meaningless.
    """
    control = _CONTROL.search(text)
    if control is not None:
        line, column = place_of(text, control.start())
        raise Unreadable(
            f"contains the control character U+{ord(control.group()):04X}",
            remedy='Write it as an escape in a quoted value, such as "\\x1b".',
            line=line,
            column=column,
        )
    for _ in range(_MENDED):
        found = Problems()
        try:
            root = _Builder(file, found).build(text)
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


class _Open(Struct):
    """A sequence or mapping that has not ended yet."""

    line: int
    column: int
    anchor: str | None
    is_mapping: bool
    items: list[Node] = field(default_factory=list)
    entries: dict[str, Node] = field(default_factory=dict)
    places: dict[str, tuple[int, int]] = field(default_factory=dict)
    merged: list[Mapping] = field(default_factory=list)
    key: str | None = None
    key_end: int = -1
    """Where it ends, as an index into the text."""
    repeated_key: bool = False
    size: int = 1
    height: int = 1


class _Anchored(Struct, frozen=True):
    node: Node
    size: int
    height: int


class _Builder:
    def __init__(self, file: str, problems: Problems) -> None:
        self._file = file
        self._problems = problems
        self._stack: list[_Open] = []
        self._anchors: dict[str, _Anchored | None] = {}
        self._repeated = 0
        self._values = 0
        self._root: Node | None = None

    def build(self, text: str) -> Node | None:
        # The C parser reads a file of 10,000 rows in a sixth of the time.
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
        next_event = loader.get_event
        documents = 0
        try:
            while True:
                event = next_event()
                kind = type(event)
                if kind is yaml.ScalarEvent:
                    self._scalar(event)
                elif kind is yaml.MappingStartEvent:
                    self._start(event, is_mapping=True)
                elif kind is yaml.SequenceStartEvent:
                    self._start(event, is_mapping=False)
                elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                    self._end()
                elif kind is yaml.AliasEvent:
                    self._alias(event)
                elif kind is yaml.DocumentStartEvent:
                    documents += 1
                    if documents > 1:
                        line, column = _place(event)
                        raise Unreadable(
                            "holds a second document",
                            remedy="One file is one seed set: split it at the `---`.",
                            line=line,
                            column=column,
                        )
                elif kind is yaml.StreamEndEvent:
                    return self._root
        finally:
            loader.dispose()

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        line, column = _place(event)
        if self._stack:
            top = self._stack[-1]
            if top.is_mapping and top.key is None:
                self._key(top, event, line, column)
                return
        tag = event.tag
        if tag is None and event.implicit[0]:
            if event.value == "":
                self._require_colon(event)
            try:
                node = Scalar(plain(event.value), line, column)
            except Surprise as surprise:
                self._report(surprise.message, surprise.remedy, line, column)
                node = Scalar(event.value, line, column)
        elif tag is None or tag in _STRING:
            if "\0" in event.value:
                self._report("Postgres cannot store a NUL character", None, line, column)
            node = Scalar(event.value, line, column)
        else:
            node = Scalar(event.value, line, column, self._tag(tag, line, column))
        if event.anchor is not None:
            self._anchors[event.anchor] = _Anchored(node, 1, 0)
        self._put(node, 1, 0)

    def _key(self, top: _Open, event: yaml.ScalarEvent, line: int, column: int) -> None:
        key = event.value
        if event.tag is not None and event.tag not in _STRING:
            self._report("a tag cannot stand before a key", None, line, column)
        if event.anchor is not None:
            self._anchors[event.anchor] = _Anchored(Scalar(key, line, column), 1, 0)
        top.size += 1
        top.repeated_key = key in top.places
        if top.repeated_key and key != "<<":
            first = top.places[key][0]
            self._report(
                f"the key `{key}` is already given in line {first}",
                "Remove one of the two: only one can count.",
                line,
                column,
            )
        else:
            top.places[key] = (line, column)
        top.key = key
        top.key_end = _index(event.end_mark)

    def _require_colon(self, empty: yaml.ScalarEvent) -> None:
        """Report a key that nothing follows, `b and c` in `{text: a, b and c}`.

        To YAML it is a key whose value is null.
        """
        top = self._stack[-1] if self._stack else None
        if top is None or top.key is None or _index(empty.start_mark) != top.key_end:
            return
        line, column = top.places[top.key]
        self._report(
            f"`{top.key}` has no value: in braces a comma begins the next key",
            'Quote a value that holds a comma, such as "a, b"; for no value write'
            f" `{top.key}: null`.",
            line,
            column,
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

    def _start(
        self, event: yaml.MappingStartEvent | yaml.SequenceStartEvent, *, is_mapping: bool
    ) -> None:
        line, column = _place(event)
        if len(self._stack) >= MAX_DEPTH:
            raise self._too_deep(line, column)
        if self._stack and self._stack[-1].is_mapping and self._stack[-1].key is None:
            raise Unreadable("a key must be plain text", line=line, column=column)
        if event.tag is not None and event.tag not in (
            "!",
            "tag:yaml.org,2002:map",
            "tag:yaml.org,2002:seq",
        ):
            self._report(f"`{event.tag}` needs text, not a list or mapping", None, line, column)
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        self._stack.append(_Open(line, column, event.anchor, is_mapping))

    def _end(self) -> None:
        done = self._stack.pop()
        node: Node
        if done.is_mapping:
            done.places.pop("<<", None)
            for base in done.merged:
                for key, value in base.items.items():
                    if key not in done.entries:
                        done.entries[key] = value
                        done.places[key] = base.places[key]
            node = Mapping(done.entries, done.places, done.line, done.column)
        else:
            node = Sequence(tuple(done.items), done.line, done.column)
        if done.anchor is not None:
            self._anchors[done.anchor] = _Anchored(node, done.size, done.height)
        self._put(node, done.size, done.height)

    def _alias(self, event: yaml.AliasEvent) -> None:
        line, column = _place(event)
        name = str(event.anchor)
        if self._stack and self._stack[-1].is_mapping and self._stack[-1].key is None:
            raise Unreadable("an alias cannot be a key", line=line, column=column)
        target = self._anchors.get(name)
        if target is None:
            inside = name in self._anchors
            raise Unreadable(
                f"the alias `*{name}` stands inside its own anchor"
                if inside
                else f"the alias `*{name}` has no anchor before it",
                line=line,
                column=column,
            )
        self._repeated += target.size
        if self._repeated > MAX_REPEATED:
            raise Unreadable(
                f"aliases repeat more than {MAX_REPEATED:,} values",
                remedy="Write the rows out, or yield them from a Python seeder.",
                line=line,
                column=column,
            )
        if len(self._stack) + target.height > MAX_DEPTH:
            raise self._too_deep(line, column)
        self._put(target.node, target.size, target.height)

    def _put(self, node: Node, size: int, height: int) -> None:
        self._values += 1
        if self._values > MAX_VALUES:
            raise too_many(line=node.line or 1, column=node.column or 1)
        if not self._stack:
            self._root = node
            return
        top = self._stack[-1]
        top.size += size
        if height >= top.height:
            top.height = height + 1
        if not top.is_mapping:
            top.items.append(node)
        elif top.key == "<<":
            self._merge(top, node)
            top.key = None
        else:
            if not top.repeated_key and top.key is not None:
                top.entries[top.key] = node
            top.key = None

    def _merge(self, top: _Open, node: Node) -> None:
        bases = node.items if isinstance(node, Sequence) else (node,)
        for base in bases:
            if isinstance(base, Mapping):
                top.merged.append(base)
            else:
                self._report(
                    "`<<` merges mappings only", None, base.line or top.line, base.column or 1
                )

    def _too_deep(self, line: int, column: int) -> Unreadable:
        return Unreadable(f"is nested more than {MAX_DEPTH} levels deep", line=line, column=column)

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
    return Unreadable(message, remedy=remedy, line=line, column=column)
