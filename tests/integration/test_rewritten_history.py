"""A history of revisions that is not the one which was applied, whatever names it keeps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.shop import MEMBERS, ROLES, Done, Shop

LEVELS = "CREATE TABLE levels (n int PRIMARY KEY)"
NOTE = "ALTER TABLE roles ADD note text"


def versions(shop: Shop) -> Path:
    return shop.directory / "migrations" / "versions"


def rewrite(shop: Shop, *revisions: tuple[str, ...], extra: str = "") -> None:
    """Put other revisions in place of those that are there: (name, statement, ...) each."""
    for each in versions(shop).glob("*.py"):
        each.unlink()
    down = None
    for name, *statements in revisions:
        shop.scripts.add(name, *statements, down=down, extra=extra)
        down = name


def refused(shop: Shop, *says: str) -> Done:
    """Every command says the same, and nothing is written."""
    before = shop.snapshot()
    done = shop.run()
    assert done.exit_code == 15, done.stderr
    assert shop.snapshot() == before
    for each in says:
        assert each in done.failed["message"]
    assert "seeder baseline" in done.failed["hint"]
    assert "put it on top" in done.failed["hint"]
    planned = shop.command("plan")
    assert (planned.exit_code, planned.failed["message"]) == (15, done.failed["message"])
    waited = shop.command("ready", SEEDER_WAIT_TIMEOUT="0.2")
    assert waited.exit_code == 30
    assert done.failed["message"].removesuffix(".") in waited.failed["message"]
    status = shop.command("status", "--json")
    assert json.loads(status.stdout)["other_history"] == done.failed["message"]
    text = " ".join(shop.command("status").stdout.split())
    assert "A run of this image would be refused. The database came to revision" in text
    return done


def test_revisions_squashed_into_the_first_one_are_not_an_older_image(shop: Shop) -> None:
    shop.run()
    rewrite(shop, ("0001", ROLES, MEMBERS))
    done = refused(shop, "revision 0002", "0001 is not the 0001 that was applied")
    assert done.failed["problems"][0].startswith("migrations/versions/0001.py: ")


def test_revisions_that_are_numbered_anew_are_not_an_older_image(shop: Shop) -> None:
    shop.scripts.add("0003", NOTE)
    shop.run()
    rewrite(shop, ("0001", ROLES, MEMBERS), ("0002", NOTE))
    refused(shop, "0001 is not the 0001 that was applied", "0002 is not the 0002")


def test_revisions_squashed_under_a_new_name_were_not_applied(shop: Shop) -> None:
    shop.run()
    rewrite(shop, ("squashed", ROLES, MEMBERS))
    refused(shop, "squashed was not applied")


def test_a_revision_put_below_an_applied_one_is_told(shop: Shop) -> None:
    shop.run()
    rewrite(shop, ("0001", ROLES), ("levels", LEVELS), ("0002", MEMBERS))
    refused(shop, "levels stands below 0002, and was not applied before it")


def test_a_revision_put_below_the_first_one_is_told(shop: Shop) -> None:
    shop.run()
    rewrite(shop, ("levels", LEVELS), ("0001", ROLES), ("0002", MEMBERS))
    refused(shop, "levels stands below 0001")


def test_numbers_that_were_moved_up_by_one_are_told(shop: Shop) -> None:
    shop.run()
    rewrite(shop, ("0001", ROLES), ("0002", LEVELS), ("0003", MEMBERS))
    refused(shop, "0003 is what was applied as 0002")


def test_another_revision_of_the_same_name_is_told(shop: Shop) -> None:
    shop.run()
    rewrite(shop, ("0001", ROLES), ("0002", LEVELS))
    path = versions(shop) / "0002.py"
    path.rename(path.with_name("0002_levels.py"))
    refused(shop, "0002 is not the 0002 that was applied")


def test_branches_put_in_a_row_are_what_was_applied(shop: Shop) -> None:
    shop.scripts.add("left", LEVELS, down="0001")
    shop.scripts.add("joined", down=("0002", "left"))
    assert shop.run().exit_code == 0
    rewrite(shop, ("0001", ROLES), ("0002", MEMBERS), ("left", LEVELS), ("joined",), ("top", NOTE))
    assert shop.run().finished["result"] == "done"
    assert shop.rows("SELECT version_num FROM alembic_version") == [("top",)]


def test_comments_format_imports_and_ways_back_are_no_other_text(shop: Shop) -> None:
    shop.scripts.add("0003", NOTE)
    shop.run()
    newer = versions(shop) / "0003.py"
    kept = newer.read_text()
    newer.unlink()
    for each in versions(shop).glob("*.py"):
        text = (
            each.read_text().replace("'", '"').replace("import sqlalchemy as sa", "import typing")
        )
        each.write_text(f'"""Of old."""\n{text}  # so it is\n\ndef downgrade():\n    return None\n')
    assert shop.run().finished["result"] == "older-image"
    newer.write_text(kept)
    done = shop.run()
    assert (done.exit_code, done.named("run.warned")) == (0, [])


def test_an_edited_revision_is_told_and_the_image_before_it_still_finds_its_way(
    shop: Shop,
) -> None:
    shop.run()
    old = (versions(shop) / "0002.py").read_text()
    (versions(shop) / "0002.py").write_text(old.replace("REFERENCES roles", "UNIQUE"))
    warning = "Edited since it was applied here: revision 0002."
    assert warning in shop.command("plan").stdout
    done = shop.run()
    assert done.exit_code == 0, done.stderr
    assert done.named("run.warned")[0]["message"].startswith(warning)

    shop.scripts.add("0003", NOTE)
    assert shop.run().exit_code == 0
    (versions(shop) / "0003.py").unlink()
    assert shop.run().finished["result"] == "older-image"
    (versions(shop) / "0002.py").write_text(old)
    assert shop.run().finished["result"] == "older-image"


def test_a_revision_that_failed_may_be_mended_and_put_elsewhere(shop: Shop) -> None:
    shop.run()
    shop.scripts.add("0003", "SELECT 1 / 0")
    assert shop.run().exit_code == 16
    shop.scripts.add("levels", LEVELS, down="0002")
    shop.scripts.add("0003", NOTE, down="levels")
    done = shop.run()
    assert done.exit_code == 0, done.stderr
    assert done.named("run.warned") == []
    assert shop.value("SELECT down FROM seeder.revisions WHERE revision = '0003'") == ["levels"]


@pytest.mark.parametrize("body", ["SELECT 1", "pass"])
def test_two_revisions_that_do_the_same_are_not_taken_for_one(shop: Shop, body: str) -> None:
    statement = "py:pass" if body == "pass" else body
    shop.scripts.add("0003", statement)
    shop.run()
    shop.scripts.add("0004", statement)
    assert shop.run().finished["result"] == "done"


# The way out after a squash.


def baseline(shop: Shop, *revisions: str) -> Done:
    return shop.command("baseline", *revisions, "--database", shop.database.name)


def test_a_baseline_after_a_squash_goes_on_with_what_comes_on_top(shop: Shop) -> None:
    shop.run()
    before = shop.rows("SELECT code, xmin::text FROM roles ORDER BY 1")
    rewrite(shop, ("squashed", ROLES, MEMBERS), ("noted", NOTE))
    done = baseline(shop, "squashed")
    assert done.exit_code == 0, done.stderr
    assert "The next run applies noted." in done.stdout
    assert shop.rows("SELECT version_num FROM alembic_version") == [("squashed",)]
    assert shop.value("SELECT revisions_after FROM seeder.runs ORDER BY id DESC LIMIT 1") == [
        "squashed"
    ]
    done = shop.run()
    assert done.exit_code == 0, done.stderr
    assert shop.rows("SELECT version_num FROM alembic_version") == [("noted",)]
    assert shop.rows("SELECT code, xmin::text FROM roles ORDER BY 1") == before
    assert shop.run().finished["result"] == "nothing-to-do"
    text = " ".join(shop.command("history").stdout.split())
    assert "baseline" in text


def test_a_baseline_at_a_name_that_is_used_again_records_the_new_text(shop: Shop) -> None:
    shop.scripts.add("0003", NOTE)
    shop.run()
    rewrite(shop, ("0001", ROLES, MEMBERS), ("0002", NOTE))
    assert baseline(shop, "0002").exit_code == 0
    done = shop.run()
    assert (done.exit_code, done.named("run.warned")) == (0, [])
    assert shop.command("ready").exit_code == 0


def test_a_baseline_takes_an_edited_revision_for_what_was_applied(shop: Shop) -> None:
    shop.run()
    rewrite(shop, ("0001", ROLES), ("0002", MEMBERS, NOTE))
    assert shop.run().named("run.warned")
    assert baseline(shop, "0001").exit_code == 10
    assert baseline(shop, "0002").exit_code == 0
    assert shop.run().named("run.warned") == []


def test_a_baseline_makes_the_version_table_of_a_schema_that_had_none(shop: Shop) -> None:
    shop.database.execute(ROLES)
    shop.database.execute(MEMBERS)
    assert baseline(shop, "0002").exit_code == 0
    done = shop.run()
    assert (done.exit_code, done.finished["counts"]) == (0, {"insert": 4})


@pytest.mark.parametrize(
    ("revisions", "says"),
    [
        (("0002",), "by this image's history"),
        (("0004",), "has no revision 0004"),
        (("0001", "0002"), "Revision 0002 builds on 0001"),
    ],
)
def test_a_baseline_that_would_hide_something_is_refused(
    shop: Shop, revisions: tuple[str, ...], says: str
) -> None:
    shop.scripts.add("0003", "SELECT 1 / 0")
    assert shop.run().exit_code == 16
    before = shop.snapshot()
    done = baseline(shop, *revisions)
    assert (done.exit_code, says in done.failed["message"]) == (10, True), done.stderr
    done = shop.command("baseline", "0002", "--database", "other")
    assert (done.exit_code, "not other" in done.failed["message"]) == (10, True), done.stderr
    assert shop.snapshot() == before


def test_a_migration_command_keeps_its_own_history(shop: Shop) -> None:
    shop.configure(migrations='command = ["true"]')
    done = baseline(shop, "0002")
    assert (done.exit_code, "alembic stamp" in done.failed["hint"]) == (10, True)
