"""Plans and runs as pages, made by real runs."""

from __future__ import annotations

import datetime
import re
from pathlib import Path

import pytest
from msgspec.structs import replace

from seeder.merge.plan import ColumnCase, RowAction
from seeder.report import html
from tests.report.conftest import HOSTILE, SECRET
from tests.report.documents import Page
from tests.support.plans import a_column, a_plan, a_row, a_set
from tests.support.shop import Shop

NOON = datetime.datetime(2026, 11, 3, 12, tzinfo=datetime.UTC)


def page_of(file: Path) -> Page:
    return Page(file.read_text(encoding="utf-8"))


@pytest.fixture
def plan(second: Shop, tmp_path: Path) -> Page:
    """The plan of the second release."""
    file = tmp_path / "plan.html"
    done = second.command("plan", "--html", str(file))
    assert done.exit_code == 0, done.stderr
    return page_of(file)


@pytest.fixture
def report(second: Shop, tmp_path: Path) -> Page:
    """The report of the run that applied it."""
    file = tmp_path / "report.html"
    done = second.run("--report", str(file))
    assert done.exit_code == 0, done.stderr
    return page_of(file)


# What a plan tells.


def test_a_plan_begins_with_its_numbers_each_a_link_to_what_it_counts(plan: Page) -> None:
    links = [attributes["href"] for attributes in plan.named("a")]
    assert links == ["#conflicts", "#changes", "#changes", "#changes", "#kept"]
    ids = {attributes.get("id") for _, attributes in plan.tags}
    assert {str(link).removeprefix("#") for link in links} <= ids
    for number in ("1 in conflict", "1 to insert", "3 to update", "1 to delete", "1 left alone"):
        assert number in plan.text


def test_a_change_shows_what_goes_and_what_comes_column_by_column(plan: Page) -> None:
    assert "tiers/free" in plan.text
    assert re.search("about.*For trying things out.*For trying it out", plan.text)
    assert "<del>" in plan.source
    assert "<ins>" in plan.source
    assert "<mark>it</mark>" in plan.source


def test_a_conflict_shows_the_three_values_and_both_commands(plan: Page) -> None:
    conflict = plan.text.partition("For you to decide")[2].partition("What will change")[0]
    assert re.search("price last applied 59 live 65 desired 69", conflict)
    assert "seeder resolve tiers/team --take live" in conflict
    assert "seeder resolve tiers/team --take desired" in conflict


def test_parts_of_a_document_are_shown_by_their_paths(empty_shop: Shop, tmp_path: Path) -> None:
    empty_shop.scripts.add(
        "0001",
        "CREATE TABLE roles (id serial PRIMARY KEY, code text NOT NULL UNIQUE, settings jsonb)",
    )

    def seed(seats: int, tags: str) -> None:
        inside = "{merge: map, paths: {tags: {merge: set}}}"
        head = f"table: roles\nkey: code\ncolumns: {{settings: {inside}}}\nrows:\n"
        document = f"{{limits: {{seats: {seats}}}, tags: {tags}}}"
        empty_shop.seed("roles", f"{head}  - {{code: a, settings: {document}}}\n")

    seed(5, "[a, b]")
    assert empty_shop.run().exit_code == 0
    empty_shop.database.execute(
        "UPDATE roles SET settings = jsonb_set(settings, '{limits,seats}', '9')"
    )
    seed(7, "[a, c]")
    for command, option in (("plan", "--html"), ("run", "--report")):
        file = tmp_path / f"{command}.html"
        done = empty_shop.command(command, "--mode", "update", option, str(file))
        assert done.exit_code == 0, done.stderr
        text = page_of(file).text
        assert "roles/a" in text
        assert "settings.tags[b]" in text
        assert "settings.tags[c]" in text
        assert re.search("settings.limits.seats last applied 5 live 9 desired 7", text)


def test_what_else_happens_to_a_row_in_conflict_is_shown_with_it(plan: Page) -> None:
    conflict = plan.text.partition("For you to decide")[2].partition("What will change")[0]
    assert re.search("Its other columns:.*name.*Team.*Teams", conflict)


def test_what_a_person_deleted_is_listed_as_left_alone(plan: Page) -> None:
    kept = plan.text.partition("Left alone")[2]
    assert "deleted here; stays deleted" in kept
    assert "tiers/gone" in kept


def test_a_provisional_plan_lists_its_migrations_and_tasks(second: Shop, tmp_path: Path) -> None:
    second.scripts.add("0002", "ALTER TABLE tiers ADD COLUMN note text")
    second.write("seeds/update/2_note.sql", "UPDATE tiers SET note = 'x'")
    file = tmp_path / "plan.html"
    assert second.command("plan", "--html", str(file)).exit_code == 0
    text = page_of(file).text
    assert "1 migration" in text
    assert re.search("Migrations, before any row, in this order:\\s*0002", text)
    assert re.search("Tasks.*2_note", text)
    assert "can be neither approved nor run" in text


def test_sets_that_wait_are_named_with_the_reason(launched: Shop, tmp_path: Path) -> None:
    launched.database.execute("CREATE TABLE roles (code text PRIMARY KEY)")
    launched.database.execute("INSERT INTO roles VALUES ('owner')")
    launched.seed("roles", "table: roles\nkey: code\nrows:\n  - {code: owner}\n")
    file = tmp_path / "plan.html"
    assert launched.command("plan", "--html", str(file)).exit_code == 0
    assert re.search("Sets that wait.*roles.*unadopted", page_of(file).text, re.DOTALL)


# What a run tells.


def test_a_report_tells_what_was_done_in_the_past_tense(report: Page) -> None:
    for number in ("1 inserted", "2 updated", "1 deleted", "1 in conflict"):
        assert number in report.text
    assert "to insert" not in report.text
    assert re.search("about.*For trying things out.*For trying it out", report.text)
    assert "seeder resolve tiers/team --take live" in report.text


def test_the_report_of_a_failure_shows_every_problem_and_the_hint(
    second: Shop, tmp_path: Path
) -> None:
    second.seed("tiers", "tabel: tiers\nkey: code\nrows:\n  - {code: <b>, name: x}\n")
    file = tmp_path / "report.html"
    assert second.run("--report", str(file)).exit_code == 10
    page = page_of(file)
    assert "seeder failed" in page.text
    assert "exit code 10" in page.text
    assert "seeds/core/tiers.yaml:1:1" in page.text
    assert "Did you mean" in page.text
    assert page.loads_or_runs() == []


def test_a_report_of_nothing_to_do_says_so(launched: Shop, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    assert launched.run("--report", str(file)).exit_code == 0
    assert "Nothing to do on production" in page_of(file).text


# What no page does.


def test_no_page_runs_or_loads_anything_or_shows_a_secret(plan: Page, report: Page) -> None:
    for page in (plan, report):
        assert page.loads_or_runs() == []
        assert SECRET not in page.source
        (policy,) = [each["content"] for each in page.named("meta") if "http-equiv" in each]
        assert policy == "default-src 'none'; style-src 'unsafe-inline'"


def hostile_source(value: str) -> str:
    """A plan in which a value stands wherever one can."""
    conflict = a_column(
        case=ColumnCase.CONFLICT, asked=value, live=f"{value}!", desired=f"{value}?"
    )
    rows = (
        a_row(f"roles/{value}"),
        a_row(
            "roles/a", action=RowAction.INSERT, columns=(a_column("code"), a_column(desired=value))
        ),
        a_row("roles/b", columns=(a_column(live=value, asked=value, stored=value),)),
        a_row(f"roles/c{value}", action=RowAction.KEEP, conflict=True, columns=(conflict,)),
        a_row(f"roles/d{value}", action=RowAction.RECORD, reason="deleted here; stays deleted"),
    )
    made = a_plan(
        sets=(a_set("roles", *rows),), warnings=(value,), migrations=(value,), tasks=(value,)
    )
    return html.plan(replace(made, release=value, reason=value), made=NOON)


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_no_value_becomes_markup(value: str) -> None:
    harmless = Page(hostile_source("plain"))
    page = Page(hostile_source(value))
    assert page.loads_or_runs() == []
    assert {name for name, _ in page.tags} <= {name for name, _ in harmless.tags} | {"mark", "code"}
    unseen = re.compile("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069]")
    assert not unseen.search(page.source)
    shown = re.sub("[\x1b\x07\u202e]", lambda found: f"U+{ord(found.group()):04X}", value)
    assert shown in page.text


def test_a_secret_is_told_to_change_and_nothing_more() -> None:
    secret = a_column("token", secret=True, asked=None, stored=None, live=None, desired=None)
    page = Page(html.plan(a_plan(sets=(a_set("roles", a_row(columns=(secret,))),)), made=NOON))
    assert re.search("token.*secret", page.text)
    assert "NULL" not in page.text


def test_a_page_of_many_rows_stays_small_and_counts_the_rest() -> None:
    rows = tuple(a_row(f"roles/{n}") for n in range(5_000))
    source = html.plan(a_plan(sets=(a_set("roles", *rows),)), made=NOON)
    assert "4,800 more rows" in Page(source).text
    assert len(source) < 500_000
