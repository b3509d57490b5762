"""Words for a moment that is another one in every run: `now`, `today`, `yesterday`, `tomorrow`."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterable, Iterator

from seeder.errors import Problem
from seeder.merge.model import RowSource, SeedRow, SeedSet

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


def doubtful(
    sets: Iterable[SeedSet], rows_of: Callable[[RowSource], Iterable[SeedRow]] = iter
) -> Iterator[Problem]:
    """Values that move, in columns that look like dates and times although no schema is known.

    By their names, or since another row gives a date there. `rows_of` may leave out rows that
    give no value of their own.
    """
    for each in sets:
        moving: dict[int, SeedRow] = {}
        places = [n for n, column in enumerate(each.columns) if column.reference is None]
        dated = {n for n in places if _NAME.search(each.columns[n].name)}
        for row in rows_of(each.rows):
            for n in places:
                value = row.values[n]
                if isinstance(value, str):
                    if value.strip().lower() in WORDS:
                        moving.setdefault(n, row)
                    elif n not in dated and _DATE.match(value):
                        dated.add(n)
                elif isinstance(value, datetime.date):
                    dated.add(n)
        for n, row in moving.items():
            if n in dated:
                word = str(row.values[n]).strip()
                yield Problem(
                    message=f"{each.address(row.key)}, column {each.columns[n].name}: as a date or"
                    f" time, {refusal(word)}.",
                    remedy="A plan and a run refuse it before anything is written; in a column of"
                    " text it may stay.",
                    file=row.file or each.file,
                    line=row.line,
                    address=each.address(row.key),
                )
