"""Check: offline, and against the schema that the migrations make on a throwaway server."""

from __future__ import annotations

import json
import sys

import pytest

from tests.support.shop import MEMBERS_SEED, ROLES_SEED, Shop


def test_check_counts_a_catalog_that_is_in_order_and_asks_no_database(shop: Shop) -> None:
    done = shop.command("check", DATABASE_URL="")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == "Valid: 2 seed sets, 4 rows, 0 tasks, 2 revisions.\n"


def test_check_warns_of_moments_that_move_where_a_column_looks_like_one(shop: Shop) -> None:
    shop.seed(
        "things",
        "table: things\nkey: code\nrows:\n"
        "  - {code: a, created_at: now, label: today, due: Today, ref: now}\n"
        "  - {code: now, created_at: 2026-01-01, label: x, due: 2026-01-01, ref: z}\n",
    )
    done = shop.command("check", "--json", DATABASE_URL="")
    assert done.exit_code == 0
    found = json.loads(done.stdout)["problems"]
    assert [(each["file"], each["line"], each["message"][:42]) for each in found] == [
        ("seeds/core/things.yaml", 4, "things/a, column created_at: as a date or "),
        ("seeds/core/things.yaml", 4, "things/a, column due: as a date or time, `"),
    ]
    assert "write `!now`" in found[0]["message"]


def test_problems_of_catalog_and_migrations_are_told_together(shop: Shop) -> None:
    shop.seed("members", MEMBERS_SEED.replace("owner}", "ownr}"))
    shop.scripts.add("0004", down="0003")
    done = shop.command("check")
    assert done.exit_code == 10
    first, second, *_ = done.failed["problems"]
    assert first.startswith("seeds/core/members.yaml:6:")
    assert (
        second == "migrations/versions/0004.py: Revision 0004 builds on 0003, which does not exist."
    )


def test_problems_of_the_migrations_alone_exit_with_14(shop: Shop) -> None:
    shop.scripts.add("0003", down="0001")
    done = shop.command("check", "--json")
    assert done.exit_code == 14
    assert json.loads(done.stdout)["exit_code"] == 14


def test_check_against_a_throwaway_server_passes_what_a_run_would_apply(shop: Shop) -> None:
    before = shop.snapshot()
    done = shop.command("check", "--embedded", "--json")
    assert (done.exit_code, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert (found["sets"], found["rows"], found["revisions"]) == (2, 4, 2)
    assert shop.snapshot() == before, "the database of the environment is none of its business"


def test_check_against_the_schema_tells_all_its_problems_at_once(shop: Shop) -> None:
    shop.seed(
        "roles", ROLES_SEED.replace("level: 3", "level: three").replace("level: 2", "level: two")
    )
    shop.seed("members", MEMBERS_SEED.replace("role_id: owner}", "role_id: owner, mail: x}"))
    shop.seed("units", "table: units\nkey: code\nrows: []\n")
    done = shop.command("check", "--embedded")
    assert done.exit_code == 10
    assert sorted(each.partition(" ")[0] for each in done.failed["problems"]) == [
        "seeds/core/members.yaml:6:",
        "seeds/core/roles.yaml:4:",
        "seeds/core/roles.yaml:5:",
        "seeds/core/units.yaml:",
    ]
    assert "hint" not in done.failed, "no migration stays applied where the database is gone"
    assert not {"run", "migrated"} & done.failed.keys()


def test_check_against_the_schema_finds_the_row_that_a_constraint_rejects(shop: Shop) -> None:
    shop.scripts.add("0003", "ALTER TABLE roles ADD CHECK (level < 3)")
    done = shop.command("check", "--embedded")
    assert done.exit_code == 18
    assert done.failed["problems"][0].startswith("seeds/core/roles.yaml:4: roles/owner: CheckViol")


def test_check_against_the_schema_finds_the_migration_that_fails(shop: Shop) -> None:
    shop.scripts.add("0003", "ALTER TABLE rolls ADD note text")
    done = shop.command("check", "--embedded")
    assert done.exit_code == 16
    assert "revision 0003 (0003.py:8)" in done.failed["message"]


def test_a_rehearsal_is_not_led_astray_by_settings_of_a_run(shop: Shop) -> None:
    done = shop.command(
        "check",
        "--embedded",
        SEEDER_MODE="none",
        SEEDER_SET_ROLE="app",
        SEEDER_DATABASE_URL="postgresql://nowhere/shop",
        SEEDER_EMBEDDED="1",
    )
    assert done.exit_code == 0, done.stderr


@pytest.mark.parametrize("how", ["command", "env.py"])
def test_a_rehearsal_migrates_no_database_but_its_own(shop: Shop, how: str) -> None:
    script = """
        import os, psycopg
        with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
            connection.execute("CREATE TABLE roles (id int, code text UNIQUE, level int)")
    """
    if how == "command":
        shop.write("migrate.py", script)
        shop.configure(migrations=f'command = ["{sys.executable}", "migrate.py"]')
        expected = 0
    else:
        shop.write("migrations/env.py", script)
        shop.configure(migrations='alembic = "migrations"\nenv = "project"')
        expected = 16  # its version table was not written
    (shop.directory / "seeds/core/members.yaml").unlink()
    before = shop.snapshot()
    done = shop.command("check", "--embedded")
    assert done.exit_code == expected, done.stderr
    assert shop.snapshot() == before


def test_a_check_against_the_schema_warns_of_one_that_a_migration_opens_to_everybody(
    shop: Shop,
) -> None:
    assert json.loads(shop.command("check", "--embedded", "--json").stdout)["problems"] == []
    shop.scripts.add("0003", "GRANT CREATE ON SCHEMA public TO PUBLIC")
    done = shop.command("check", "--embedded", "--json")
    assert done.exit_code == 0, done.stderr
    (warning,) = json.loads(done.stdout)["problems"]
    assert "REVOKE CREATE ON SCHEMA public FROM PUBLIC" in warning["message"]


def test_a_moment_that_moves_is_refused_wherever_the_type_is_known(shop: Shop) -> None:
    shop.scripts.add("0003", "ALTER TABLE roles ADD valid date, ADD note text")
    shop.seed("roles", ROLES_SEED.replace("level: 3", "level: 3, valid: today, note: today"))
    for command in (("check", "--embedded"), ("run",)):
        done = shop.command(*command)
        assert done.exit_code == 10
        assert "roles/owner, column valid: `today` is another moment in every run" in done.stderr
        assert "write `!now`" in done.stderr
        assert "or a fixed moment" in done.stderr
        assert "column note" not in done.stderr
    shop.seed("roles", ROLES_SEED)
    assert shop.run().exit_code == 0
    shop.seed("roles", ROLES_SEED.replace("level: 3", "level: 3, valid: today, note: today"))
    planned = shop.command("plan", "--mode", "update")
    assert planned.exit_code == 10
    assert "roles/owner, column valid: `today` is another moment in every run" in planned.stderr
