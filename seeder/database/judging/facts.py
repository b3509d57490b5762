"""The tables of rules as SQL: CASE expressions over facts that are SQL conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TypeAlias, TypeVar

from psycopg import sql

from seeder.database.schema.equality import FALSE, TRUE
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
        conditions: list[sql.Composable] = []
        possible = True
        for name, wanted in rule.conditions:
            fact = facts[name]
            if not isinstance(fact, bool) and fact in (TRUE, FALSE):
                fact = fact == TRUE
            if isinstance(fact, bool):
                possible = possible and fact is wanted
            else:
                conditions.append(fact if wanted else sql.SQL("NOT {}").format(fact))
        if not possible:
            continue
        if not conditions:
            if not branches:
                return sql.SQL("{}::smallint{}").format(sql.Literal(number), comment(rule.name))
            return sql.SQL("CASE{}\n    ELSE {}{}\n  END::smallint").format(
                sql.SQL("").join(branches), sql.Literal(number), comment(rule.name)
            )
        branches.append(
            sql.SQL("\n    WHEN {} THEN {}{}").format(
                sql.SQL(" AND ").join(conditions), sql.Literal(number), comment(rule.name)
            )
        )
    raise AssertionError("a table of rules ends with a rule that always holds")
