"""The tables of rules as SQL: CASE expressions over facts that are SQL conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TypeAlias, TypeVar

from psycopg import sql

from seeder.database.schema.equality import FALSE, TRUE, all_of, negated
from seeder.database.schema.rule_numbers import comment
from seeder.merge.rules import Rule

Fact: TypeAlias = sql.Composable | bool
"""A condition in SQL, or one that is the same for every row."""

Verdict = TypeVar("Verdict", bound=StrEnum)


def verdict_number(rules: Sequence[Rule[Verdict]], facts: Mapping[str, Fact]) -> sql.Composed:
    """The number of the first rule that holds, as a CASE expression.

    Conditions must never be NULL. Facts that are the same for every row are decided here,
    so that the SQL holds only rules that can still match, each in a line that ends with its name.
    """
    branches: list[sql.Composable] = []
    for number, rule in enumerate(rules):
        condition = all_of(
            as_condition(facts[name]) if wanted else negated(as_condition(facts[name]))
            for name, wanted in rule.conditions
        )
        parts = {"number": sql.Literal(number), "name": comment(rule.name), "when": condition}
        if condition == TRUE:
            if not branches:
                return sql.SQL("{number}::smallint{name}").format(**parts)
            return sql.SQL("CASE{before}\n    ELSE {number}{name}\n  END::smallint").format(
                before=sql.SQL("").join(branches), **parts
            )
        if condition != FALSE:
            branches.append(sql.SQL("\n    WHEN {when} THEN {number}{name}").format(**parts))
    raise AssertionError("a table of rules ends with a rule that always holds")


def as_condition(fact: Fact) -> sql.Composable:
    """The fact as SQL."""
    if isinstance(fact, bool):
        return TRUE if fact else FALSE
    return fact
