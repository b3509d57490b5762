"""docs/merge.md: its tables are those of the code, and every example comes out as it says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from seeder.commands.plan import exit_code_of
from seeder.merge.documents import MISSING, Sides, equal, merge, read
from seeder.merge.model import Mode, Strategy, Way
from seeder.merge.rules import COLUMN_RULES, IDENTITY_RULES, ROW_RULES, Identity, Report, decide
from seeder.phases.planning import plan
from tests.docs.pages import DOCS, table_after
from tests.docs.shell import carry_out
from tests.docs.stories import Story
from tests.support.events import Events
from tests.support.merge import Project

PAGE = DOCS / "merge.md"
COLUMNS = table_after(PAGE, "Columns")
ROWS = table_after(PAGE, "Rows")
IDENTITIES = table_after(PAGE, "Which live row is it")
AMBIGUOUS = {rule.reason for rule in IDENTITY_RULES if rule.verdict is Identity.AMBIGUOUS}

SHOUT = """
    CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN NEW.name := upper(NEW.name); RETURN NEW; END $$;
    CREATE TRIGGER shout BEFORE INSERT OR UPDATE ON tiers FOR EACH ROW EXECUTE FUNCTION shout();
"""


# "unmerged" is what a verdict finds before the documents are merged: nothing ends there.
COLUMN_LINES = [rule for rule in COLUMN_RULES if rule.name != "unmerged"]


PARTS = {
    ("merge", True): {"conflict", "update"},
    ("merge", False): {"update"},
    ("conflict", False): {"conflict"},
    ("settle", False): {"settle"},
    ("held", False): set(),
}
"""Cases of the parts of a merged column, by its own case and whether some parts stay."""


def test_the_tables_have_every_rule_in_the_order_of_the_code() -> None:
    for rules, table in ((COLUMN_LINES, COLUMNS), (ROW_RULES, ROWS), (IDENTITY_RULES, IDENTITIES)):
        assert [tuple(row[-2:]) for row in table] == [(r.verdict.value, r.reason) for r in rules]


def column_facts(asked: str, live: str, desired: str, policy: str) -> dict[str, bool]:
    known = asked != "unknown"
    asked, _, stored = asked.partition(", stored ")
    value = given(desired)
    left_out = value == "left out"
    if left_out:
        value = desired.partition("default ")[2]
    return merge_facts(asked, live, desired, policy) | {
        "left_out": left_out,
        "varies": value == "varies",
        "never": policy == "`update: never`",
        "always": policy == "`update: always`",
        "overwrite": policy == "`conflict: overwrite`",
        "known": known,
        "desired_is_asked": known and value == asked,
        "live_is_stored": known and live == (stored or asked),
        "live_is_desired": live == value,
        "offered": "second time" in desired,
        "held": "another row holds" in desired,
    }


def given(desired: str) -> str:
    """What the catalog gives: a document in quotes, or the first word."""
    return desired[1:].partition("`")[0] if "`" in desired else desired.partition(",")[0]


def merge_facts(asked: str, live: str, desired: str, policy: str) -> dict[str, bool]:
    names = ("merges", "merged", "merge_writes", "merge_conflicts", "merge_records")
    if policy != "`merge: map`":
        return dict.fromkeys(names, False)
    base, there, wanted = (read(given(text)) for text in (asked, live, desired))
    again = "second time" in desired
    found = merge(
        Sides(
            asked=base,
            stored=base,
            live=there,
            desired=wanted,
            offered=wanted if again else MISSING,
            was_offered=again,
        ),
        Strategy(way=Way.MAP),
    )
    return {
        "merges": True,
        "merged": True,
        "merge_writes": not equal(found.value, there),
        "merge_conflicts": found.conflicts,
        "merge_records": not equal(found.asked, base),
    }


@pytest.mark.parametrize("number", range(len(COLUMNS)))
def test_a_column_comes_out_as_its_line_says(number: int, project: Project) -> None:
    asked, live, desired, policy, result, case, reason = COLUMNS[number]
    rule = decide(COLUMN_RULES, column_facts(asked, live, desired, policy))
    assert rule is COLUMN_LINES[number], "an earlier line fits the example as well"

    default = desired.partition("default ")[2]
    default = "now()::text" if default == "varies" else f"'{default}'" if default else "NULL"
    kind = "jsonb" if policy == "`merge: map`" else "text"
    project.sql(f"CREATE TABLE tiers (code text PRIMARY KEY, name {kind} DEFAULT {default})")
    value = given(desired)
    asked, live, result = (text.strip("`") for text in (asked, live, result))
    if asked == "unknown":
        project.sql("INSERT INTO tiers VALUES ('a', %s)", live)
    else:
        asked, _, stored = asked.partition(", stored ")
        if stored:
            project.sql(SHOUT)
        seed(project, asked, policy)
        project.init()
        project.sql("UPDATE tiers SET name = %s WHERE code = 'a'", live)
    if "another row holds" in desired:
        project.sql("CREATE UNIQUE INDEX ON tiers (name)")
        project.sql("INSERT INTO tiers VALUES ('theirs', %s)", value)
    seed(project, value, policy)
    if "second time" in desired:
        project.update()
    project.survey(Mode.UPDATE)
    planned = [
        column
        for row in project.plans["tiers"].rows
        for column in row.columns
        if column.name.partition(".")[0] == "name"
    ]
    assert all(column.asked_known is (asked != "unknown") for column in planned)
    told = {(column.case.value, column.reason) for column in planned}
    if kind == "jsonb":
        # A plan tells the parts of a merged column, each by a line further up or down.
        assert {case for case, _ in told} == PARTS[case, "some parts" in reason]
    else:
        assert told in ({(case, reason)}, set()), "the plan says something else"
        assert told or case in ("nothing", "held")
    project.update()
    assert project.value("SELECT name FROM tiers WHERE code = 'a'") == (
        json.loads(result) if kind == "jsonb" else result
    )


def seed(project: Project, name: str, policy: str) -> None:
    policy = policy.strip("`")
    if policy.startswith(("update", "merge")):
        policy = f"columns: {{name: {{{policy}}}}}"
    pair = "" if name == "left out" else f", name: {name}"
    project.write("tiers", f"table: tiers\nkey: code\n{policy}\nrows:\n  - {{code: a{pair}}}\n")


@pytest.mark.parametrize("number", range(len(ROWS)))
def test_a_row_comes_out_as_its_line_says(number: int, project: Project) -> None:
    example, after, row, action, reason = ROWS[number]
    story = Story(project)
    story.tell(example)
    change = story.row(row.strip("`"))
    if ROW_RULES[number].report is Report.SILENT:
        assert change is None
    else:
        assert change is not None
        # A row that cannot be told apart has the reason of its identity.
        reasons = AMBIGUOUS if "cannot be told" in reason else {reason}
        assert change.action.value == action
        assert change.reason in reasons
    assert story.table() == after


@pytest.mark.parametrize("number", range(len(IDENTITIES)))
def test_a_live_row_is_found_as_its_line_says(number: int, project: Project) -> None:
    example, after, _, _ = IDENTITIES[number]
    story = Story(project)
    story.tell(example)
    assert sorted(story.table().split(", ")) == sorted(after.split(", "))


@pytest.fixture
def conflict(project: Project) -> Project:
    """A release is applied, a person has changed its row, and so has the catalog."""
    project.configure(release="1")
    project.sql("CREATE TABLE roles (code text PRIMARY KEY, label text)")
    rows = "table: roles\nkey: code\nrows:\n  - {{code: viewer, label: {}}}\n"
    project.write("roles", rows.format("Viewer"))
    project.init()
    project.sql("UPDATE roles SET label = 'Guest'")
    project.write("roles", rows.format("Reader"))
    return project


def test_a_conflict_looks_in_a_plan_as_the_page_shows(
    conflict: Project, tmp_path: Path, environ: dict[str, str]
) -> None:
    environ["SEEDER_PROJECT"] = str(conflict.directory)
    assert carry_out(PAGE, tmp_path, environ) == 1


@pytest.mark.parametrize(("mode", "code"), [(Mode.UPDATE, 21), (Mode.AUTO, 20)])
def test_a_conflict_has_an_exit_code_of_its_own_where_an_update_is_planned(
    conflict: Project, mode: Mode, code: int
) -> None:
    assert exit_code_of(plan(conflict.settings(mode), log=Events())) == code
