"""Numbers of rules in statements, each followed by a comment that says what it stands for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from enum import StrEnum
from typing import TypeVar

from psycopg import sql

from seeder.database.connection.marked_sql import Named
from seeder.merge.rules import Rule, number_of, numbers_with

Verdict = TypeVar("Verdict", bound=StrEnum)


def number(rules: Sequence[Rule[Verdict]], name: str) -> sql.Composed:
    """The number of the rule of this name."""
    return sql.SQL("{}{}").format(sql.Literal(number_of(rules, name)), comment(name))


def numbers(rules: Sequence[Rule[Verdict]], verdicts: Collection[Verdict]) -> sql.Composed:
    """The numbers of all rules with one of these verdicts, for `= ANY (...)`; told by verdict."""
    return _listed(
        numbers_with(rules, lambda rule: rule.verdict in verdicts),
        dict.fromkeys(rule.verdict.value for rule in rules if rule.verdict in verdicts),
    )


def numbers_where(
    rules: Sequence[Rule[Verdict]], wanted: Callable[[Rule[Verdict]], bool]
) -> sql.Composed:
    """The numbers of all rules that meet a condition, for `= ANY (...)`; told by name."""
    found = numbers_with(rules, wanted)
    return _listed(found, (rules[n].name for n in found))


def numbers_named(rules: Sequence[Rule[Verdict]], names: Sequence[str]) -> sql.Composed:
    """The numbers of the rules of these names, for `= ANY (...)`."""
    return _listed((number_of(rules, name) for name in names), names)


def comment(text: str) -> sql.SQL:
    """For whoever reads the statement; between the signs that no name of ours has."""
    return sql.SQL(f" /* {text} */")


def _listed(found: Iterable[int], names: Iterable[str]) -> sql.Composed:
    return sql.SQL("{}::smallint[]{}").format(
        Named(f"{{{','.join(map(str, found))}}}"), comment(", ".join(names))
    )
