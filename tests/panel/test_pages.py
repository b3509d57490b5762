"""What the panel shows, through Flask's test client, on the documented database role."""

from __future__ import annotations

import re

import pytest

from seeder.merge.plan import ColumnCase, RowAction, RowChange, SetDecision
from seeder.merge.plan_document import to_document
from seeder.panel import words
from tests.panel.conftest import BEFORE, Site, Visit, run, store, visible
from tests.support.plans import a_column, a_plan, a_row, a_set
from tests.support.shop import Shop

# -- pages -------------------------------------------------------------------------------


def test_status_says_what_waits_where_the_database_stands_and_what_ran(site: Site) -> None:
    text = visible(site.text())
    assert "An update waits: 1 to insert, 1 to update, 1 in conflict." in text
    assert "Nobody has approved it yet." in text
    assert "production" in text
    assert "0002" in text
    assert "run 2" in text
    assert "4 inserted" in text


def test_status_lists_the_releases(launched: Shop, visit: Visit) -> None:
    launched.configure(release="2026.11")
    run(launched)
    assert "2026.11" in visible(visit(launched).text())


def test_a_database_without_anything_to_do_says_so(launched: Shop, visit: Visit) -> None:
    site = visit(launched)
    assert "Nothing waits for an approval." in visible(site.text())
    assert "Nothing waits for an approval." in visible(site.text("/plan"))
    assert "No conflict is open." in visible(site.text("/conflicts"))
    assert "Nobody has approved a plan yet." in visible(site.text("/approvals"))


def test_plan_shows_columns_and_the_three_values_of_a_conflict(site: Site) -> None:
    text = visible(site.text("/plan"))
    assert "roles/ auditor" in text
    assert re.search(r"roles/ owner level 3 3 30 is updated", text)
    assert re.search(r"Column level changed here as well; .* Desired 2 7 20", text)


def test_plan_names_the_commands_that_settle_a_conflict(site: Site) -> None:
    text = visible(site.text("/plan"))
    assert "seeder resolve roles/editor --take live" in text
    assert "seeder resolve roles/editor --take desired" in text


def test_conflicts_that_an_update_kept_stay_to_be_seen(waiting: Shop, visit: Visit) -> None:
    run(waiting, "--mode", "update")
    site = visit(waiting)
    assert "1 row in conflict, kept as people left it" in visible(site.text())
    text = visible(site.text("/conflicts"))
    assert re.search(r"roles/ editor .* level 2 7 20", text)
    assert "seeder resolve roles/editor --take desired" in text
    assert waiting.command("resolve", "roles/editor", "--take", "live").exit_code == 0
    assert "No conflict is open." in visible(site.text("/conflicts"))


def test_parts_of_a_document_have_their_paths_on_every_page(launched: Shop, visit: Visit) -> None:
    launched.database.execute("ALTER TABLE roles ADD COLUMN settings jsonb")

    def seed(seats: int, theme: str) -> None:
        head = "table: roles\nkey: code\ncolumns: {settings: {merge: map}}\nrows:\n"
        document = f"{{limits: {{seats: {seats}}}, theme: {theme}}}"
        launched.seed("roles", f"{head}  - {{code: owner, level: 3, settings: {document}}}\n")

    seed(5, "light")
    run(launched, "--mode", "update")
    launched.database.execute(
        "UPDATE roles SET settings = jsonb_set(settings, '{limits,seats}', '9')"
        " WHERE code = 'owner'"
    )
    seed(7, "dark")
    run(launched)
    site = visit(launched)
    text = visible(site.text("/plan"))
    assert re.search(r"Column settings.limits.seats changed here as well; .* Desired 5 9 7", text)
    assert "settings.theme &#34;light&#34; &#34;light&#34; &#34;dark&#34; is updated" in text
    run(launched, "--mode", "update")
    text = visible(site.text("/conflicts"))
    assert re.search(r"roles/ owner .* settings.limits.seats 5 9 7", text)
    assert "settings.theme" not in text
    number = launched.value("SELECT max(run) FROM seeder.changes")
    assert "settings.theme" in visible(site.text(f"/runs/{number}"))
    place = "roles/owner#settings.limits.seats"
    assert launched.command("resolve", place, "--take", "live").exit_code == 0
    assert "No conflict is open." in visible(site.text("/conflicts"))


def test_a_row_that_left_the_catalog_and_stays_is_a_conflict_as_a_whole(
    launched: Shop, visit: Visit
) -> None:
    launched.database.execute("UPDATE roles SET level = 7 WHERE code = 'viewer'")
    rows = BEFORE.replace("      - {code: viewer, level: 1}\n", "")
    launched.seed("roles", rows.replace("key: code", "key: code\n    removed: delete"))
    run(launched, "--mode", "update")
    site = visit(launched)
    assert "1 row in conflict, kept as people left it" in visible(site.text())
    text = visible(site.text("/conflicts"))
    assert "roles/ viewer The row has left the catalog, and stays" in text
    assert "Removes the row as its set says" in text
    assert "seeder resolve roles/viewer --take desired" in text


def test_a_row_that_left_shows_what_refers_to_it_and_what_people_changed(
    launched: Shop, visit: Visit
) -> None:
    launched.database.execute(
        "CREATE TABLE users (role text REFERENCES roles (code));"
        "INSERT INTO users VALUES ('viewer'), ('viewer'), ('owner');"
        "UPDATE roles SET level = 7 WHERE code = 'viewer'"
    )
    rows = BEFORE.replace("      - {code: viewer, level: 1}\n", "")
    launched.seed("roles", rows.replace("key: code", "key: code\n    removed: delete"))
    run(launched, "--mode", "update")
    site = visit(launched)
    text = visible(site.text("/conflicts"))
    assert "It is referred to by 2 rows of public.users." in text
    assert "Column Last applied Live level 1 7" in text


def test_a_row_whose_unique_value_somebody_else_holds_is_a_conflict_with_both_rows(
    launched: Shop, visit: Visit
) -> None:
    launched.database.execute("CREATE UNIQUE INDEX ON roles (level) WHERE level > 50")
    launched.database.execute("INSERT INTO roles (code, level) VALUES ('mine', 77)")
    launched.seed("roles", BEFORE + "      - {code: chief, level: 77}\n")
    run(launched, "--mode", "update")
    site = visit(launched)
    text = visible(site.text("/conflicts"))
    assert re.search(r"roles/ chief The row is not there: public.roles \(.*\) holds a unique", text)
    assert "Makes that other row the seeded one" in text
    assert "seeder resolve roles/chief --take live" in text
    assert launched.command("resolve", "roles/chief", "--take", "live").exit_code == 0
    assert "No conflict is open." in visible(site.text("/conflicts"))


def test_history_leads_to_what_each_run_did(waiting: Shop, visit: Visit) -> None:
    run(waiting, "--mode", "update")
    site = visit(waiting)
    assert "1 inserted, 1 updated, 1 kept, 1 in conflict" in visible(site.text("/runs"))
    text = visible(site.text("/runs/3"))
    assert re.search(r"roles/ owner updated the catalog has changed level 3 30", text)
    assert "seeder show 3" in text


def test_history_goes_back_page_by_page(launched: Shop, visit: Visit) -> None:
    launched.database.execute(
        "INSERT INTO seeder.runs (seeder_version, mode, environment)"
        " SELECT '0', 'init', 'production' FROM generate_series(1, 30)"
    )
    site = visit(launched)
    first = site.text("/runs")
    assert "run 31<" in first
    assert "run 6<" not in first
    (older,) = re.findall(r'rel="next" href="/admin/seeder(/runs\?before=\d+)"', first)
    second = site.text(older)
    assert "run 6<" in second
    assert "run 1<" in second
    assert "rel=next" not in second


def test_approvals_go_back_page_by_page(launched: Shop, visit: Visit) -> None:
    launched.database.execute(
        "ALTER TABLE seeder.requests DISABLE TRIGGER require_shown;"  # their plans waited before
        "INSERT INTO seeder.requests (project, plan_id, actor)"
        " SELECT 1, 'p', 'actor-' || n || '.' FROM generate_series(1, 60) n"
    )
    site = visit(launched)
    first = site.text("/approvals")
    assert "actor-11." in first
    assert "actor-10." not in first
    (older,) = re.findall(r'rel="next" href="/admin/seeder(/approvals\?before=\d+)"', first)
    second = site.text(older)
    assert "actor-10." in second
    assert "actor-1." in second
    assert 'rel="next"' not in second


def test_the_rows_of_a_run_have_pages(launched: Shop, visit: Visit) -> None:
    launched.database.execute(
        "INSERT INTO seeder.changes (run, base, scope, set_name, addr, action, reason)"
        " SELECT 1, base, scope, set_name, 'row-' || n || '.', 'update', reason"
        " FROM (SELECT 1 AS base, '{}'::jsonb AS scope, 'roles' AS set_name, '' AS reason) one,"
        " generate_series(1, 450) n"
    )
    site = visit(launched)
    first = site.text("/runs/1")
    assert "Rows 1 to 200 of 450." in visible(first)
    assert "row-200." in first
    assert "row-201." not in first
    second = site.text("/runs/1?start=200")
    third = site.text("/runs/1?start=400")
    assert "row-201." in second
    assert re.findall(r'rel="(\w+)"', second)[-2:] == ["prev", "next"]
    assert "Rows 401 to 450 of 450." in visible(third)
    assert 'rel="next"' not in third


def test_more_conflicts_than_a_page_holds_are_said_to_be_there(
    launched: Shop, visit: Visit
) -> None:
    codes = [f"r{n:03}" for n in range(220)]
    rows = "".join(f"      - {{code: {code}, level: 1}}\n" for code in codes)
    launched.seed("roles", BEFORE + rows)
    run(launched, "--mode", "update")
    launched.database.execute("UPDATE roles SET level = 7 WHERE code ~ '^r[0-9]'")
    launched.seed("roles", BEFORE + rows.replace("level: 1", "level: 2"))
    run(launched, "--mode", "update")
    text = visible(visit(launched).text("/conflicts"))
    assert "220 rows changed here and in the catalog" in text
    assert "The first 200 columns are shown" in text


SECRET = "correct-horse-battery"


def test_a_secret_is_on_no_page(launched: Shop, visit: Visit) -> None:
    seed = """
        table: members
        key: email
        columns:
          role_id: {ref: roles}
          password: {secret: true, update: always}
        rows:
          - {email: root@example.test, role_id: owner, password: PASSWORD}
    """
    launched.seed("members", seed.replace("PASSWORD", SECRET))
    run(launched)
    launched.seed("members", seed.replace("PASSWORD", f"{SECRET}-2"))
    run(launched)
    site = visit(launched)
    assert re.search(r"password secret secret secret is always", visible(site.text("/plan")))
    pages = [site.text("/plan"), site.text("/plan/sets/members")]
    run(launched, "--mode", "update")
    assert launched.value("SELECT password FROM members") == f"{SECRET}-2"
    pages += [site.text(path) for path in ("/conflicts", "/runs/2", "/runs/3", "/runs/4", "/")]
    for page in pages:
        assert SECRET not in page


@pytest.mark.parametrize("path", ["/runs/99", "/runs/9223372036854775807", "/plan/sets/nothing"])
def test_what_is_not_there_is_not_found(site: Site, path: str) -> None:
    answer = site.get(path)
    assert answer.status_code == 404
    assert "<main" in answer.text


def test_a_failed_run_is_shown_with_its_code(launched: Shop, visit: Visit) -> None:
    launched.seed("roles", BEFORE.replace("level: 3", "level: many"))
    assert launched.run("--mode", "update").exit_code == 10
    text = visible(visit(launched).text("/runs/2"))
    assert "failed" in text
    assert "Exit code 10" in text


def test_a_large_set_is_cut_and_has_pages_of_its_own(waiting: Shop, visit: Visit) -> None:
    rows = tuple(a_row(f"roles/r{n:03}") for n in range(450))
    plan = a_plan(sets=(a_set("roles", *rows, left_out=50),))
    store(waiting, plan.id, to_document(plan))
    site = visit(waiting)
    whole = visible(site.text("/plan"))
    assert "r099" in whole
    assert "r100" not in whole
    assert "50 rows of this set are not stored" in whole
    first, third = site.text("/plan/sets/roles"), site.text("/plan/sets/roles?start=400")
    assert "Rows 1 to 200 of 450" in visible(first)
    assert "start=200" in first
    assert "r449" in third
    assert site.get("/plan/sets/roles?start=-1").status_code == 200
    assert site.get("/plan/sets/roles?start=450").status_code == 404
    assert site.get("/plan/sets/roles?start=%F0%9F%99%82").status_code == 200


def test_every_kind_of_row_and_set_finds_its_words(waiting: Shop, visit: Visit) -> None:
    rows = [
        a_row(f"roles/{action}{conflict}", action=action, conflict=conflict)
        for action in RowAction
        for conflict in (False, True)
    ]
    columns = tuple(a_column(f"c_{case}", case=case, asked_known=False) for case in ColumnCase)
    rows.append(a_row("roles/all", columns=columns, conflict=True))
    sets = [a_set("roles", *rows)]
    sets += [a_set(decision.value, decision=decision) for decision in SetDecision]
    plan = a_plan(sets=tuple(sets), tasks=("2026.11_backfill",), warnings=("Mind the gap.",))
    store(waiting, plan.id, to_document(plan))
    text = visible(visit(waiting).text("/plan"))
    for expected in ("2026.11_backfill", "Mind the gap.", "No command settles this one"):
        assert expected in text


def test_the_words_are_those_of_the_terminal(waiting: Shop, visit: Visit) -> None:
    told = waiting.command("plan", "--mode", "update").stdout
    (summary,) = re.findall(r"In all: (.*)\.", told)
    pages = visible(visit(waiting).text("/plan"))
    assert summary.replace(";", ",") in pages
    for line in told.splitlines():
        if line.lstrip().startswith(("1 to insert", "1 to update", "seeder resolve")):
            what, _, reason = line.strip().partition(": ")
            assert what in pages
            assert reason in pages
    assert set(words.CASES) == set(ColumnCase)


def test_rows_to_insert_show_what_their_address_does_not_say(waiting: Shop, visit: Visit) -> None:
    def to_insert(address: str, **values: str) -> RowChange:
        columns = tuple(
            a_column(name, asked=None, asked_known=False, live=None, desired=value)
            for name, value in values.items()
        )
        return a_row(address, action=RowAction.INSERT, columns=columns)

    links = to_insert("links/editor,orders.view", role_id="41", permission_id="42")
    role = to_insert("roles/guest", code="guest", level="17")
    plan = a_plan(sets=(a_set("links", links), a_set("roles", role)))
    store(waiting, plan.id, to_document(plan))
    text = visible(visit(waiting).text("/plan"))
    assert "links/ editor, orders.view" in text
    assert "41" not in text.split("Plan id")[1].split("links/")[1]
    assert "level 17" in text
    assert "code guest" not in text


# -- values ------------------------------------------------------------------------------

HOSTILE = {
    "<script>alert(1)</script>": "&lt;script&gt;alert(1)&lt;/script&gt;",
    "\"><img src=x onerror='alert(1)'>": "&#34;&gt;&lt;img src=x onerror=&#39;alert(1)&#39;&gt;",
    "{{ 7 * 7 }}": "{{ 7 * 7 }}",
    "txt.\u202eexe": 'txt.<span class="unseen">U+202E</span>exe',
    "bell\x07": 'bell<span class="unseen">U+0007</span>',
    "no\u00a0break": 'no<span class="unseen">U+00A0</span>break',
    "نص عربي": "نص عربي",
}


@pytest.mark.parametrize(("value", "html"), HOSTILE.items(), ids=range(len(HOSTILE)))
def test_hostile_values_are_inert_wherever_they_stand(
    waiting: Shop, visit: Visit, value: str, html: str
) -> None:
    column = a_column(value, desired=value, live=value, asked=value, reason=value)
    rows = [
        a_row(f"roles/{value}", columns=(column,), action=action, reason=value)
        for action in (RowAction.UPDATE, RowAction.INSERT)
    ]
    conflict = a_column(value, desired=value, case=ColumnCase.CONFLICT)
    rows.append(a_row(value, columns=(conflict,), conflict=True))
    plan = a_plan(sets=(a_set(value, *rows),), warnings=(value,), environment=value)
    store(waiting, plan.id, to_document(plan))
    text = visit(waiting).text("/plan")
    assert html in text
    assert "<script" not in text
    assert "<img" not in text
    assert "onerror='" not in text


def test_a_very_long_value_is_folded(waiting: Shop, visit: Visit) -> None:
    plan = a_plan(sets=(a_set("roles", a_row(columns=(a_column(desired="ab " * 600),))),))
    store(waiting, plan.id, to_document(plan))
    text = visit(waiting).text("/plan")
    assert "1,800 characters" in text
    assert '<details class="long">' in text


def test_null_empty_text_and_a_secret_can_be_told_apart(waiting: Shop, visit: Visit) -> None:
    columns = (
        a_column("a", asked="", stored=None, live=None, desired=""),
        a_column("b", secret=True, asked=None, stored=None, live=None, desired=None),
    )
    plan = a_plan(sets=(a_set("roles", a_row(columns=columns)),))
    store(waiting, plan.id, to_document(plan))
    text = visible(visit(waiting).text("/plan"))
    assert "a empty text stored as NULL NULL empty text is updated" in text
    assert "b secret secret secret is updated" in text


def test_a_plan_of_many_sets_comes_in_pages_of_a_hundred(waiting: Shop, visit: Visit) -> None:
    sets = tuple(a_set(f"set_{n:04}") for n in range(250))
    store(waiting, a_plan().id, to_document(a_plan(sets=sets)))
    site = visit(waiting)
    first, last = site.text("/plan"), site.text("/plan?start=200")
    assert first.count('<section class="set"') == 100
    assert "Sets 1 to 100 of 250." in first
    assert 'href="/admin/seeder/plan?start=100"' in first
    assert last.count('<section class="set"') == 50
    assert "set_0249" in last
    assert "set_0199" not in last


def test_a_page_holds_so_much_of_a_value_and_the_database_sends_no_more(
    waiting: Shop, visit: Visit
) -> None:
    waiting.database.execute(
        "INSERT INTO seeder.changes"
        " (run, base, scope, set_name, addr, action, reason, before, after)"
        " SELECT 2, (SELECT min(id) FROM seeder.bases), '', 'roles', 'long', 'update', 'x',"
        " jsonb_build_object('level', repeat('b', 2000000)), jsonb_build_object('level', NULL)"
    )
    text = visit(waiting).text("/runs/2")
    assert len(text) < 100_000
    assert "b" * 20_000 in text
