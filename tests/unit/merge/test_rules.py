"""The tables of rules, over every combination of facts that can occur."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from seeder.merge.plan import ColumnCase, RowAction
from seeder.merge.rules import (
    COLUMN_FACTS,
    COLUMN_RULES,
    IDENTITY_FACTS,
    IDENTITY_RULES,
    ROW_FACTS,
    ROW_RULES,
    Identity,
    Rule,
    decide,
)

Facts = Mapping[str, bool]

TABLES = {
    "column": (COLUMN_RULES, COLUMN_FACTS),
    "identity": (IDENTITY_RULES, IDENTITY_FACTS),
    "row": (ROW_RULES, ROW_FACTS),
}


def all_facts(names: Sequence[str]) -> Iterator[dict[str, bool]]:
    for values in itertools.product((False, True), repeat=len(names)):
        yield dict(zip(names, values, strict=True))


def column_facts() -> Iterator[dict[str, bool]]:
    """Facts of a column as they can occur together."""
    for facts in all_facts(list(COLUMN_FACTS)):
        if facts["never"] and facts["always"]:
            continue
        if not facts["known"] and facts["live_is_stored"]:
            continue
        if facts["left_out"] and facts["always"]:
            continue
        if facts["varies"] and not facts["left_out"]:
            continue
        yield facts


def identity_facts() -> Iterator[dict[str, bool]]:
    """Facts of an identity as they can occur together."""
    for facts in all_facts(list(IDENTITY_FACTS)):
        if not facts["entry"] and facts["at_primary_key"]:
            continue
        if not facts["at_primary_key"] and (facts["same_key"] or facts["other_key"]):
            continue
        if not facts["at_key"] and facts["owned"]:
            continue
        yield facts


STATES = ("active", "kept", "deleted", "removed", "unset")
OF_DESIRED = (
    "live",
    "soft_deleted",
    "ambiguous",
    "taken",
    "blocked",
    "held",
    "told",
    "refresh",
    "moved",
)
OF_LIVE = ("writes", "conflicts", "lets_go", "records")
OF_GONE = (
    "live",
    "ambiguous",
    "on_removal_delete",
    "on_removal_set",
    "modified",
    "referenced",
    "protected",
)


def row_facts() -> Iterator[dict[str, bool]]:
    """Facts of a row as they can occur together."""
    nothing = dict.fromkeys(ROW_FACTS, False)
    for state in (None, *STATES):
        entry = nothing | {"entry": state is not None} | ({state: True} if state else {})
        reported = ["reported"] if state == "active" else []
        for facts in all_facts([*OF_DESIRED, *OF_LIVE, *reported]):
            found = facts["live"] + facts["soft_deleted"] + facts["ambiguous"] + facts["taken"]
            if found > 1 or (not facts["live"] and any(facts[name] for name in OF_LIVE)):
                continue
            if facts["ambiguous"] and state is None:
                continue
            if facts["taken"] and state not in (None, "deleted", "removed"):
                continue
            yield entry | facts | {"desired": True}
        for facts in all_facts([*OF_GONE, *reported]) if state else ():
            if facts["live"] and facts["ambiguous"]:
                continue
            if not (facts["on_removal_delete"] and facts["on_removal_set"]):
                yield entry | facts


def first_match(rules: Sequence[Rule[Any]], facts: Facts) -> int:
    return rules.index(decide(rules, facts))


@pytest.mark.parametrize("table", TABLES)
def test_every_rule_names_known_facts_and_gives_a_reason(table: str) -> None:
    rules, facts = TABLES[table]
    for rule in rules:
        assert {name for name, _ in rule.conditions} <= set(facts)
        assert rule.reason


@pytest.mark.parametrize("table", TABLES)
def test_every_rule_has_a_name_of_its_own(table: str) -> None:
    rules, _ = TABLES[table]
    assert len({rule.name for rule in rules}) == len(rules)


@pytest.mark.parametrize("table", TABLES)
def test_every_table_ends_with_a_rule_that_always_holds(table: str) -> None:
    rules, facts = TABLES[table]
    assert rules[-1].when == ""
    assert decide(rules, dict.fromkeys(facts, False)) is not None


@pytest.mark.parametrize(
    ("rules", "facts"),
    [
        pytest.param(COLUMN_RULES, column_facts, id="column"),
        pytest.param(IDENTITY_RULES, identity_facts, id="identity"),
        pytest.param(ROW_RULES, row_facts, id="row"),
    ],
)
def test_every_rule_decides_some_case_that_can_occur(rules: Any, facts: Any) -> None:
    reached = {first_match(rules, each) for each in facts()}
    unreachable = [rules[n].name for n in range(len(rules)) if n not in reached]
    assert unreachable == []


# -- the column table of the design, line by line -----------------------------------------


def column(words: str) -> ColumnCase:
    facts = dict.fromkeys(COLUMN_FACTS, False)
    facts |= dict.fromkeys(words.split(), True)
    return decide(COLUMN_RULES, facts).verdict


@pytest.mark.parametrize(
    ("facts", "verdict"),
    [
        ("known desired_is_asked", ColumnCase.NOTHING),
        ("known desired_is_asked live_is_stored", ColumnCase.NOTHING),
        ("known desired_is_asked live_is_desired", ColumnCase.NOTHING),
        ("known desired_is_asked overwrite", ColumnCase.NOTHING),
        ("known live_is_stored", ColumnCase.UPDATE),
        ("known live_is_stored offered", ColumnCase.UPDATE),
        ("known live_is_desired", ColumnCase.SETTLE),
        ("known live_is_desired live_is_stored", ColumnCase.SETTLE),
        ("known", ColumnCase.CONFLICT),
        ("known offered", ColumnCase.HELD),
        ("known overwrite", ColumnCase.OVERWRITE),
        ("", ColumnCase.CONFLICT),
        ("offered", ColumnCase.HELD),
        ("overwrite", ColumnCase.OVERWRITE),
        ("live_is_desired", ColumnCase.SETTLE),
        ("always known desired_is_asked", ColumnCase.ALWAYS),
        ("always", ColumnCase.ALWAYS),
        ("always live_is_desired known desired_is_asked", ColumnCase.NOTHING),
        ("always known desired_is_asked live_is_stored", ColumnCase.NOTHING),
        ("always known live_is_stored", ColumnCase.ALWAYS),
        ("never", ColumnCase.NOTHING),
        ("never known live_is_stored overwrite", ColumnCase.NOTHING),
    ],
)
def test_a_column_is_decided_as_the_design_says(facts: str, verdict: ColumnCase) -> None:
    assert column(facts) is verdict


def test_a_live_value_is_overwritten_only_where_nobody_changed_it_or_the_set_says_so() -> None:
    for facts in column_facts():
        verdict = decide(COLUMN_RULES, facts).verdict
        if verdict is ColumnCase.UPDATE:
            assert facts["known"]
            assert facts["live_is_stored"]
        if verdict is ColumnCase.OVERWRITE:
            assert facts["overwrite"]
        if verdict is ColumnCase.ALWAYS:
            assert facts["always"]


# -- which live row is it, line by line ----------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "verdict"),
    [
        ("entry at_primary_key same_key at_key", Identity.AT_PRIMARY_KEY),
        ("entry at_primary_key", Identity.AT_PRIMARY_KEY),
        ("entry at_primary_key other_key", Identity.GONE),
        ("entry at_primary_key other_key at_key", Identity.AT_KEY),
        ("entry at_primary_key other_key at_key owned", Identity.GONE),
        ("entry at_primary_key at_key", Identity.AMBIGUOUS),
        ("entry at_key", Identity.AT_KEY),
        ("entry at_key owned", Identity.TAKEN),
        ("entry", Identity.GONE),
        ("at_key", Identity.AT_KEY),
        ("at_key owned", Identity.TAKEN),
        ("", Identity.GONE),
    ],
)
def test_a_live_row_is_found_as_the_design_says(facts: str, verdict: Identity) -> None:
    given = dict.fromkeys(IDENTITY_FACTS, False) | dict.fromkeys(facts.split(), True)
    assert decide(IDENTITY_RULES, given).verdict is verdict


# -- the row table, line by line -----------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "verdict"),
    [
        ("desired", RowAction.INSERT),
        ("desired blocked", RowAction.SKIP),
        ("desired soft_deleted", RowAction.RECORD),
        ("desired taken", RowAction.KEEP),
        ("desired live", RowAction.ADOPT),
        ("desired live blocked", RowAction.SKIP),
        ("desired entry active", RowAction.RECORD),
        ("desired entry kept", RowAction.RECORD),
        ("desired entry deleted", RowAction.KEEP),
        ("desired entry deleted refresh", RowAction.INSERT),
        ("desired entry removed", RowAction.RESTORE),
        ("desired entry removed blocked", RowAction.SKIP),
        ("desired entry unset", RowAction.RECORD),
        ("desired entry active live", RowAction.KEEP),
        ("desired entry active live writes", RowAction.UPDATE),
        ("desired entry active live writes moved", RowAction.MOVE),
        ("desired entry active live conflicts", RowAction.KEEP),
        ("desired entry active live conflicts writes", RowAction.UPDATE),
        ("desired entry active live records", RowAction.RECORD),
        ("desired entry active live blocked", RowAction.SKIP),
        ("desired entry active ambiguous", RowAction.KEEP),
        ("desired entry kept live", RowAction.RECORD),
        ("desired entry unset live writes", RowAction.RESTORE),
        ("desired entry unset live", RowAction.RECORD),
        ("desired entry deleted live", RowAction.RECORD),
        ("entry active live", RowAction.RELEASE),
        ("entry active live modified", RowAction.RELEASE),
        ("entry active", RowAction.RECORD),
        ("entry active live on_removal_delete", RowAction.DELETE),
        ("entry active live on_removal_delete modified", RowAction.KEEP),
        ("entry active live on_removal_delete referenced", RowAction.KEEP),
        ("entry active live on_removal_delete reported", RowAction.DELETE),
        ("desired entry active live reported", RowAction.RECORD),
        ("entry active live on_removal_set", RowAction.REMOVE),
        ("entry active live on_removal_set modified", RowAction.REMOVE),
        ("entry kept live on_removal_delete", RowAction.KEEP),
        ("entry deleted", RowAction.KEEP),
        ("entry active ambiguous", RowAction.KEEP),
    ],
)
def test_a_row_is_decided_as_the_design_says(facts: str, verdict: RowAction) -> None:
    given = dict.fromkeys(ROW_FACTS, False) | dict.fromkeys(facts.split(), True)
    assert decide(ROW_RULES, given).verdict is verdict


def test_a_persons_deletion_is_reversed_by_refresh_alone() -> None:
    for facts in row_facts():
        gone = facts["desired"] and not facts["live"] and facts["entry"] and not facts["removed"]
        if gone and not facts["refresh"]:
            assert decide(ROW_RULES, facts).verdict not in (RowAction.INSERT, RowAction.RESTORE)


def test_a_row_is_deleted_only_unmodified_unreferenced_and_where_the_set_says_so() -> None:
    for facts in row_facts():
        if decide(ROW_RULES, facts).verdict is RowAction.DELETE:
            assert facts["on_removal_delete"]
            assert not facts["desired"]
            assert not facts["modified"]
            assert not facts["referenced"]


def test_what_is_unclear_is_never_written() -> None:
    for facts in row_facts():
        if facts["ambiguous"] or facts["taken"]:
            assert decide(ROW_RULES, facts).verdict is RowAction.KEEP
