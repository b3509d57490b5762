"""The job from end to end: what a deploy does, what the next one does, and what is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.shop import ROLES_SEED, Shop

SEEDED = [("editor", 2), ("owner", 3), ("viewer", 1)]


def roles(shop: Shop) -> list[tuple[str, int]]:
    return shop.rows("SELECT code, level FROM roles ORDER BY code")


def test_a_first_run_migrates_and_seeds_and_tells_its_events_in_order(shop: Shop) -> None:
    shop.configure(release="2026.11")
    done = shop.run()
    assert done.exit_code == 0
    assert done.names == [
        "run.started",
        "catalog.read",
        "database.ready",
        "lock.acquired",
        "ledger.created",
        "migration.applied",
        "migration.applied",
        "set.applied",
        "set.applied",
        "run.finished",
    ]
    assert [event["revision"] for event in done.named("migration.applied")] == ["0001", "0002"]
    assert [(e["set"], e["insert"]) for e in done.named("set.applied")] == [
        ("roles", 3),
        ("members", 1),
    ]
    finished = done.finished
    assert finished["result"] == "done"
    assert finished["counts"] == {"insert": 4}
    assert list(finished["phases"]) == [
        "start",
        "unchanged",
        "catalog",
        "wait",
        "lock",
        "migrate",
        "seed",
    ]
    assert roles(shop) == SEEDED
    assert shop.rows("SELECT m.email, r.code FROM members m JOIN roles r ON r.id = m.role_id") == [
        ("root@example.test", "owner")
    ]


def test_every_event_has_a_time_a_level_and_a_name(shop: Shop) -> None:
    for event in shop.run().events:
        assert list(event)[:3] == ["timestamp", "level", "event"]
        assert event["timestamp"].endswith("Z")


def test_a_run_in_text_says_on_stdout_what_it_did(shop: Shop) -> None:
    done = shop.run(SEEDER_LOG_FORMAT="text")
    assert done.stdout.startswith("Done in ")
    assert "  migrated  0001, 0002\n  roles     3 inserted\n" in done.stdout
    assert " run.finished run=1 result=done exit_code=0 " in done.stderr.splitlines()[-1]
    assert shop.run(SEEDER_LOG_FORMAT="text").stdout.startswith("Nothing to do: ")


def test_a_second_run_writes_nothing_and_leaves_no_trace(shop: Shop) -> None:
    shop.run()
    before = shop.snapshot()
    xid = "SELECT txid_current()"
    first = shop.value(xid)
    done = shop.run()
    # Reading takes no transaction id: between the two of ours there is none.
    assert shop.value(xid) == first + 1
    assert done.exit_code == 0
    assert done.names == ["run.started", "run.unchanged", "run.finished"]
    assert done.finished["result"] == "nothing-to-do"
    assert shop.snapshot() == before
    assert shop.runs() == [("done", 0)]


def test_an_explicit_mode_looks_closely_and_writes_no_row(shop: Shop) -> None:
    shop.run()
    before = shop.snapshot(ledger=False)
    for mode in ("init", "update"):
        done = shop.run("--mode", mode)
        assert (done.exit_code, done.finished["result"]) == (0, "nothing-to-do")
    assert shop.snapshot(ledger=False) == before


def test_the_starter_runs_where_it_is_asked_for_by_name(shop: Shop) -> None:
    done = shop.run(SEEDER_PROJECT="starter")
    assert done.exit_code == 0
    assert shop.value("SELECT count(*) FROM permissions") >= 40
    assert shop.run("--project", "starter").finished["result"] == "nothing-to-do"


# Reports.


def test_report_and_termination_message_say_what_the_log_says(shop: Shop, tmp_path: Path) -> None:
    last_words = tmp_path / "termination-log"
    last_words.touch()
    report = tmp_path / "report.json"
    done = shop.run("--report", str(report))
    written = json.loads(report.read_bytes())
    assert written["counts"] == {"insert": 4}
    assert written["migrations"] == ["0001", "0002"]
    assert [each["name"] for each in written["sets"]] == ["roles", "members"]
    summary = json.loads(last_words.read_bytes())
    assert summary["counts"] == {"insert": 4}
    assert summary["phases"] == done.finished["phases"]


# Settings.


@pytest.mark.parametrize("variable", ["DATABASE_URL_FILE", "SEEDER_DATABASE_URL_FILE"])
def test_the_url_may_come_from_a_file(shop: Shop, tmp_path: Path, variable: str) -> None:
    file = tmp_path / "url"
    file.write_text(shop.database.url + "\n")
    done = shop.run(DATABASE_URL="", **{variable: str(file)})
    assert done.exit_code == 0
    assert roles(shop) == SEEDED


def test_seeders_own_variable_goes_before_the_applications(shop: Shop) -> None:
    elsewhere = shop.database.server.url("no_such_database")
    assert shop.run(DATABASE_URL=elsewhere, SEEDER_DATABASE_URL=shop.database.url).exit_code == 0
    assert roles(shop) == SEEDED


# Modes and first contact.


def test_mode_none_migrates_and_seeds_nothing(shop: Shop) -> None:
    assert shop.run("--mode", "none").finished["result"] == "done"
    assert roles(shop) == []
    assert shop.run().exit_code == 0
    assert roles(shop) == SEEDED


def test_a_project_without_migrations_is_seeded(shop: Shop) -> None:
    shop.database.execute("CREATE TABLE roles (id serial PRIMARY KEY, code text UNIQUE, level int)")
    shop.configure(migrations="none = true")
    (shop.directory / "seeds/core/members.yaml").unlink()
    done = shop.run()
    assert done.exit_code == 0
    assert roles(shop) == SEEDED
    assert shop.run().names == ["run.started", "run.unchanged", "run.finished"]


def test_a_table_with_rows_from_before_is_left_alone_until_an_update_by_hand(shop: Shop) -> None:
    shop.database.execute(
        "CREATE TABLE roles (id serial PRIMARY KEY, code text NOT NULL UNIQUE, level int NOT NULL);"
        "INSERT INTO roles (code, level) VALUES ('owner', 9);"
        "CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY);"
        "INSERT INTO alembic_version VALUES ('0001')"
    )
    shop.configure(release="1")
    done = shop.run()
    assert done.exit_code == 0
    assert roles(shop) == [("owner", 9)]
    decisions = {each["set"]: each["decision"] for each in done.named("set.applied")}
    assert decisions["roles"] == "unadopted"
    assert "seeder run --mode update" in done.finished["hint"]
    assert shop.value("SELECT count(*) FROM seeder.releases") == 0, "the release does not count"
    # The release waits, so an ordinary deploy tries again, and still adopts nothing.
    assert shop.run().exit_code == 0
    assert roles(shop) == [("owner", 9)]
    assert shop.run("--mode", "update").exit_code == 0
    assert roles(shop) == [("editor", 2), ("owner", 9), ("viewer", 1)]
    assert shop.rows("SELECT release FROM seeder.releases") == [("1",)]
    assert shop.run().names[1] == "run.unchanged"


def test_a_table_that_this_launchs_migrations_fill_is_adopted(shop: Shop) -> None:
    shop.scripts.add("0003", "INSERT INTO roles (code, level) VALUES ('owner', 3), ('guest', 0)")
    done = shop.run()
    assert done.exit_code == 0
    (applied,) = [each for each in done.named("set.applied") if each["set"] == "roles"]
    assert (applied["decision"], applied["insert"]) == ("adopt", 2)
    assert roles(shop) == [("editor", 2), ("guest", 0), ("owner", 3), ("viewer", 1)]
    assert shop.run().names[1] == "run.unchanged"


def test_a_launch_that_failed_is_continued_by_a_mended_image(shop: Shop) -> None:
    shop.scripts.add("0003", "INSERT INTO roles (code, level) VALUES ('guest', 0)")
    good = (shop.directory / "seeds/core/members.yaml").read_text()
    shop.seed("members", good.replace("root@example.test", "root", 1))
    shop.scripts.add("0004", "ALTER TABLE members ADD CHECK (email LIKE '%@%')")
    failed = shop.run()
    assert failed.exit_code == 18
    assert shop.value("SELECT version_num FROM alembic_version") == "0004", "migrations stay"
    assert roles(shop) == [("guest", 0)]
    shop.seed("members", good)
    done = shop.run()
    assert done.exit_code == 0
    # Although migrations that filled the table ran in an earlier process, it is this launch's.
    assert [e["decision"] for e in done.named("set.applied") if e["set"] == "roles"] == ["adopt"]
    assert roles(shop) == [("editor", 2), ("guest", 0), ("owner", 3), ("viewer", 1)]
    assert shop.runs() == [("failed", 18), ("done", 0)]


CREATES_KINDS = (
    "CREATE TABLE kinds (code text PRIMARY KEY, name text); INSERT INTO kinds VALUES ('one', 'One')"
)
KINDS = "table: kinds\nkey: code\nrows: [{code: one, name: One}, {code: two, name: Two}]\n"
KINDS_NOW = "SELECT code, name FROM kinds ORDER BY 1"


def test_a_table_that_a_later_releases_migrations_create_and_fill_is_adopted(shop: Shop) -> None:
    shop.run()
    shop.scripts.add("0003", CREATES_KINDS)
    shop.seed("kinds", KINDS)
    done = shop.run()
    (applied,) = [each for each in done.named("set.applied") if each["set"] == "kinds"]
    assert (applied["decision"], applied["adopt"], applied["insert"]) == ("adopt", 1, 1)
    assert shop.rows(KINDS_NOW) == [("one", "One"), ("two", "Two")]
    assert shop.command("ready").exit_code == 0
    assert shop.run().names[1] == "run.unchanged"


def test_such_a_table_is_adopted_by_the_run_after_one_that_stopped_before_seeding(
    shop: Shop,
) -> None:
    shop.run()
    shop.scripts.add("0003", CREATES_KINDS)
    shop.seed("kinds", KINDS.replace("name: Two", "name: [2]"))
    assert shop.run().exit_code == 10
    assert shop.rows(KINDS_NOW) == [("one", "One")]
    shop.seed("kinds", KINDS)
    waiting = shop.command("ready", SEEDER_WAIT_TIMEOUT="1")
    assert waiting.exit_code == 30, "the schema is there, and the rows are not"
    found = json.loads(shop.command("status", "--json").stdout)
    assert found["due"] == ["kinds"]
    done = shop.run()
    assert [e["decision"] for e in done.named("set.applied") if e["set"] == "kinds"] == ["adopt"]
    assert shop.rows(KINDS_NOW) == [("one", "One"), ("two", "Two")]
    assert shop.command("ready").exit_code == 0


def test_a_table_that_people_made_between_two_releases_is_left_to_them(shop: Shop) -> None:
    shop.run()
    shop.database.connect().execute("CREATE TABLE kinds (code text PRIMARY KEY, name text)")
    shop.database.connect().execute("INSERT INTO kinds VALUES ('one', 'Mine')")
    shop.scripts.add("0003", "SELECT 1")
    shop.seed("kinds", KINDS)
    done = shop.run()
    assert [e["decision"] for e in done.named("set.applied") if e["set"] == "kinds"] == [
        "unadopted"
    ]


# Releases.


def test_a_release_updates_once_and_neither_redeploy_nor_rollback_does(shop: Shop) -> None:
    shop.configure(release="1")
    shop.run()
    old = (shop.directory / "seeds/core/roles.yaml").read_text()
    new = old.replace("level: 1", "level: 0") + "  - {code: guest, level: 0}\n"
    shop.seed("roles", new)
    pending = shop.run()
    assert pending.finished["counts"] == {"pending": 1}
    assert "name a new release" in pending.finished["hint"]
    assert roles(shop) == SEEDED, "an edit alone changes nothing"

    shop.configure(release="2")
    assert shop.run().finished["counts"] == {"insert": 1, "update": 1}
    updated = [("editor", 2), ("guest", 0), ("owner", 3), ("viewer", 0)]
    assert roles(shop) == updated
    assert shop.run().names[1] == "run.unchanged"

    shop.configure(release="1")  # the former image is rolled back to
    shop.seed("roles", old)
    assert shop.run().exit_code == 0
    assert roles(shop) == updated
    shop.configure(release="2")  # and forward again
    shop.seed("roles", new)
    assert shop.run().exit_code == 0
    assert roles(shop) == updated
    assert sorted(shop.rows("SELECT release FROM seeder.releases")) == [("1",), ("2",)]


def test_what_people_changed_and_deleted_stays_so_through_a_release(shop: Shop) -> None:
    shop.configure(release="1")
    shop.run()
    shop.database.execute("UPDATE roles SET level = 7 WHERE code = 'editor'")
    shop.database.execute("DELETE FROM roles WHERE code = 'viewer'")
    text = (shop.directory / "seeds/core/roles.yaml").read_text()
    shop.seed("roles", text + "  - {code: guest, level: 0}\n")
    shop.configure(release="2")
    assert shop.run().exit_code == 0
    assert roles(shop) == [("editor", 7), ("guest", 0), ("owner", 3)]


# Older images.


def test_an_older_image_leaves_the_database_alone_with_a_warning(shop: Shop) -> None:
    newer = shop.scripts.add("0003", "ALTER TABLE roles ADD note text")
    shop.run()
    newer.unlink()
    shop.seed("roles", ROLES_SEED + "      - {code: other, level: 1}\n")
    before = shop.snapshot(ledger=False)
    done = shop.run("--mode", "update")
    assert done.exit_code == 0
    assert done.finished["result"] == "older-image"
    (warning,) = done.named("run.older_image")
    assert warning["level"] == "warning"
    assert shop.snapshot(ledger=False) == before
    assert shop.runs() == [("done", 0), ("older-image", 0)]


def test_a_quiet_run_tells_that_its_image_is_older_than_the_database(shop: Shop) -> None:
    newer = shop.scripts.add("0003", "ALTER TABLE roles ADD note text")
    shop.run()
    newer.unlink()
    quiet = shop.run("-q")
    assert (quiet.exit_code, quiet.stdout) == (0, "")
    assert {each["level"] for each in quiet.events} == {"warning"}
    assert "run.older_image" in quiet.names
    assert quiet.finished["result"] == "older-image"


def test_an_older_image_knows_the_way_though_the_newer_one_stopped_half_way(shop: Shop) -> None:
    shop.run()
    added = shop.scripts.add("0003", "ALTER TABLE roles ADD note text")
    failing = shop.scripts.add("0004", "SELECT 1 / 0")
    assert shop.run().exit_code == 16
    failing.unlink()
    added.unlink()
    done = shop.run("--mode", "update")
    assert (done.exit_code, done.finished["result"]) == (0, "older-image")


def test_a_revision_that_no_image_told_of_is_refused(shop: Shop) -> None:
    shop.run()
    shop.database.execute("UPDATE alembic_version SET version_num = 'f00d'")
    before = shop.snapshot()
    done = shop.run()
    assert done.exit_code == 15
    assert "f00d" in done.failed["message"]
    assert "Deploy the image" in done.failed["hint"]
    assert shop.snapshot() == before


# The marker.


@pytest.mark.parametrize(
    ("marked", "other"),
    [("production", "dev"), ("test", "staging"), ("production", "staging"), ("dev", "test")],
)
def test_a_run_for_another_environment_is_refused(shop: Shop, marked: str, other: str) -> None:
    assert shop.run("--environment", marked).exit_code == 0
    before = shop.snapshot()
    done = shop.run("--environment", other)
    assert done.exit_code == 10
    assert f"marked {marked}" in done.failed["message"]
    assert "SEEDER_ENVIRONMENT" in done.failed["hint"]
    assert f"seeder mark {other}" in done.failed["hint"]
    for command in ("plan", "status", "ready"):
        assert shop.command(command, "--environment", other).exit_code == 10
    assert shop.snapshot() == before
    assert shop.runs() == [("done", 0)]


def test_plan_run_and_status_name_the_environment_that_the_database_is_marked_with(
    shop: Shop,
) -> None:
    shop.environ["SEEDER_ENVIRONMENT"] = "staging"
    assert shop.run().finished["environment"] == "staging"
    assert json.loads(shop.command("plan", "--json").stdout)["environment"] == "staging"
    assert json.loads(shop.command("status", "--json").stdout)["environment"] == "staging"
    assert shop.command("ready").exit_code == 0


def test_refresh_is_refused_where_the_database_is_protected(shop: Shop) -> None:
    shop.run()
    before = shop.snapshot()
    done = shop.run("--mode", "refresh")
    assert done.exit_code == 10
    assert "marked production" in done.failed["message"]
    assert shop.snapshot() == before


def test_an_edited_file_reaches_a_disposable_database_without_a_release(shop: Shop) -> None:
    shop.environ["SEEDER_ENVIRONMENT"] = "dev"
    shop.run()
    text = (shop.directory / "seeds/core/roles.yaml").read_text()
    shop.seed("roles", text.replace("level: 1", "level: 0"))
    assert shop.run().finished["counts"]["update"] == 1
    assert roles(shop) == [("editor", 2), ("owner", 3), ("viewer", 0)]
