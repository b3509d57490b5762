"""The merge inside one document: the rules of a column, at every path.

A document is a JSON value: None, bool, int, Decimal, str, list or dict. Numbers are equal by
value (`10`, `10.0`), and no number equals a truth value. `MISSING` stands where there is nothing;
JSON null is a value. SQL NULL is `MISSING` at the root.

Four documents meet: what was asked for last (`asked`), what the table made of that (`stored`), what
the table holds now (`live`), and what the catalog asks for (`desired`). Where the strategy goes
inside, each part is merged by itself; where it does not, the part is decided by `COLUMN_RULES`.
"""

from __future__ import annotations

import decimal
import functools
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import Enum
from json.encoder import encode_basestring
from typing import Final, Literal, TypeAlias, TypeVar

from msgspec import Struct, field
from msgspec.structs import replace

from seeder.merge.choices import Take
from seeder.merge.model import Conflict, Strategy, Update, Way
from seeder.merge.plan import ColumnCase, ColumnChange
from seeder.merge.rules import (
    COLUMN_APPLIED,
    COLUMN_FACTS,
    COLUMN_RULES,
    COLUMN_WRITES,
    Rule,
    decide,
)

Document: TypeAlias = (
    bool | int | decimal.Decimal | str | Sequence["Document"] | Mapping[str, "Document"] | None
)


class _Missing(Enum):
    MISSING = "missing"


MISSING: Final = _Missing.MISSING
Part: TypeAlias = Document | Literal[_Missing.MISSING]

ABSENT = "absent"
"""What stands for a part that is not there, where others are JSON."""

T = TypeVar("T")
Path: TypeAlias = tuple[str, ...]

KEPT_OUT = frozenset({ColumnCase.CONFLICT, ColumnCase.HELD})
"""Cases in which a part is as the catalog does not want it, now or since before."""


class Sides(Struct, frozen=True, kw_only=True):
    """One part of a document as the four sides have it, and as it was offered before."""

    asked: Part
    stored: Part
    live: Part
    desired: Part
    offered: Part = MISSING
    """What the catalog asked for when this part was kept out; MISSING too if it never was."""
    was_offered: bool = False

    def each(self, of: Callable[[Part], T]) -> dict[str, T]:
        """Something of each of the four sides, by its name."""
        return {name: of(getattr(self, name)) for name in ("asked", "stored", "live", "desired")}

    def at(self, key: str) -> Sides:
        """The same for a key of the mapping that this part is."""
        return Sides(
            asked=_get(self.asked, key),
            stored=_get(self.stored, key),
            live=_get(self.live, key),
            desired=_get(self.desired, key),
            offered=_get(self.offered, key),
            was_offered=self.was_offered,
        )


class Merged(Struct, frozen=True, kw_only=True):
    """What becomes of a document."""

    value: Part
    """What the table should hold."""
    asked: Part
    """What counts as last asked for from now on: where the catalog's part was kept out, the
    part of before."""
    changes: tuple[ColumnChange, ...] = ()
    """Parts to which something happens, or which are kept against the catalog, by their paths."""

    @property
    def conflicts(self) -> bool:
        """Whether a part is in conflict for the first time."""
        return any(each.case is ColumnCase.CONFLICT for each in self.changes)

    @property
    def kept_out(self) -> bool:
        """Whether any part of the catalog's document was kept out, now or before."""
        return any(each.case in KEPT_OUT for each in self.changes)


class Settle(Struct, frozen=True, kw_only=True):
    """A person decides conflicts: those at some parts, or within them; nothing else happens."""

    take: Take
    parts: tuple[str, ...]
    """Paths as `path_text` writes them; an empty one is the whole document."""

    def chooses(self, path: Path) -> bool:
        """Whether the part at a path is one of them."""
        return any(is_within(path_text(path), part) for part in self.parts)


def merge(
    sides: Sides, strategy: Strategy, *, overwrite: bool = False, settle: Settle | None = None
) -> Merged:
    """Merge one document.

    Args:
        sides: the document as each side has it.
        strategy: how far inside the merge goes, and how.
        overwrite: the catalog's part wins where both sides changed it, unless the strategy says.
        settle: what a person decided; only that is carried out then.
    """
    merging = _Merge(overwrite=overwrite, settle=settle)
    value, asked = merging.part(sides, strategy, ())
    changes = tuple(merging.changes)
    if settle is None and not any(each.case in KEPT_OUT for each in changes):
        # All of it counts as asked for, in the catalog's order of elements.
        asked = sides.desired
        if equal(sides.live, sides.stored) and not strategy.keeps:
            # Nobody changed it here: it takes that order as well.
            value = sides.desired
    return Merged(value=value, asked=asked, changes=changes)


class _Merge(Struct):
    overwrite: bool
    settle: Settle | None
    changes: list[ColumnChange] = field(default_factory=list)

    def part(self, sides: Sides, strategy: Strategy, path: Path) -> tuple[Part, Part]:
        """The merged part, and what counts as asked for."""
        match strategy.way:
            case Way.MAP if _both(sides, dict) and _each(sides, dict):
                return self._mapping(sides, strategy, path)
            case Way.SET if _both(sides, list) and _each(sides, list):
                return self._set(sides, strategy, path)
            case Way.LIST if (
                _both(sides, list)
                and _each(sides, list)
                # A file that is copied as it is was not looked at before.
                and _told_apart(sides.desired, strategy.by)
            ):
                return self._list(sides, strategy, path)
        return self._whole(sides, strategy, path)

    def _whole(
        self, sides: Sides, strategy: Strategy, path: Path, *, overwrite: bool | None = None
    ) -> tuple[Part, Part]:
        if overwrite is None:
            chosen = strategy.conflict
            overwrite = self.overwrite if chosen is None else chosen is Conflict.OVERWRITE
        # What neither side of the catalog has is not the catalog's to write.
        own = sides.desired is MISSING and sides.asked is MISSING
        rule = _rule(
            never=strategy.update is Update.NEVER and sides.live is not MISSING,
            always=strategy.update is Update.ALWAYS and not own,
            desired_is_asked=equal(sides.desired, sides.asked),
            live_is_stored=equal(sides.live, sides.stored),
            live_is_desired=equal(sides.live, sides.desired),
            offered=sides.was_offered and equal(sides.offered, sides.desired),
            overwrite=overwrite and self.settle is None,
        )
        case = rule.verdict if self.settle is None else _settled(rule.verdict, self.settle, path)
        if case is not ColumnCase.NOTHING:
            self.changes.append(
                ColumnChange(
                    name=path_text(path),
                    case=case,
                    reason=rule.reason,
                    rule=rule.name,
                    asked=_told(sides.asked),
                    stored=_told(sides.stored),
                    live=_told(sides.live),
                    desired=_told(sides.desired),
                    bare=True,
                )
            )
        applied = case in COLUMN_APPLIED or (case is ColumnCase.NOTHING and self.settle is None)
        wins = case in COLUMN_WRITES
        return sides.desired if wins else sides.live, sides.desired if applied else sides.asked

    def _mapping(self, sides: Sides, strategy: Strategy, path: Path) -> tuple[Part, Part]:
        value: dict[str, Document] = {}
        asked: dict[str, Document] = {}
        live, desired, before = (_keys(each) for each in (sides.live, sides.desired, sides.asked))
        stored = before if sides.stored is sides.asked else _keys(sides.stored)
        for key in _union(live, desired, before):
            inside = live.get(key, MISSING), before.get(key, MISSING)
            if not (
                equal(*inside)
                and equal(inside[1], desired.get(key, MISSING))
                and equal(inside[1], stored.get(key, MISSING))
            ):
                inside = self.part(sides.at(key), strategy.inside(key), (*path, key_part(key)))
            for found, into in zip(inside, (value, asked), strict=True):
                if found is not MISSING:
                    into[key] = found
        return value, asked

    def _set(self, sides: Sides, strategy: Strategy, path: Path) -> tuple[Part, Part]:
        # In or out is all there is to an element, so two sides that both moved moved alike.
        if self.settle is not None:
            return sides.live, sides.asked
        members = sides.each(lambda part: {token_of(each): each for each in _items(part)})
        keep: dict[str, bool] = {}
        whole = strategy.element(Way.ATOMIC)
        for token in _union(*members.values()):
            shown = next(each[token] for each in members.values() if token in each)
            one = Sides(
                asked=members["asked"].get(token, MISSING),
                stored=members["stored"].get(token, MISSING),
                live=members["live"].get(token, MISSING),
                desired=members["desired"].get(token, MISSING),
            )
            value, _ = self._whole(one, whole, (*path, _element_part([shown])))
            keep[token] = value is not MISSING
        live = [each for each in _items(sides.live) if keep[token_of(each)]]
        present = {token_of(each) for each in live}
        added = [
            each
            for token, each in members["desired"].items()
            if keep[token] and token not in present
        ]
        return [*live, *added], sides.desired

    def _list(self, sides: Sides, strategy: Strategy, path: Path) -> tuple[Part, Part]:
        moved = _moved(sides, strategy)
        elements = sides.each(lambda part: _by_key(part, strategy.by, moved))
        offered = _by_key(sides.offered, strategy.by, moved)
        merged: dict[str, Sequence[Document]] = {}
        asked: list[Document] = []
        for token in _union(*elements.values()):
            live = elements["live"].get(token, [])
            one = Sides(
                **{
                    name: next(iter(each.get(token, ())), MISSING)
                    for name, each in elements.items()
                },
                offered=next(iter(offered.get(token, ())), MISSING),
                was_offered=sides.was_offered,
            )
            # As the catalog has it now, where it does.
            shown = next(each[token][0] for each in [*elements.values()][::-1] if token in each)
            inside = (*path, _element_part(_key_values(shown, strategy.by)))
            if len(live) > 1:
                # Which of them is meant cannot be told: all stay, and count as a change here.
                changed = replace(one, live=live)
                value, base = self._whole(changed, _ATOMIC, inside, overwrite=False)
            else:
                value, base = self.part(one, strategy.element(), inside)
            stays = len(live) > 1 and value is live
            merged[token] = live if stays else [] if value is MISSING else [value]
            if base is not MISSING:
                asked.append(base)
        result: list[Document] = []
        for element in _items(sides.live):
            key = list_key(element, strategy.by)
            key = key and moved.get(key, key)
            # All that is at a key goes where the first of it is.
            result.extend([element] if key is None else merged.pop(key, ()))
        for token in elements["desired"]:
            result.extend(merged.pop(token, ()))
        return result, asked


def _settled(case: ColumnCase, settle: Settle, path: Path) -> ColumnCase:
    """What becomes of a part while a person settles some."""
    if case not in KEPT_OUT:
        return ColumnCase.NOTHING
    if not settle.chooses(path):
        return case
    return ColumnCase.SETTLE if settle.take is Take.LIVE else ColumnCase.OVERWRITE


_ATOMIC = Strategy()
_NO_FACTS = dict.fromkeys(COLUMN_FACTS, False)


@functools.cache
def _rule(**facts: bool) -> Rule[ColumnCase]:
    """The rule for a part; what was asked for and stored is known of every part."""
    return decide(COLUMN_RULES, _NO_FACTS | {"known": True} | facts)


def _both(sides: Sides, kind: type) -> bool:
    """Whether live and desired are of the kind, so that there is an inside to merge."""
    return isinstance(sides.live, kind) and isinstance(sides.desired, kind)


def _each(sides: Sides, kind: type) -> bool:
    """Whether what was applied is of the kind, or was nothing: then each part is new."""
    return all(isinstance(each, kind) or each is MISSING for each in (sides.asked, sides.stored))


def _get(part: Part, key: str) -> Part:
    return part.get(key, MISSING) if isinstance(part, dict) else MISSING


def _keys(part: Part) -> Mapping[str, Part]:
    return part if isinstance(part, dict) else {}


def _items(part: Part) -> Sequence[Document]:
    return part if isinstance(part, list) else ()


def _union(*groups: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(each for group in groups for each in group))


def _key_values(element: object, by: Sequence[str]) -> list[Document]:
    """The values of an element's merge key; empty where it has none."""
    if not isinstance(element, dict) or any(name not in element for name in by):
        return []
    return [element[name] for name in by]


def list_key(element: object, by: Sequence[str]) -> str | None:
    """What tells an element of a list from others; None where it lacks a key of `by`."""
    return token_of(values) if (values := _key_values(element, by)) else None


def _told_apart(part: Part, by: Sequence[str]) -> bool:
    """Whether all elements of a list have a key, each its own."""
    keys = [list_key(each, by) for each in _items(part)]
    return None not in keys and len(set(keys)) == len(keys)


def _by_key(part: Part, by: Sequence[str], moved: Mapping[str, str]) -> dict[str, list[Document]]:
    found: dict[str, list[Document]] = {}
    for each in _items(part):
        token = list_key(each, by)
        if token is not None:
            found.setdefault(moved.get(token, token), []).append(each)
    return found


def _moved(sides: Sides, strategy: Strategy) -> dict[str, str]:
    """Keys that elements had when they were last asked for, and the ones that they have now.

    Where the catalog had both, or has both, they are two elements.
    """
    found: dict[str, str] = {}
    if strategy.moved:
        asked, desired = (_by_key(each, strategy.by, {}) for each in (sides.asked, sides.desired))
        for old, new in strategy.moved:
            had = old in asked and new not in asked and new not in found.values()
            if had and new in desired and old not in desired:
                found[old] = new
    return found


def equal(one: Part, other: Part) -> bool:
    """Whether two parts are the same value: numbers by value, mappings in any order."""
    return one is other or (one == other and _alike(one, other))


def _alike(one: Part, other: Part) -> bool:
    """Whether what Python calls equal is so in JSON, where `true` is not 1."""
    match one:
        case bool() | int() | decimal.Decimal():
            return isinstance(one, bool) is isinstance(other, bool)
        case dict() if isinstance(other, dict):
            return all(_alike(each, other[name]) for name, each in one.items())
        case list() if isinstance(other, list):
            return all(map(_alike, one, other))
    return True


def token_of(part: object) -> str:
    """A text that equal values have in common, and no others."""
    return json.dumps(_normal(part), sort_keys=True)


def _normal(part: object) -> object:
    match part:
        case bool() | None | str():
            return part
        case int() | float() | decimal.Decimal():
            # Tagged, since no text is a number; and 10 is 10.0.
            number = decimal.Decimal(str(part))
            return {"": str(_EXACT.normalize(number)) if number else "0"}
        case dict():
            return {f".{name}": _normal(each) for name, each in part.items()}
        case list() | tuple():
            return [_normal(each) for each in part]
        case _:
            return str(part)


_EXACT = decimal.Context(prec=decimal.MAX_PREC, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN)


_READER = json.JSONDecoder(parse_float=decimal.Decimal)
_WRITER = json.JSONEncoder(ensure_ascii=False)


def read(text: str | None) -> Part:
    """The document that a JSON text is; None is SQL NULL. Numbers keep every digit."""
    return MISSING if text is None else _READER.decode(text)


def text_of(part: Part) -> str | None:
    """The JSON text of a part; None where there is nothing."""
    if part is MISSING:
        return None
    try:
        return _WRITER.encode(part)
    except TypeError:  # a number that only a decimal holds exactly
        return "".join(_written(part))


def _told(part: Part) -> str:
    if isinstance(part, str):
        return encode_basestring(part)
    if type(part) is int:
        return str(part)
    return text_of(part) or ABSENT


def _written(part: Document) -> Iterator[str]:
    match part:
        case dict():
            yield "{"
            for n, (name, each) in enumerate(part.items()):
                yield f"{', ' if n else ''}{json.dumps(name, ensure_ascii=False)}: "
                yield from _written(each)
            yield "}"
        case list() | tuple():
            yield "["
            for n, each in enumerate(part):
                yield ", " if n else ""
                yield from _written(each)
            yield "]"
        case decimal.Decimal():
            yield str(part)
        case _:
            yield json.dumps(part, ensure_ascii=False)


def _shown(part: Document) -> str:
    """An element in a path: a text as it is, everything else as JSON."""
    return part if isinstance(part, str) else "".join(_written(part))


def _element_part(values: Sequence[Document]) -> str:
    return f"[{','.join(_shown(each) for each in values)}]"


def key_part(key: str) -> str:
    """A key as a part of a path."""
    return _ESCAPED.sub(r"\\\g<0>", key)


def path_text(path: Path) -> str:
    """A path as an address has it: keys joined by dots, elements of a list in brackets.

    >>> path_text(("limits", "[orders.view]", "seats"))
    'limits[orders.view].seats'
    """
    found = ""
    for each in path:
        found += each if each.startswith("[") or not found else f".{each}"
    return found


def within(column: str, part: str) -> str:
    """What stands behind a row's address for a column, or for a part of its document.

    >>> within("settings", "limits.seats"), within("grants", "[orders.view]"), within("a.b", "")
    ('settings.limits.seats', 'grants[orders.view]', 'a\\\\.b')
    """
    return path_text((key_part(column), *([part] if part else [])))


def is_within(part: str, of: str) -> bool:
    """Whether a part, as an address has it, is another one or inside it."""
    return not of or part == of or (part.startswith(of) and part[len(of)] in ".[")


_ESCAPED = re.compile(r"[.\\\[\]]")
