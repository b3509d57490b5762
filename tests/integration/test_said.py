"""What a run says of itself, held against the rows."""

from __future__ import annotations

import json

import pytest

from tests.support.shop import ROLES_SEED, Shop


@pytest.fixture
def launched(shop: Shop) -> Shop:
    """The shop with its first release in a production database."""
    shop.configure(release="1")
    assert shop.run().exit_code == 0
    return shop


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
