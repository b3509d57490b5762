"""`after: REVISION`: rows that go in between two migrations, since later ones build on them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.shop import Shop

STATES = """
    table: states
    key: code
    after: "0003"
    rows:
      - {code: open, label: Open}
      - {code: done, label: Done}
"""
CREATE = "CREATE TABLE states (id serial PRIMARY KEY, code text NOT NULL UNIQUE, label text)"
REFER = (
    "ALTER TABLE members ADD state_id int;"
    " UPDATE members SET state_id = (SELECT id FROM states WHERE code = 'open');"
    " INSERT INTO members (email, role_id, state_id)"
    " SELECT 'made@example.test', r.id, s.id FROM roles r, states s"
    " WHERE r.code = 'owner' AND s.code = 'done';"
    " ALTER TABLE members ALTER state_id SET NOT NULL,"
    " ALTER state_id SET DEFAULT 1, ADD FOREIGN KEY (state_id) REFERENCES states"
)
QUERY = "SELECT code, label FROM states ORDER BY id"
ROWS = [("open", "Open"), ("done", "Done")]


@pytest.fixture
def release(shop: Shop) -> Shop:
    """A launched database, and a release with a table, its rows and a NOT NULL reference."""
    shop.run()
    shop.scripts.add("0003", CREATE)
    shop.scripts.add("0004", REFER)
    shop.seed("states", STATES)
    return shop


def applied(events: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """What an event said of the set `states`."""
    return [each for each in events if each["event"] == name and each["set"] == "states"]


def test_a_table_its_rows_and_a_reference_that_is_not_null_come_in_one_release(
    release: Shop,
) -> None:
    done = release.run()
    assert done.exit_code == 0, done.stderr
    names = [e["event"] for e in done.events if e["event"].startswith(("migration", "set"))]
    assert names[:3] == ["migration.applied", "set.first_rows", "migration.applied"]
    assert release.rows(QUERY) == ROWS
    assert release.value("SELECT count(*) FROM members WHERE state_id IS NOT NULL") == 2
    assert done.finished["counts"]["insert"] == 2
    assert release.command("ready").exit_code == 0
    before = release.snapshot()
    assert release.run().names[1] == "run.unchanged"
    assert release.run("--mode", "update").exit_code == 0
    assert {n: f for n, f in release.snapshot().items() if n == "public.states"} == {
        n: f for n, f in before.items() if n == "public.states"
    }, "the next seeding finds them as they are"


def test_so_they_do_on_a_new_database(shop: Shop) -> None:
    shop.scripts.add("0003", CREATE)
    shop.scripts.add("0004", REFER.replace("'owner'", "'none'"))
    shop.seed("states", STATES)
    assert shop.run().exit_code == 0
    assert shop.rows(QUERY) == ROWS


def test_columns_that_a_later_revision_adds_are_brought_by_the_seeding(release: Shop) -> None:
    release.scripts.add("0005", "ALTER TABLE states ADD color text")
    release.seed("states", STATES.replace("label: Open}", "label: Open, color: green}"))
    done = release.run()
    assert done.exit_code == 0, done.stderr
    assert release.rows("SELECT code, color FROM states ORDER BY id") == [
        ("open", "green"),
        ("done", None),
    ]
    (seeded,) = applied(done.events, "set.applied")
    assert (seeded["insert"], seeded["update"]) == (2, 1)
    assert release.run().names[1] == "run.unchanged"


def test_a_run_that_stopped_behind_the_rows_is_continued(release: Shop) -> None:
    release.scripts.add("0005", "SELECT 1/0")
    assert release.run().exit_code == 16
    assert release.rows(QUERY) == ROWS
    assert json.loads(release.command("status", "--json").stdout)["due"] == ["states"]
    assert release.command("ready", SEEDER_WAIT_TIMEOUT="1").exit_code == 30
    release.scripts.add("0005", "SELECT 1", down="0004")
    done = release.run()
    assert done.exit_code == 0
    assert applied(done.events, "set.first_rows") == []
    assert release.rows(QUERY) == ROWS


def test_a_run_that_stopped_between_the_revision_and_its_rows_is_continued(
    release: Shop,
) -> None:
    release.seed("states", STATES.replace("label: Done", "label: Open"))
    release.scripts.add("0003", CREATE.replace("label text", "label text UNIQUE"), down="0002")
    failed = release.run()
    assert failed.exit_code == 18
    assert failed.failed["message"].startswith("Between two migrations: states/done was rejected")
    assert release.value("SELECT version_num FROM alembic_version") == "0003"
    assert release.rows(QUERY) == []
    release.seed("states", STATES)
    done = release.run()
    assert done.exit_code == 0
    assert done.names.index("set.first_rows") < done.names.index("migration.applied")
    assert release.rows(QUERY) == ROWS


def test_rows_may_refer_to_others_that_go_in_before(release: Shop) -> None:
    release.scripts.add(
        "0003",
        CREATE + "; CREATE TABLE steps (code text PRIMARY KEY, state_id int NOT NULL"
        " REFERENCES states)",
        down="0002",
    )
    release.seed(
        "a_steps",
        'table: steps\nkey: code\nafter: "0003"\ncolumns: {state_id: {ref: states}}\n'
        "rows: [{code: first, state_id: open}]\n",
    )
    assert release.run().exit_code == 0
    assert release.rows("SELECT code, state_id FROM steps") == [("first", 1)]


def test_a_database_that_is_past_the_revision_seeds_as_ever(release: Shop) -> None:
    release.seed("states", STATES.replace('    after: "0003"\n', ""))
    (release.scripts.directory / "versions" / "0004.py").unlink()
    assert release.run().exit_code == 0
    release.seed("states", STATES.replace("rows:", "rows:\n      - {code: late, label: Late}"))
    done = release.run()
    assert applied(done.events, "set.first_rows") == []
    assert release.rows(QUERY) == ROWS, "pending, as any change"


@pytest.mark.parametrize(
    ("migrations", "said"),
    [
        ('command = ["true"]', "a command runs the migrations as a whole"),
        ('alembic = "migrations"\nenv = "project"', "the project's own env.py"),
        ("none = true", "no migrations of its own"),
    ],
)
def test_it_is_refused_where_seeder_cannot_stop_between_two_revisions(
    shop: Shop, migrations: str, said: str
) -> None:
    shop.seed("states", STATES)
    shop.configure(migrations=migrations)
    for command in ("run", "check"):
        done = shop.command(command)
        assert done.exit_code == 10
        (problem,) = done.failed["problems"]
        assert problem.startswith("seeds/core/states.yaml:3: Set states: `after` cannot be kept to")
        assert said in problem


def test_an_unknown_revision_and_a_reference_to_a_later_set_are_refused(shop: Shop) -> None:
    shop.seed("states", STATES)
    shop.seed(
        "steps",
        'table: steps\nkey: code\nafter: "0002"\ncolumns: {role_id: {ref: roles}}\n'
        "rows: [{code: first, role_id: owner}]\n",
    )
    done = shop.command("check")
    assert done.exit_code == 10
    assert done.failed["problems"] == [
        "seeds/core/states.yaml:3: Set states: the migrations have no revision 0003."
        " Did you mean 0002?",
        "seeds/core/steps.yaml:3: Set steps: its rows go in behind revision 0002, and those of set"
        ' roles, to which they refer, do not go in before. Give set roles `after: "0002"` as well,'
        " or an earlier revision.",
    ]


def test_a_number_is_told_to_be_quoted(shop: Shop) -> None:
    shop.seed("states", STATES.replace('"0003"', "3"))
    (problem,) = shop.command("check").failed["problems"]
    assert problem.endswith("`after` takes the name of a revision. Put it into quotes.")
