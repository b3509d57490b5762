"""JSON into nodes, strictly, with the line and column of everything.

Not through the YAML parser: that one refuses what every JSON writer emits (surrogate
pairs, long keys) and accepts what none may. Not recursive: depth is data.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from json.decoder import (  # type: ignore[attr-defined]  # json.scanner uses it; typeshed omits it
    JSONDecodeError,
    scanstring,
)

from msgspec import Struct, field

from seeder.catalog.formats.files import Located, Unreadable
from seeder.catalog.formats.nodes import (
    MAX_DEPTH,
    MAX_VALUES,
    Mapping,
    Node,
    Scalar,
    Sequence,
    too_many,
)
from seeder.catalog.formats.problems import Problems
from seeder.catalog.formats.scalars import MAX_DIGITS, Surprise, exact
from seeder.merge.model import Cell

_SPACE = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"(-?(?:0|[1-9][0-9]*))(\.[0-9]+)?([eE][-+]?[0-9]+)?", re.ASCII)
_WORD = re.compile(r"[A-Za-z_]+")
_SURROGATE = re.compile("[\ud800-\udfff]")
_WORDS: dict[str, Cell] = {"null": None, "true": True, "false": False}


def read_json(text: str, *, file: str, problems: Problems) -> Node:
    """The file's value. Duplicate keys go to `problems`; `Unreadable` for bad syntax."""
    return _Reader(text, file, problems).read()


class _Open(Struct):
    """An array or object that has not ended yet."""

    line: int
    column: int
    is_object: bool
    items: list[Node] = field(default_factory=list)
    entries: dict[str, Node] = field(default_factory=dict)
    places: dict[str, tuple[int, int]] = field(default_factory=dict)
    key: str = ""

    def put(self, node: Node) -> None:
        if self.is_object:
            self.entries.setdefault(self.key, node)
        else:
            self.items.append(node)

    def closed(self) -> Node:
        if self.is_object:
            return Mapping(self.entries, self.places, self.line, self.column)
        return Sequence(tuple(self.items), self.line, self.column)


class _Reader:
    def __init__(self, text: str, file: str, problems: Problems) -> None:
        self._text = text
        self._file = file
        self._problems = problems
        self._lines = [0, *(match.end() for match in re.finditer("\n", text))]

    def read(self) -> Node:
        text = self._text
        stack: list[_Open] = []
        at = self._skip(0)
        values = 0
        while True:
            values += 1
            if values > MAX_VALUES:
                line, column = self._place(at)
                raise too_many(line=line, column=column)
            here = text[at : at + 1]
            if here == "[" or here == "{":
                if len(stack) >= MAX_DEPTH:
                    raise self._bad(at, f"is nested more than {MAX_DEPTH} levels deep")
                opened = _Open(*self._place(at), here == "{")
                at = self._skip(at + 1)
                if text[at : at + 1] != ("}" if opened.is_object else "]"):
                    stack.append(opened)
                    if opened.is_object:
                        at = self._key(opened, at)
                    continue
                node, at = opened.closed(), at + 1
            else:
                node, at = self._scalar(at)
            # A value has ended, and with it perhaps the arrays and objects around it.
            while stack:
                top = stack[-1]
                top.put(node)
                at = self._skip(at)
                following = text[at : at + 1]
                if following == ",":
                    at = self._skip(at + 1)
                    if top.is_object:
                        at = self._key(top, at)
                    break
                end = "}" if top.is_object else "]"
                if following != end:
                    raise self._bad(at, f"is not valid JSON: `,` or `{end}` expected")
                node, at = stack.pop().closed(), at + 1
            else:
                at = self._skip(at)
                if at < len(text):
                    raise self._bad(at, "is not valid JSON: something follows its end")
                return node

    def _skip(self, at: int) -> int:
        match = _SPACE.match(self._text, at)
        return match.end() if match else at

    def _place(self, at: int) -> tuple[int, int]:
        line = bisect_right(self._lines, at)
        return line, at - self._lines[line - 1] + 1

    def _key(self, top: _Open, at: int) -> int:
        """Read `"key":`; the position of the value behind it."""
        if self._text[at : at + 1] != '"':
            raise self._bad(at, "is not valid JSON: a quoted key expected")
        place = self._place(at)
        key, end = self._string(at)
        if key in top.places:
            self._problems.add(
                f"the key `{key}` is already given in line {top.places[key][0]}",
                remedy="Remove one of the two: only one can count.",
                file=self._file,
                at=Located(line=place[0], column=place[1]),
            )
        else:
            top.places[key] = place
        top.key = key
        end = self._skip(end)
        if self._text[end : end + 1] != ":":
            raise self._bad(end, "is not valid JSON: `:` expected")
        return self._skip(end + 1)

    def _string(self, at: int) -> tuple[str, int]:
        try:
            value, end = scanstring(self._text, at + 1, True)
        except JSONDecodeError as error:
            raise self._bad(error.pos, f"is not valid JSON: {error.msg.lower()}") from None
        # Escapes alone can bring these in: the file itself is UTF-8 without NUL.
        if "\\" in self._text[at:end]:
            if "\0" in value:
                raise self._bad(at, "contains a NUL character, which Postgres cannot store")
            if _SURROGATE.search(value):
                raise self._bad(at, "contains half of a surrogate pair, which is no character")
        return value, end

    def _scalar(self, at: int) -> tuple[Scalar, int]:
        line, column = self._place(at)
        if self._text[at : at + 1] == '"':
            value, end = self._string(at)
            return Scalar(value, line, column), end
        number = _NUMBER.match(self._text, at)
        if number is not None:
            return Scalar(self._number(number, at), line, column), number.end()
        word = _WORD.match(self._text, at)
        if word is None or word.group() not in _WORDS:
            raise self._bad(at, "is not valid JSON: a value expected")
        return Scalar(_WORDS[word.group()], line, column), word.end()

    def _number(self, number: re.Match[str], at: int) -> Cell:
        whole, fraction, exponent = number.groups()
        if fraction is None and exponent is None and len(whole) <= MAX_DIGITS:
            return int(whole)
        try:
            return exact(number.group())
        except Surprise as surprise:
            raise self._bad(at, surprise.message, surprise.remedy) from None

    def _bad(self, at: int, message: str, remedy: str | None = None) -> Unreadable:
        line, column = self._place(at)
        return Unreadable(message, remedy=remedy, line=line, column=column)
