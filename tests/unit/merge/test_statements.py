"""Statements read well when they are printed."""

from __future__ import annotations

import re

from psycopg import sql

from seeder.database.judging import identity
from seeder.database.judging.facts import verdict_number
from seeder.database.schema.equality import FALSE, TRUE, all_of, any_of, negated
from seeder.database.schema.rule_numbers import numbers
from seeder.merge.plan import ColumnCase
from seeder.merge.rules import COLUMN_FACTS, COLUMN_RULES, IDENTITY_RULES
from tests.docs.pages import ROOT

ONE, OTHER = sql.SQL("one"), sql.SQL("other")


def test_each_rule_that_can_match_has_a_line_that_ends_with_its_name() -> None:
    lines = identity.identity().as_string(None).splitlines()[1:-1]
    assert [re.findall(r"/\* (\w+) \*/$", line) for line in lines] == [
        [rule.name] for rule in IDENTITY_RULES
    ]


def test_the_statement_that_the_docs_read_aloud_is_the_one_that_is_sent() -> None:
    page = (ROOT / "docs" / "decisions" / "merge-in-sql.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```sql\n(.*?)\n```", page, re.DOTALL)
    assert identity.identity().as_string(None) == f"  SELECT {shown} AS identity"


def test_facts_that_are_the_same_for_every_row_are_left_out() -> None:
    facts = {**dict.fromkeys(COLUMN_FACTS, False), "known": ONE, "always": FALSE, "held": TRUE}
    text = verdict_number(COLUMN_RULES, facts).as_string(None)
    assert "/* held */" in text
    assert "true" not in text
    assert "false" not in text
    assert "always" not in text


def test_numbers_of_rules_are_followed_by_what_they_stand_for() -> None:
    text = numbers(COLUMN_RULES, {ColumnCase.CONFLICT, ColumnCase.SETTLE}).as_string(None)
    assert text.endswith("::smallint[] /* conflict, settle */")


def test_conditions_are_joined_without_what_always_or_never_holds() -> None:
    def text(condition: sql.Composable) -> str:
        return condition.as_string(None)

    assert text(all_of([ONE, TRUE, OTHER])) == "one AND other"
    assert text(all_of([ONE, FALSE])) == "false"
    assert text(all_of([TRUE])) == text(all_of([])) == "true"
    assert text(any_of([ONE, FALSE, OTHER])) == "(one OR other)"
    assert text(any_of([ONE, TRUE])) == "true"
    assert text(any_of([FALSE])) == "false"
    assert [text(negated(each)) for each in (TRUE, FALSE, ONE)] == ["false", "true", "NOT (one)"]
