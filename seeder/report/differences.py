"""What differs between the values of a column: parts of a document, words of a long text."""

from __future__ import annotations

import difflib
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from seeder.merge.documents import (
    ABSENT,
    MISSING,
    Document,
    Part,
    Path,
    equal,
    key_part,
    path_text,
    read,
    text_of,
)
from seeder.merge.plan import REFERENCE, ColumnCase, ColumnChange, RowChange

WIDEST = 60
"""Characters of a value from which on only what differs is shown."""

_CONTEXT = 3
"""Words on either side of those that differ."""

_ALIKE = 0.4
"""Share of words that two texts have in common, below which both are shown as they are."""

_MOST = 1_000_000
"""Words and blanks of one text times those of the other, from the first to the last that differ."""


T = TypeVar("T")


class Piece(Struct, frozen=True):
    """A piece of two texts; `…` stands for a long piece that both have."""

    before: str
    after: str

    @property
    def same(self) -> bool:
        """Whether both texts have it."""
        return self.before == self.after


def of_row(row: RowChange) -> RowChange:
    """The row with the parts that differ in place of long documents."""
    if not any(map(_is_long, row.columns)):
        return row
    return replace(row, columns=of_columns(row.columns))


def of_columns(columns: Sequence[ColumnChange]) -> tuple[ColumnChange, ...]:
    """Columns, with the parts that differ in place of long documents."""
    return tuple(part for column in columns for part in (_parts(column) or [column]))


def words(before: str | None, after: str | None) -> tuple[Piece, ...]:
    """The pieces of two long texts that are alike for the most part; none of others."""
    if before is None or after is None or min(len(before), len(after)) <= WIDEST:
        return ()
    if before.startswith(REFERENCE) or after.startswith(REFERENCE):
        return ()
    if before == after:
        return ()
    one, other = (re.findall(r"\w+|\s+|[^\w\s]", text) for text in (before, after))
    codes = _codes(one, other)
    shared = sum(j - i for tag, i, j, *_ in codes if tag == "equal")
    if 2 * shared < _ALIKE * (len(one) + len(other)):
        return ()
    found = []
    for n, (tag, i, j, k, m) in enumerate(codes):
        if tag == "equal":
            context = _context(one[i:j], first=n == 0, last=n == len(codes) - 1)
            found.append(Piece(context, context))
        else:
            found.append(Piece("".join(one[i:j]), "".join(other[k:m])))
    return tuple(found)


def _codes(one: Sequence[str], other: Sequence[str]) -> list[tuple[str, int, int, int, int]]:
    """What makes one of the other, as difflib's opcodes; none where finding out takes long."""
    first, last = shared_ends([one, other])
    end, its_end = len(one) - last, len(other) - last
    if (end - first) * (its_end - first) > _MOST:
        return []
    # What is frequent counts too: without the blanks between them, words make no sequence.
    matcher = difflib.SequenceMatcher(None, one[first:end], other[first:its_end], autojunk=False)
    codes = [
        ("equal", 0, first, 0, first),
        *(
            (tag, i + first, j + first, k + first, m + first)
            for tag, i, j, k, m in matcher.get_opcodes()
        ),
        ("equal", end, len(one), its_end, len(other)),
    ]
    return [each for each in codes if each[0] != "equal" or each[1] < each[2]]


def _context(tokens: Sequence[str], *, first: bool, last: bool) -> str:
    # Two tokens a word: itself and the space behind it.
    kept = 2 * _CONTEXT
    before = [] if first else tokens[:kept]
    after = [] if last else tokens[-kept:]
    if len(before) + len(after) >= len(tokens):
        return "".join(tokens)
    return f"{''.join(before).rstrip()}…{''.join(after).lstrip()}"


def _is_long(column: ColumnChange) -> bool:
    return any(
        value is not None and len(value) > WIDEST and value.startswith("{")
        for value in (column.asked, column.live, column.desired)
    )


def _parts(column: ColumnChange) -> list[ColumnChange]:
    """The parts of a long document in which any two of its sides differ; none of other values."""
    if not _is_long(column):
        return []
    texts = {"live": column.live}
    if column.asked_known:
        texts["asked"] = column.asked
    if column.case is not ColumnCase.CHANGED:
        texts["desired"] = column.desired
    try:
        sides = {name: read(text) for name, text in texts.items()}
    except ValueError:  # a value that was cut, or no document
        return []
    if not all(isinstance(side, Mapping) for side in sides.values()):
        return []
    found = []
    for path, parts in _differing(list(sides.values()), ()):
        told = dict(zip(sides, parts, strict=True))
        name = path_text((column.name, *path))
        found.append(replace(column, name=name, bare=True, **told, stored=told.get("asked")))
    return found


def _differing(sides: Sequence[Part], path: Path) -> Iterator[tuple[Path, list[str]]]:
    if all(equal(side, sides[0]) for side in sides[1:]):
        return
    objects = [side for side in sides if isinstance(side, Mapping)]
    lists = [side for side in sides if isinstance(side, list)]
    if len(objects) == len(sides):
        for key in dict.fromkeys(key for each in objects for key in each):
            inside = [each.get(key, MISSING) for each in objects]
            yield from _differing(inside, (*path, key_part(key)))
    elif len(lists) == len(sides):
        yield path, _elements(lists)
    else:
        yield path, [text_of(side) or ABSENT for side in sides]


def _elements(lists: Sequence[list[Document]]) -> list[str]:
    """Lists without the elements that all of them begin, or end, with."""
    first, last = shared_ends(lists, same=equal)
    return [
        "[{}]".format(
            ", ".join(
                [
                    *(["…"] if first else []),
                    *(text_of(one) or "null" for one in each[first : len(each) - last]),
                    *(["…"] if last else []),
                ]
            )
        )
        for each in lists
    ]


def shared_ends(
    sequences: Sequence[Sequence[T]], *, same: Callable[[T, T], bool] = operator.eq
) -> tuple[int, int]:
    """How many elements at their start, and then at their end, all of them have in common."""
    one, *others = sequences
    shortest = min(map(len, sequences))

    def differ(at: int) -> bool:
        return not all(same(one[at], other[at]) for other in others)

    first = next((n for n in range(shortest) if differ(n)), shortest)
    left = shortest - first
    return first, next((n for n in range(left) if differ(-1 - n)), left)
