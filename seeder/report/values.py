"""Values of a row, cut so that what differs between them is seen."""

from __future__ import annotations

from seeder.merge.plan import REFERENCE
from seeder.report.differences import WIDEST, Piece, shared_ends, words

_LEAD = 12
"""Characters before the first difference that stay."""


def shown(*values: str | None, bare: bool = False) -> tuple[str, ...]:
    """The values on one line each, cut alike, around the place where they differ.

    Quoted, but where they are `bare`: numbers, truth values, JSON.
    """
    lead = _lead(values)
    return tuple(_shown(value, lead, bare=bare) for value in values)


def one(value: str | None, *, bare: bool = False) -> str:
    """One value on one line, quoted unless it is `bare`, and cut if it is long."""
    return shown(value, bare=bare)[0]


def parted(before: str, after: str) -> tuple[Piece, Piece, Piece]:
    """What two texts begin with, what differs, and what they end with; by whole words."""
    start, end = shared_ends([before, after])
    # Not within a word: a mark on half of it reads as another word.
    while start and _joined(before, start) | _joined(after, start):
        start -= 1
    while end and _joined(before, len(before) - end) | _joined(after, len(after) - end):
        end -= 1
    last, its_last = len(before) - end, len(after) - end
    return (
        Piece(before[:start], after[:start]),
        Piece(before[start:last], after[start:its_last]),
        Piece(before[last:], after[its_last:]),
    )


def change(before: str | None, after: str | None, *, bare: bool = False) -> str:
    """From what to what, on one line; of long texts that are much alike what differs."""
    pieces = words(before, after)
    if pieces:
        return _escaped("".join(map(_marked, pieces)))
    # Keys of rows that are referred to have an arrow of their own.
    return " → ".join(side.removeprefix("→ ") for side in shown(before, after, bare=bare))


def _marked(piece: Piece) -> str:
    if piece.same:
        return piece.before
    removed = f"[-{piece.before}-]" if piece.before else ""
    return removed + (f"{{+{piece.after}+}}" if piece.after else "")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _joined(text: str, place: int) -> bool:
    """Whether a place in a text is within a word."""
    return text[place - 1 : place].isalnum() and text[place : place + 1].isalnum()


def _lead(values: tuple[str | None, ...]) -> str:
    """What long values have in common before the place that is to be seen."""
    texts = list(dict.fromkeys(value for value in values if value is not None))
    long = [text for text in texts if len(text) > WIDEST]
    among = long if len(long) > 1 else texts
    if not long or len(among) < 2:
        return ""
    common, _ = shared_ends(among)
    return among[0][: common - _LEAD] if common > _LEAD * 2 else ""


def _shown(value: str | None, lead: str, *, bare: bool) -> str:
    if value is None:
        return "NULL"
    if value.startswith(REFERENCE):
        return f"→ {value.removeprefix(REFERENCE)}"
    text = "…" + value.removeprefix(lead) if lead and value.startswith(lead) else value
    if len(text) > WIDEST:
        text = text[: WIDEST - 1] + "…"
    if bare:
        return text
    return "'" + _escaped(text).replace("'", "''") + "'"
