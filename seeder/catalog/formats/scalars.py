"""What an unquoted YAML value means.

YAML 1.1 and 1.2 read some of them differently, and neither does what their writer had in
mind: `NO` is a country or false, `010` is ten or eight, `1:30` is a time or ninety. Values
on which readers disagree are refused with the two ways to write them.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

from seeder.catalog.formats.files import Unreadable
from seeder.merge.model import Cell, Text

MAX_DIGITS = 4000
"""Longer numbers are refused; Python itself stops at 4,300 digits."""


class Surprise(Unreadable):
    """An unquoted value that YAML readers disagree about."""


def _cases(words: str) -> list[str]:
    return [form for word in words.split() for form in (word, word.capitalize(), word.upper())]


_WORDS: dict[str, Cell] = {
    **dict.fromkeys(["", "~", *_cases("null")]),
    **dict.fromkeys(_cases("true"), True),
    **dict.fromkeys(_cases("false"), False),
    **dict.fromkeys([".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"], float("inf")),
    **dict.fromkeys(["-.inf", "-.Inf", "-.INF"], float("-inf")),
    **dict.fromkeys([".nan", ".NaN", ".NAN"], float("nan")),
}
_SWITCHES = {
    **dict.fromkeys(_cases("yes on y"), "true"),
    **dict.fromkeys(_cases("no off n"), "false"),
}
_NUMERIC_START = frozenset("0123456789+-.")

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)\Z", re.ASCII)
_DECIMAL = re.compile(
    r"-?(?:0|[1-9][0-9]*)?(?:\.[0-9]+|(?<=[0-9])\.)(?:[eE][-+]?[0-9]+)?\Z", re.ASCII
)
_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:\Z|[Tt ])", re.ASCII)
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]+(?:\.[0-9]*)?\Z", re.ASCII)
_BASED = re.compile(r"[-+]?0[xXoObB][0-9a-fA-F_]+\Z", re.ASCII)
_GROUPED = re.compile(r"[-+]?[0-9][0-9_]*_[0-9_]*(?:\.[0-9_]*)?\Z", re.ASCII)
_SEXAGESIMAL = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?\Z", re.ASCII)
_POSITIVE = re.compile(r"\+(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?\Z", re.ASCII)
_EXPONENT = re.compile(r"-?[0-9]+[eE][-+]?[0-9]+\Z", re.ASCII)


def plain(text: str) -> Cell:
    """The value of an unquoted scalar; `Surprise` where readers disagree.

    >>> plain("1.10"), plain("viewer"), plain("2026-11-01")
    (Decimal('1.10'), 'viewer', '2026-11-01')
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] in _NUMERIC_START:
        return _numeric(text)
    if text in _SWITCHES:
        raise Surprise(
            f"`{text}` is true or false to some YAML readers and text to others",
            f'Write "{text}" for the text, or {_SWITCHES[text]}.',
        )
    return text


def _numeric(text: str) -> Cell:
    if _INTEGER.match(text):
        if len(text) > MAX_DIGITS:
            raise Surprise(f"is a number of more than {MAX_DIGITS} digits", "Quote it.")
        return int(text)
    if _DECIMAL.match(text):
        return exact(text)
    if _DATE.match(text):
        return Text(text)
    if _LEADING_ZERO.match(text):
        plainly = text.lstrip("+").replace("-", "").lstrip("0") or "0"
        raise Surprise(
            f"`{text}` is an octal number to some YAML readers",
            f'Write "{text}" for the text, or {plainly} for the number.',
        )
    if _BASED.match(text) or _GROUPED.match(text):
        raise Surprise(
            f"`{text}` is a number to some YAML readers and text to others",
            f'Write "{text}" for the text, or the number in plain decimal digits.',
        )
    if _SEXAGESIMAL.match(text):
        raise Surprise(
            f"`{text}` is a number in base 60 to some YAML readers", f'Quote it: "{text}".'
        )
    if _POSITIVE.match(text):
        raise Surprise(
            f"`{text}` would lose its plus sign",
            f'Write "{text}" for the text, or {text[1:]} for the number.',
        )
    if _EXPONENT.match(text):
        raise Surprise(
            f"`{text}` is a number to some YAML readers and text to others",
            f'Write "{text}" for the text, or the number with a decimal point.',
        )
    return text


def exact(text: str) -> Decimal:
    """A decimal with every digit kept; `Surprise` when Postgres could not hold it."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = None
    if value is None or len(text) > MAX_DIGITS or not holds(value):
        raise Surprise("is a number that Postgres cannot hold", "Quote it if it is text.")
    return value


def holds(value: Decimal) -> bool:
    """Whether numeric can hold it: 131,072 digits before the point and 16,383 after it."""
    return -16_383 <= value.adjusted() <= 131_071
