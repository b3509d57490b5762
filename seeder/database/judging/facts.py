"""The tables of rules as SQL: CASE expressions over facts that are SQL conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TypeAlias, TypeVar

from psycopg import sql

from seeder.merge.rules import Rule

Fact: TypeAlias = sql.Composable | bool
"""A condition in SQL, or one that is the same for every row."""

Verdict = TypeVar("Verdict", bound=StrEnum)


def verdict_number(rules: Sequence[Rule[Verdict]], facts: Mapping[str, Fact]) -> sql.Composed:
    """The number of the first rule that holds, as a CASE expression.

    Conditions must never be NULL. Facts that are the same for every row are decided here,
    so that the SQL holds only rules that can still match.
    """
    branches: list[sql.Composable] = []
    for number, rule in enumerate(rules):
        conditions: list[sql.Composable] = []
        possible = True
        for name, wanted in rule.conditions:
            fact = facts[name]
            if isinstance(fact, bool):
                possible = possible and fact is wanted
            else:
                conditions.append(fact if wanted else sql.SQL("NOT {}").format(fact))
        if not possible:
            continue
        if not conditions:
            otherwise = sql.SQL("ELSE {}").format(sql.Literal(number))
            if not branches:
                return sql.SQL("{}::smallint").format(sql.Literal(number))
            return sql.SQL("CASE {} {} END::smallint").format(
                sql.SQL(" ").join(branches), otherwise
            )
        branches.append(
            sql.SQL("WHEN {} THEN {}").format(
                sql.SQL(" AND ").join(conditions), sql.Literal(number)
            )
        )
    raise AssertionError("a table of rules ends with a rule that always holds")


def numbers(
    rules: Sequence[Rule[Verdict]], verdicts: frozenset[Verdict] | set[Verdict]
) -> sql.Composed:
    """The numbers of all rules with one of these verdicts, for `= ANY (...)`."""
    return sql.SQL("{}::smallint[]").format(
        sql.Literal([n for n, rule in enumerate(rules) if rule.verdict in verdicts])
    )
