"""`seeder run --plan FILE`: what was shown, or nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.support.shop import ROLES_SEED, Done, Shop

NEW_ROLES = """
    table: roles
    key: code
    rows:
      - {code: owner, level: 4}
      - {code: editor, level: 2}
      - {code: viewer, level: 1}
      - {code: guest, level: 0}
"""


@pytest.fixture
def changed(shop: Shop) -> Shop:
    """Seeded as release 1; the catalog has changed since, without a new release."""
    shop.configure(release="1")
    assert shop.run().exit_code == 0
    shop.seed("roles", NEW_ROLES)
    return shop


@pytest.fixture
def file(changed: Shop, tmp_path: Path) -> Path:
    """The plan of an update of it."""
    return planned(changed, tmp_path, "--mode", "update")


def planned(shop: Shop, directory: Path, *arguments: str) -> Path:
    path = directory / "plan.json"
    done = shop.command("plan", "--out", str(path), *arguments)
    assert done.exit_code == 0, done.stderr
    return path


def keep_to(shop: Shop, file: Path, *arguments: str) -> Done:
    return shop.run("--plan", str(file), *arguments)


def levels(shop: Shop) -> dict[str, int]:
    return dict(shop.rows("SELECT code, level FROM roles"))


OLD = {"owner": 3, "editor": 2, "viewer": 1}
NEW = {"owner": 4, "editor": 2, "viewer": 1, "guest": 0}


def test_a_run_keeps_to_its_plan_in_the_plans_own_mode(changed: Shop, file: Path) -> None:
    done = keep_to(changed, file)
    assert done.exit_code == 0, done.stderr
    assert done.finished["mode"] == "update"
    assert levels(changed) == NEW
    found = changed.rows("SELECT plan_id FROM seeder.runs ORDER BY id DESC LIMIT 1")
    assert found == [(json.loads(file.read_bytes())["id"],)]


def test_a_plan_holds_although_rows_that_it_does_not_touch_have_changed(
    changed: Shop, file: Path
) -> None:
    changed.database.execute("UPDATE roles SET level = 20 WHERE code = 'editor'")
    assert keep_to(changed, file).exit_code == 0
    assert levels(changed) == NEW | {"editor": 20}


def test_a_plan_is_applied_once(changed: Shop, file: Path) -> None:
    assert keep_to(changed, file).exit_code == 0
    assert keep_to(changed, file).exit_code == 19


def edit(shop: Shop) -> None:
    shop.database.execute("UPDATE roles SET level = 30 WHERE code = 'owner'")


def delete(shop: Shop) -> None:
    shop.database.execute("DELETE FROM members; DELETE FROM roles WHERE code = 'owner'")


def take(shop: Shop) -> None:
    shop.database.execute("INSERT INTO roles (code, level) VALUES ('guest', 9)")


def another_update(shop: Shop) -> None:
    assert shop.run("--mode", "update").exit_code == 0


def another_catalog(shop: Shop) -> None:
    shop.seed("roles", ROLES_SEED)


def another_comment(shop: Shop) -> None:
    shop.seed("roles", "# Reworded.\n" + NEW_ROLES.replace("\n    ", "\n"))


def another_release(shop: Shop) -> None:
    shop.configure(release="2")


def another_task(shop: Shop) -> None:
    shop.write("seeds/update/2_more.sql", "SELECT 1;")


def another_migration(shop: Shop) -> None:
    shop.scripts.add("0003", "CREATE TABLE later (id int)")


@pytest.mark.parametrize(
    "change",
    [
        edit,
        delete,
        take,
        another_update,
        another_catalog,
        another_comment,
        another_release,
        another_task,
        another_migration,
    ],
    ids=lambda change: change.__name__,
)
def test_a_run_refuses_a_plan_that_is_stale_and_writes_nothing(
    changed: Shop, file: Path, change: Callable[[Shop], None]
) -> None:
    change(changed)
    before = changed.snapshot()
    done = keep_to(changed, file)
    assert done.exit_code == 19
    assert done.finished["error"] == "PlanStale"
    assert done.failed["hint"]
    assert changed.snapshot() == before, "not even migrated"


@pytest.mark.parametrize(
    ("change", "words"),
    [(another_comment, "the catalog differs."), (another_migration, "the migrations differ.")],
)
def test_a_stale_plan_says_what_differs(
    changed: Shop, file: Path, change: Callable[[Shop], None], words: str
) -> None:
    change(changed)
    assert keep_to(changed, file).failed["message"].endswith(words)


def test_a_run_refuses_the_plan_of_another_environment(changed: Shop, file: Path) -> None:
    assert keep_to(changed, file, "--environment", "staging").exit_code == 19


def test_a_provisional_plan_cannot_be_kept_to(shop: Shop, tmp_path: Path) -> None:
    file = planned(shop, tmp_path)
    done = keep_to(shop, file)
    assert done.exit_code == 19
    assert "provisional" in done.failed["message"]
    assert shop.rows("SELECT to_regclass('roles'), to_regclass('seeder.runs')") == [(None, None)]


def test_a_first_launch_can_be_planned_once_it_is_migrated(shop: Shop, tmp_path: Path) -> None:
    assert shop.run("--mode", "none").exit_code == 0
    file = planned(shop, tmp_path)
    assert keep_to(shop, file).exit_code == 0
    assert levels(shop) == OLD


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 1}', '{"format": 1, "id": 7}'])
def test_a_file_that_is_no_plan_is_refused_as_invalid(
    changed: Shop, tmp_path: Path, content: str
) -> None:
    file = tmp_path / "plan.json"
    file.write_text(content)
    assert keep_to(changed, file).exit_code == 10


def test_a_plan_of_another_format_is_stale(changed: Shop, file: Path) -> None:
    file.write_text(json.dumps(json.loads(file.read_bytes()) | {"format": 99}))
    assert keep_to(changed, file).exit_code == 19


def test_a_plan_with_other_words_under_the_same_id_changes_nothing_else(
    changed: Shop, file: Path
) -> None:
    document = json.loads(file.read_bytes())
    document["sets"][0]["rows"] = []
    file.write_text(json.dumps(document))
    assert keep_to(changed, file).exit_code == 0, "the id is what a run keeps to"
    assert levels(changed) == NEW


def test_a_plan_in_mode_init_leaves_pending_what_is_pending(changed: Shop, tmp_path: Path) -> None:
    file = planned(changed, tmp_path, "--mode", "init")
    done = keep_to(changed, file)
    assert (done.exit_code, done.finished["mode"]) == (0, "init")
    assert levels(changed) == OLD


def test_a_plan_for_a_new_release_records_it(changed: Shop, tmp_path: Path) -> None:
    changed.configure(release="2")
    file = planned(changed, tmp_path)
    assert keep_to(changed, file).exit_code == 0
    assert changed.rows("SELECT release FROM seeder.releases ORDER BY 1") == [("1",), ("2",)]


def test_a_row_that_changes_while_the_plan_is_applied_makes_it_stale(
    changed: Shop, file: Path
) -> None:
    # The edit is open while the plan is made again, and committed while the run waits for
    # the row: what is locked at last is no longer what was planned.
    with psycopg.connect(changed.database.url) as person:
        person.execute("UPDATE roles SET level = 30 WHERE code = 'owner'")
        child = changed.start("run", "--plan", str(file))
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            " AND datname = current_database()"
        )
        while changed.value(waiting) == 0:
            assert child.poll() is None
        person.commit()
    done = changed.end(child)
    assert done.exit_code == 19
    assert "while the plan was being applied" in done.failed["message"]
    assert levels(changed) == OLD | {"owner": 30}


SWAP = """
    import os
    from pathlib import Path

    from seeder import task

    if "SWAP" in os.environ:
        Path(__file__).with_name("2_fix.sql").write_text("UPDATE roles SET level = 0")

    @task(release="2")
    def nothing(connection):
        pass
"""


def test_a_task_that_changes_while_the_files_are_read_makes_a_plan_stale(
    changed: Shop, tmp_path: Path
) -> None:
    changed.write("seeds/update/1_swap.py", SWAP)
    changed.write("seeds/update/2_fix.sql", "UPDATE roles SET level = level + 1")
    changed.configure(release="2")
    file = planned(changed, tmp_path)
    done = changed.end(changed.start("run", "--plan", str(file), SWAP="1"))
    assert done.exit_code == 19
    assert "made from other files" in done.failed["message"]
    assert levels(changed) == OLD
