"""Values of a row, cut so that what differs between them is seen."""

from __future__ import annotations

import json
from collections.abc import Sequence

from seeder.merge.plan import REFERENCE

WIDEST = 60
"""Characters of a value that one line shows."""

_LEAD = 12
"""Characters before the first difference that stay."""


def shown(*values: str | None, bare: bool = False, widest: int = WIDEST) -> tuple[str, ...]:
    """The values on one line each, cut alike, around the place where they differ.

    Quoted, but where they are `bare`: numbers, truth values, JSON.
    """
    values = narrowed(values, widest)
    lead = _lead(values, widest)
    return tuple(_shown(value, lead, widest, bare=bare) for value in values)


def one(value: str | None, *, bare: bool = False) -> str:
    """One value on one line, quoted unless it is `bare`, and cut if it is long."""
    return shown(value, bare=bare)[0]


def differing(before: str, after: str) -> tuple[int, int]:
    """How many characters at the start and at the end two texts have in common, by whole words."""
    start = _common([before, after])
    left = min(len(before), len(after)) - start
    end = _common([before[::-1][:left], after[::-1][:left]])
    # Not within a word: a mark on half of it reads as another word.
    while start and _joined(before, start) | _joined(after, start):
        start -= 1
    while end and _joined(before, len(before) - end) | _joined(after, len(after) - end):
        end -= 1
    return start, end


def narrowed(values: tuple[str | None, ...], widest: int) -> tuple[str | None, ...]:
    """Long JSON objects without the members that all of them share."""
    texts = [value for value in values if value is not None]
    if len(set(texts)) < 2 or max(map(len, texts)) <= widest:
        return values
    objects = [_object(text) for text in texts]
    known = [each for each in objects if each is not None]
    if len(known) < len(texts):
        return values
    same = {
        name
        for name in known[0]
        if all(name in each and each[name] == known[0][name] for each in known)
    }
    if not same:
        return values
    return tuple(None if value is None else _without(value, same) for value in values)


def _object(text: str) -> dict[str, object] | None:
    if not text.startswith("{"):
        return None
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _without(text: str, names: set[str]) -> str:
    left = {name: value for name, value in (_object(text) or {}).items() if name not in names}
    inner = json.dumps(left, ensure_ascii=False)[1:-1]
    return f"{{…, {inner}}}" if inner else "{…}"


def _common(texts: Sequence[str]) -> int:
    """Characters at the start that all texts have in common."""
    number = 0
    for each in zip(*texts, strict=False):
        if len(set(each)) > 1:
            break
        number += 1
    return number


def _joined(text: str, place: int) -> bool:
    """Whether a place in a text is within a word."""
    return text[place - 1 : place].isalnum() and text[place : place + 1].isalnum()


def _lead(values: tuple[str | None, ...], widest: int) -> str:
    """What long values have in common before the place that is to be seen."""
    texts = list(dict.fromkeys(value for value in values if value is not None))
    long = [text for text in texts if len(text) > widest]
    among = long if len(long) > 1 else texts
    if not long or len(among) < 2:
        return ""
    common = _common(among)
    return among[0][: common - _LEAD] if common > _LEAD * 2 else ""


def _shown(value: str | None, lead: str, widest: int, *, bare: bool) -> str:
    if value is None:
        return "NULL"
    if value.startswith(REFERENCE):
        return f"→ {value.removeprefix(REFERENCE)}"
    text = "…" + value.removeprefix(lead) if lead and value.startswith(lead) else value
    if len(text) > widest:
        text = text[: widest - 1] + "…"
    if bare:
        return text
    return "'" + text.replace("\\", "\\\\").replace("\n", "\\n").replace("'", "''") + "'"
