"""Seed sets written as YAML: the inverse of reading them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from seeder.catalog.formats.scalars import MAX_DIGITS, Surprise, plain

_WORDS = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*(?: [A-Za-z0-9_./-]+)*\Z", re.ASCII)
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?\Z", re.ASCII)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z", re.ASCII)

_LONGEST_KEY = 1000
"""YAML takes a key for one only if its colon follows within 1,024 characters."""


def scalar(text: str) -> str:
    """Text as YAML reads it back: bare where nobody could misread it, else quoted.

    >>> scalar("viewer"), scalar("NO"), scalar("010")
    ('viewer', '"NO"', '"010"')
    """
    if _WORDS.match(text):
        try:
            if plain(text) == text:
                return text
        except Surprise:
            pass
    return quoted(text)


def quoted(text: str) -> str:
    """Text in double quotes, with escapes for all that a reader might change or refuse."""
    return '"' + "".join(_escaped(c) for c in text) + '"'


_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character == " " or (character.isprintable() and character not in "\ufeff"):
        return character
    code = ord(character)
    return f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"


def number(text: str) -> str:
    """A number with all its digits; what is none to YAML is quoted."""
    plain_number = _NUMBER.match(text) and len(text) <= MAX_DIGITS and text != "-0"
    return text if plain_number else quoted(text)


def document(text: str) -> str:
    """A JSON document, given as Postgres writes jsonb, as YAML that means the same.

    What would mean something else in YAML keeps its form behind `!json`.
    """
    nested = max(_depths(text), default=0)
    longest = max((len(key) for key in re.findall(r'"((?:[^"\\]|\\.)*)": ', text)), default=0)
    digits = max((len(each) for each in re.findall(r"[0-9.]+", text)), default=0)
    awkward = (
        text == "null"
        or '"<<": ' in text
        or nested > 50
        or longest > _LONGEST_KEY
        or digits > MAX_DIGITS
    )
    return f"!json {quoted(text)}" if awkward else flow(text)


def flow(text: str) -> str:
    """JSON as YAML in flow style; the two differ in characters that only strings can hold."""
    return "".join(c if c.isprintable() and c != "\ufeff" else _escaped(c) for c in text)


def _depths(text: str) -> Iterable[int]:
    depth = 0
    for character in re.sub(r'"(?:[^"\\]|\\.)*"', "", text):
        if character in "[{":
            depth += 1
            yield depth
        elif character in "]}":
            depth -= 1


def name(text: str) -> str:
    """The name of a column as a key."""
    return text if _NAME.match(text) else quoted(text)


def mapping(cells: Mapping[str, str]) -> str:
    """One row, its cells written already.

    >>> mapping({"name": "viewer", "is_active": "true"})
    '{name: viewer, is_active: true}'
    """
    return "{" + ", ".join(f"{name(key)}: {cell}" for key, cell in cells.items()) + "}"


def seed_file(
    *,
    table: str,
    key: Sequence[str],
    nulls_equal: bool = False,
    scope: Mapping[str, str],
    deleted: str | None = None,
    columns: Mapping[str, str],
    defaults: Mapping[str, str],
    rows: Sequence[Mapping[str, str]],
    remarks: Sequence[str] = (),
) -> str:
    """A seed set as a file; `columns` are rules and all cells are written already."""
    lines = [f"# {flow(remark)}" for remark in remarks]
    lines.append(f"table: {scalar(table)}")
    names = [scalar(each) for each in key]
    lines.append(f"key: {names[0] if len(names) == 1 else '[' + ', '.join(names) + ']'}")
    if nulls_equal:
        lines.append("nulls: equal")
    if scope:
        lines.append(f"scope: {mapping(scope)}")
    if deleted is not None:
        lines.append(f"deleted: {scalar(deleted)}")
    if columns:
        lines.append("columns:")
        lines += [f"  {name(column)}: {rule}" for column, rule in columns.items()]
    if defaults:
        lines.append(f"defaults: {mapping(defaults)}")
    lines.append("rows:" if rows else "rows: []")
    lines += [f"  - {mapping(row)}" for row in rows]
    return "\n".join(lines) + "\n"
