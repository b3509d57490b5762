"""JSON into nodes, strictly, with the line and column of everything.

Not through the YAML parser: that one refuses what every JSON writer emits (surrogate
pairs, long keys) and accepts what none may. Depth is data, so it has a limit of its own.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from json.decoder import (  # type: ignore[attr-defined]  # json.scanner uses it; typeshed omits it
    JSONDecodeError,
    scanstring,
)

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


class _Reader:
    def __init__(self, text: str, file: str, problems: Problems) -> None:
        self._text = text
        self._file = file
        self._problems = problems
        self._lines = [0, *(match.end() for match in re.finditer("\n", text))]
        self._values = 0

    def read(self) -> Node:
        node, at = self._value(self._skip(0), 0)
        at = self._skip(at)
        if at < len(self._text):
            raise self._bad(at, "is not valid JSON: something follows its end")
        return node

    def _value(self, at: int, depth: int) -> tuple[Node, int]:
        """The value at a position inside so many others, and where it ends."""
        self._values += 1
        if self._values > MAX_VALUES:
            raise too_many(*self._place(at))
        opening = self._text[at : at + 1]
        if opening != "[" and opening != "{":
            return self._scalar(at)
        if depth >= MAX_DEPTH:
            raise self._bad(at, f"is nested more than {MAX_DEPTH} levels deep")
        read = self._array if opening == "[" else self._object
        return read(at, depth + 1)

    def _array(self, start: int, depth: int) -> tuple[Sequence, int]:
        items: list[Node] = []
        at = self._skip(start + 1)
        ended = self._text[at : at + 1] == "]"
        while not ended:
            node, at = self._value(at, depth)
            items.append(node)
            at, ended = self._following(at, "]")
        return Sequence(tuple(items), *self._place(start)), at + 1

    def _object(self, start: int, depth: int) -> tuple[Mapping, int]:
        items: dict[str, Node] = {}
        places: dict[str, tuple[int, int]] = {}
        at = self._skip(start + 1)
        ended = self._text[at : at + 1] == "}"
        while not ended:
            key, at = self._key(places, at)
            node, at = self._value(at, depth)
            items.setdefault(key, node)
            at, ended = self._following(at, "}")
        return Mapping(items, places, *self._place(start)), at + 1

    def _following(self, at: int, end: str) -> tuple[int, bool]:
        """Where the next value begins; or where the array or object ends, and that it does."""
        at = self._skip(at)
        found = self._text[at : at + 1]
        if found == ",":
            return self._skip(at + 1), False
        if found != end:
            raise self._bad(at, f"is not valid JSON: `,` or `{end}` expected")
        return at, True

    def _skip(self, at: int) -> int:
        match = _SPACE.match(self._text, at)
        return match.end() if match else at

    def _place(self, at: int) -> tuple[int, int]:
        line = bisect_right(self._lines, at)
        return line, at - self._lines[line - 1] + 1

    def _key(self, places: dict[str, tuple[int, int]], at: int) -> tuple[str, int]:
        """Read `"key":`, with the position of the value behind it."""
        if self._text[at : at + 1] != '"':
            raise self._bad(at, "is not valid JSON: a quoted key expected")
        place = self._place(at)
        key, end = self._string(at)
        if key in places:
            self._problems.add(
                f"the key `{key}` is already given in line {places[key][0]}",
                remedy="Remove one of the two: only one can count.",
                file=self._file,
                at=Located(line=place[0], column=place[1]),
            )
        else:
            places[key] = place
        end = self._skip(end)
        if self._text[end : end + 1] != ":":
            raise self._bad(end, "is not valid JSON: `:` expected")
        return key, self._skip(end + 1)

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
        return Unreadable(message, remedy, *self._place(at))
