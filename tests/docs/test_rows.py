"""docs/rows.md: what it explains is what the code can say of a row, no less and no more."""

from __future__ import annotations

from seeder.merge.plan import CHANGED, ColumnCase, SetDecision
from seeder.merge.rules import COLUMN_RULES, IDENTITY_RULES, ROW_RULES, Identity
from seeder.report.words import ACTIONS, DECISIONS
from tests.docs.pages import DOCS, tables_of
from tests.docs.reasons import reasons

PAGE = DOCS / "rows.md"


def explained() -> dict[str, list[str]]:
    """The reasons of the page, each with the rest of its line; a reason stands in quotes."""
    found: dict[str, list[str]] = {}
    for table in tables_of(PAGE):
        for first, *rest in table:
            if first.startswith('"'):
                assert first not in found, f"{first} is explained twice"
                found[first.strip('"')] = rest
    return found


def of_rules() -> set[str]:
    """Every reason of a rule that may be told."""
    columns = {each.reason for each in COLUMN_RULES if each.verdict is not ColumnCase.NOTHING}
    owners = {Identity.AMBIGUOUS, Identity.TAKEN}
    identities = {each.reason for each in IDENTITY_RULES if each.verdict in owners}
    return columns | identities | {each.reason for each in ROW_RULES}


def test_every_reason_is_explained_and_every_explanation_has_its_reason() -> None:
    told = of_rules() | {CHANGED} | {text.replace("`", "") for text in reasons()}
    assert sorted(explained()) == sorted(told)


def test_every_explanation_says_something() -> None:
    assert [reason for reason, rest in explained().items() if not rest[0]] == []


def test_reasons_in_the_code_are_found_however_they_reach_a_row() -> None:
    found = reasons()
    # By a keyword, a helper's argument, a constant, a function that returns it, SQL, and a set's.
    assert found.keys() >= {
        "the live value stands",
        "is there already",
        "a person decided",
        "waits until … gives the value up; a later run writes it then",
        "a later run changed it as well",
        "seeded before",
    }


def test_every_word_for_what_is_done_with_a_row_is_explained() -> None:
    words, *_ = tables_of(PAGE)
    assert {(planned, done) for planned, done, _ in words} >= {
        (each.planned, each.done) for each in ACTIONS.values()
    }


def test_every_decision_on_a_set_is_explained() -> None:
    assert set(DECISIONS) == set(SetDecision)
    told = {row[0] for table in tables_of(PAGE) for row in table}
    assert set(DECISIONS.values()) <= told
