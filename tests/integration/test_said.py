"""What a run says of itself, held against the rows."""

from __future__ import annotations

import json

import pytest

from tests.support.shop import MEMBERS_SEED, ROLES_SEED, Shop


@pytest.fixture
def launched(shop: Shop) -> Shop:
    """The shop with its first release in a production database."""
    shop.configure(release="1")
    assert shop.run().exit_code == 0
    return shop


def said(shop: Shop, **environ: str) -> str:
    done = shop.run(SEEDER_LOG_FORMAT="text", **environ)
    assert done.exit_code == 0, done.stderr
    return done.stdout


# Nothing to do.


def test_the_run_that_first_applies_a_release_is_done_though_all_it_finds_is_a_conflict(
    launched: Shop,
) -> None:
    launched.database.execute("UPDATE roles SET level = 9 WHERE code = 'viewer'")
    launched.seed("roles", ROLES_SEED.replace("level: 1", "level: 5"))
    launched.configure(release="2")
    assert said(launched).startswith("Done in ")
    for _ in range(2):  # also where the image ran last
        assert said(launched).startswith("Nothing to do: production still has 1 row in conflict.\n")
    assert launched.run().finished["counts"] == {"conflicts": 1}
    launched.command("resolve", "roles/viewer", "--take", "live")
    assert (
        said(launched) == "Nothing to do: production already has release 2.\n  2 sets unchanged\n"
    )
    assert said(launched) == "Nothing to do: production already has what this image asks for.\n"


def test_a_database_with_pending_sets_is_not_said_to_have_what_is_asked_for(
    launched: Shop,
) -> None:
    launched.seed("roles", ROLES_SEED.replace("level: 1", "level: 5"))
    for _ in range(2):
        assert said(launched).startswith("Nothing to do: production still has 1 set pending.\n")
    launched.configure(release="2")
    assert "  roles  1 updated" in said(launched).splitlines()
    assert said(launched).startswith("Nothing to do: production already has")


def test_a_database_with_rows_from_before_is_not_said_to_have_what_is_asked_for(
    shop: Shop,
) -> None:
    (shop.directory / "seeds/core/members.yaml").unlink()
    shop.run("--mode", "none")
    shop.database.execute("INSERT INTO roles (code, level) VALUES ('owner', 3)")
    shop.database.execute("UPDATE seeder.projects SET tables_before = '{public.roles}'")
    for _ in range(2):
        assert "has rows that somebody has to adopt first" in said(shop)


def test_a_database_in_which_a_row_waits_is_not_said_to_have_what_is_asked_for(
    launched: Shop,
) -> None:
    launched.database.execute("DELETE FROM members; DELETE FROM roles WHERE code = 'viewer'")
    waiting = "      - {email: ann@example.test, role_id: viewer}\n"
    launched.seed("members", MEMBERS_SEED + waiting)
    launched.configure(release="2")
    assert "  members  1 recorded, 1 skipped" in said(launched).splitlines()
    for _ in range(2):
        assert said(launched).startswith("Nothing to do: production still has 1 row skipped.\n")
    assert launched.run().finished["left"] == {"skip": 1}
    waits = "1 row skipped by earlier runs still refers to a row that is not there"
    assert waits in said(launched)
    assert waits in launched.command("plan", SEEDER_LOG_FORMAT="text").stdout
    page = launched.directory.parent / "run.html"
    launched.run("--report", str(page))
    assert "production still has 1 row skipped" in page.read_text()
    launched.configure(release="3")
    assert waits in said(launched), "a release that has nothing to do with the row"
    launched.command("restore", "roles/viewer")
    assert "  members  1 inserted" in said(launched).splitlines()
    assert said(launched) == "Nothing to do: production already has what this image asks for.\n"


# Plan and run.


@pytest.mark.parametrize("policy", ["columns: {level: {update: always}}", "conflict: overwrite"])
def test_what_is_planned_for_a_disposable_database_is_what_the_next_run_does(
    shop: Shop, policy: str
) -> None:
    shop.seed("roles", ROLES_SEED.replace("key: code", f"key: code\n    {policy}"))
    assert shop.run(SEEDER_ENVIRONMENT="dev").exit_code == 0
    shop.database.execute("UPDATE roles SET level = 9 WHERE code = 'viewer'")
    planned = json.loads(shop.command("plan", "--json", SEEDER_ENVIRONMENT="dev").stdout)
    counts = [each["counts"] for each in planned["sets"] if each["name"] == "roles"]
    done = shop.run(SEEDER_ENVIRONMENT="dev")
    level = shop.value("SELECT level FROM roles WHERE code = 'viewer'")
    if "always" in policy:
        assert (counts, done.finished["counts"], level) == ([{"update": 1}], {"update": 1}, 1)
    else:  # which is about what the catalog has changed since
        assert not any(counts[0].get(name) for name in ("update", "overwrite"))
        assert level == 9


# A catalog that does not fit, behind migrations that were committed.


def test_migrations_that_stay_are_told_where_the_catalog_does_not_fit_them(launched: Shop) -> None:
    launched.scripts.add("0003", "ALTER TABLE roles RENAME level TO rank")
    done = launched.run()
    assert done.exit_code == 10
    assert "The migrations of this run stay applied: 0003." in done.failed["hint"]
    assert done.failed["migrated"] == ["0003"]
    assert launched.value("SELECT version_num FROM alembic_version") == "0003"
    assert launched.rows(
        "SELECT revisions_before, revisions_after, summary -> 'migrations' FROM seeder.runs"
        " ORDER BY id DESC LIMIT 1"
    ) == [(["0002"], ["0003"], ["0003"])]
    assert "stay applied" not in json.dumps(launched.run().failed)


def test_a_column_that_looks_renamed_is_told_with_the_line_to_write(launched: Shop) -> None:
    launched.scripts.add("0003", "ALTER TABLE roles RENAME level TO rank")
    problem, left_out = launched.run().failed["problems"]
    assert "leave out the column rank" in left_out
    assert "the table public.roles has no column level." in problem
    assert "looks renamed: write rank in its place" in problem
    assert "rank: {was: level}" in problem
    launched.seed(
        "roles",
        ROLES_SEED.replace("level", "rank").replace(
            "key: code", "key: code\n    columns: {rank: {was: level}}"
        ),
    )
    launched.database.execute("UPDATE roles SET rank = 7 WHERE code = 'owner'")
    assert launched.run("--mode", "update").exit_code == 0
    assert launched.value("SELECT rank FROM roles WHERE code = 'owner'") == 7


@pytest.mark.parametrize(
    ("migration", "says"),
    [
        ("DROP COLUMN level", "has dropped or renamed level"),
        ("DROP COLUMN level, ADD a int, ADD b int", "has dropped or renamed level"),
        ("DROP COLUMN level, ADD a text", "has dropped or renamed level"),
    ],
)
def test_a_column_that_is_gone_is_not_called_renamed(
    launched: Shop, migration: str, says: str
) -> None:
    launched.scripts.add("0003", f"ALTER TABLE roles {migration}")
    (problem,) = launched.run().failed["problems"]
    assert says in problem
    assert "was:" not in problem


def test_a_column_that_was_never_seeded_may_be_a_slip(launched: Shop) -> None:
    launched.seed("roles", ROLES_SEED.replace("level", "levle"))
    assert all("Did you mean level?" in each for each in launched.run().failed["problems"][:1])


def test_migrations_that_stay_are_told_where_seeding_fails(launched: Shop) -> None:
    launched.scripts.add("0003", "ALTER TABLE roles ADD CHECK (code <> 'guest')")
    launched.seed("roles", ROLES_SEED + "      - {code: guest, level: 0}\n")
    launched.configure(release="2")
    done = launched.run()
    assert done.exit_code == 18
    assert "The migrations of this run stay applied: 0003." in done.failed["hint"]
