"""The SQL generated from the tables of rules decides as the pure rules do."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from seeder.database.judging.facts import verdict_number
from seeder.database.schema.rule_numbers import numbers
from seeder.merge.rules import (
    COLUMN_FACTS,
    COLUMN_RULES,
    IDENTITY_FACTS,
    IDENTITY_RULES,
    ROW_FACTS,
    ROW_RULES,
    decide,
)
from tests.support.postgres import Database

TABLES = {
    "column": (COLUMN_RULES, tuple(COLUMN_FACTS)),
    "identity": (IDENTITY_RULES, tuple(IDENTITY_FACTS)),
    "row": (ROW_RULES, tuple(ROW_FACTS)),
}


@pytest.mark.parametrize("table", TABLES)
def test_generated_sql_decides_as_the_pure_rules_do(database: Database, table: str) -> None:
    rules, names = TABLES[table]
    connection = database.connect()

    @settings(
        max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(
        facts=st.fixed_dictionaries({name: st.booleans() for name in names}),
        fixed=st.sets(st.sampled_from(names)),
    )
    def check(facts: dict[str, bool], fixed: set[str]) -> None:
        # Some facts are the same for every row and decided in Python, the others are SQL.
        given_facts = {
            name: holds if name in fixed else sql.SQL("(1 = 1)" if holds else "(1 = 0)")
            for name, holds in facts.items()
        }
        row = connection.execute(
            sql.SQL("SELECT {}").format(verdict_number(rules, given_facts))
        ).fetchone()
        assert row is not None
        assert rules[row[0]] is decide(rules, facts)

    check()


def test_numbers_name_all_rules_of_a_verdict(database: Database) -> None:
    verdict = COLUMN_RULES[-1].verdict
    (row,) = database.connect().execute(
        sql.SQL("SELECT {}").format(numbers(COLUMN_RULES, {verdict}))
    )
    assert row[0] == [n for n, rule in enumerate(COLUMN_RULES) if rule.verdict is verdict]
