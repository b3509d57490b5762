"""Lines of text for people: spans with an ink, aligned, wrapped, and safe on a terminal.

Reports yield `Line`s and know nothing of the place they are shown in; a `Screen` turns them
into text, with colours and wrapped where it is a terminal, bare and unwrapped where it is not.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import TypeAlias

from msgspec import Struct


class Ink(StrEnum):
    """How a span is written; the values are ANSI's parameters."""

    PLAIN = ""
    STRONG = "1"
    DIM = "2"
    GOOD = "32"
    CHANGED = "33"
    BAD = "31"
    LOUD = "1;31"
    NOTE = "36"


class Span(Struct, frozen=True):
    """A piece of a line; `whole` is not broken at its spaces."""

    text: str
    ink: Ink = Ink.PLAIN
    whole: bool = False


Piece: TypeAlias = str | Span
Cell: TypeAlias = Piece | tuple[Piece, ...]


class Line(Struct, frozen=True):
    """One line, and where its continuation starts should it be wrapped.

    `hang` None: it is never wrapped, since what stands below it is aligned with it.
    """

    spans: tuple[Span, ...] = ()
    hang: int | None = 0


class Screen(Struct, frozen=True, kw_only=True):
    """Where a text is shown."""

    width: int | None = None
    """Columns to wrap at; None: no terminal, lines stay whole."""
    colour: bool = False
    ascii: bool = False
    """It shows nothing beyond ASCII, so arrows and dots are written out."""

    def show(self, lines: Iterable[Line]) -> str:
        """Turn lines into text that a terminal shows as it stands, with a newline at its end."""
        return "".join(f"{self._row(row)}\n" for line in lines for row in self._wrapped(line))

    def _wrapped(self, line: Line) -> Iterator[list[Span]]:
        if self.width is None or line.hang is None:
            yield list(line.spans)
            return
        row: list[Span] = []
        filled, started = 0, False
        hang = min(line.hang, self.width // _DEEPEST)
        for word in _words(line.spans):
            size = width_of(word.text)
            broken = started and row[-1].text.isspace() and not word.text.isspace()
            if broken and filled + size > self.width:
                yield _stripped(row)
                row, filled = [Span(" " * hang)], hang
            row.append(word)
            filled += size
            started = started or not word.text.isspace()
        yield _stripped(row)

    def _row(self, spans: list[Span]) -> str:
        return "".join(self._shown(span) for span in spans)

    def _shown(self, span: Span) -> str:
        text = printable(span.text)
        if self.ascii:
            text = text.translate(_SPELT_OUT)
        return f"\x1b[{span.ink}m{text}\x1b[0m" if self.colour and span.ink else text


PLAIN = Screen()

_DEEPEST = 3
"""A continuation starts in the first of so many parts of a line: words need some room."""


def line(*pieces: Piece, indent: int = 0, hang: int | None = None) -> Line:
    """Make a line; a continuation is indented by `hang`, two more than the line if not said."""
    lead = (Span(" " * indent),) if indent else ()
    return Line((*lead, *_spans(pieces)), indent + 2 if hang is None else hang)


def unshown(number: int, noun: str = "", *, indent: int = 4) -> Iterator[Line]:
    """Say how many more there are than were shown, if any: `... and 3 more rows`."""
    if number > 0:
        noun = f" {noun}{'' if number == 1 else 's'}" if noun else ""
        yield line(Span(f"... and {number:,} more{noun}", Ink.DIM), indent=indent)


def fixed(*pieces: Piece, indent: int = 0) -> Line:
    """Make a line that is never wrapped."""
    return Line(line(*pieces, indent=indent).spans, None)


def table(rows: Sequence[Sequence[Cell]], *, indent: int = 0, gap: int = 2) -> Iterator[Line]:
    """Align the cells of rows below one another; of each row the last cell may be wrapped."""
    spelt = [[_spans(cell if isinstance(cell, tuple) else (cell,)) for cell in row] for row in rows]
    widths: dict[int, int] = {}
    for row in spelt:
        for n, cell in enumerate(row[:-1]):
            widths[n] = max(widths.get(n, 0), _size(cell))
    for row in spelt:
        pieces: list[Span] = []
        for n, cell in enumerate(row):
            pieces += cell
            if n < len(row) - 1:
                pieces.append(Span(" " * (widths[n] - _size(cell) + gap)))
        hang = indent + sum(widths[n] + gap for n in range(len(row) - 1))
        yield line(*pieces, indent=indent, hang=hang)


def named(*facts: tuple[str, Cell | None]) -> Iterator[Line]:
    """Align facts below one another, each behind its name; one without a value is left out."""
    yield from table([(Span(name, Ink.DIM), value) for name, value in facts if value], indent=2)


def prose(text: str, ink: Ink = Ink.PLAIN) -> tuple[Span, ...]:
    """Split a sentence so that its `commands` stay whole and stand out."""
    return tuple(
        Span(part, Ink.NOTE if part.startswith("`") else ink, part.startswith("`"))
        for part in _COMMAND.split(text)
        if part
    )


def printable(text: str) -> str:
    """The text with what a terminal would obey, instead of showing it, replaced."""
    # A key from a file may hold anything, escape sequences for the terminal among it.
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def width_of(text: str) -> int:
    """Columns that a terminal needs for a text."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.combining(c) > 0 for c in text)


_COMMAND = re.compile(r"(`[^`]+`)")
_WORD = re.compile(r"\s+|\S+")
_SPELT_OUT = str.maketrans({"→": "->", "·": "-", "…": "...", "—": "-", "–": "-"})  # noqa: RUF001


def _words(spans: Iterable[Span]) -> Iterator[Span]:
    for span in spans:
        if span.whole:
            yield span
        else:
            for match in _WORD.finditer(span.text):
                yield Span(match[0], span.ink)


def _stripped(row: list[Span]) -> list[Span]:
    while row and row[-1].text.isspace():
        row.pop()
    return row


def _spans(pieces: Iterable[Piece]) -> tuple[Span, ...]:
    return tuple(Span(each) if isinstance(each, str) else each for each in pieces if each)


def _size(spans: Iterable[Span]) -> int:
    return sum(width_of(span.text) for span in spans)
