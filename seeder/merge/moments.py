"""Words for a moment that is another one in every run: `now`, `today`, `yesterday`, `tomorrow`."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Iterator

from seeder.errors import Problem
from seeder.merge.model import SeedColumn, SeedRow, SeedSet

WORDS = ("now", "today", "tomorrow", "yesterday")

_MOVES = re.compile(rf"\b({'|'.join(WORDS)})\b", re.IGNORECASE)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\b")
_NAME = re.compile(
    r"(^|_)(at|on|date|time|timestamp|day|since|until|created|updated|expires|expiry)$|[a-z](At|On|Date)$"
)


def moving_word(value: object) -> str | None:
    """The word by which a value moves, where its column holds dates or times."""
    if isinstance(value, list | tuple):
        return next((word for each in value if (word := moving_word(each))), None)
    if not isinstance(value, str):
        return None
    found = _MOVES.search(value)
    return found[0] if found else None


def refusal(word: str) -> str:
    """Why it is refused, and the two ways to say it."""
    return (
        f"`{word}` is another moment in every run: write `!now`, which the server fills in"
        " on insert and nothing changes later, or a fixed moment"
    )


def doubtful(sets: Iterable[SeedSet]) -> Iterator[Problem]:
    """Values that move, in columns that look like dates and times although no schema is known.

    By their names, or since another row gives a date there.
    """
    for each in sets:
        moving: dict[str, SeedRow] = {}
        dated = {column.name for column in each.columns if _NAME.search(column.name)}
        columns = [column for column in each.columns if column.reference is None]
        for row in each.rows:
            for column, value in _values(each, row):
                if column not in columns:
                    continue
                if isinstance(value, datetime.date) or (
                    isinstance(value, str) and _DATE.match(value)
                ):
                    dated.add(column.name)
                elif isinstance(value, str) and value.strip().lower() in WORDS:
                    moving.setdefault(column.name, row)
        for name, row in moving.items():
            if name in dated:
                yield Problem(
                    message=f"{each.address(row.key)}, column {name}: as a date or time,"
                    f" {refusal(_word(each, row, name))}.",
                    remedy="A plan and a run refuse it before anything is written; in a column of"
                    " text it may stay.",
                    file=row.file or each.file,
                    line=row.line,
                    address=each.address(row.key),
                )


def _values(each: SeedSet, row: SeedRow) -> Iterator[tuple[SeedColumn, object]]:
    return zip(each.columns, row.values, strict=False)


def _word(each: SeedSet, row: SeedRow, name: str) -> str:
    return next(str(value) for column, value in _values(each, row) if column.name == name).strip()
