"""Wait, ready and status: what they find, and that they change nothing."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from psycopg import sql

from seeder.database.connection.lock import key_of
from tests.support.postgres import Database, OwnServer, Server
from tests.support.shop import MEMBERS_SEED, ROLES_SEED, Done, Shop


def status(shop: Shop, *arguments: str, **environ: str) -> dict[str, object]:
    before = shop.snapshot()
    done = shop.command("status", "--json", *arguments, **environ)
    assert done.exit_code == 0, done.stderr
    assert shop.snapshot() == before, "status writes nothing"
    found: dict[str, object] = json.loads(done.stdout)
    return found


# Status.


def test_a_database_without_a_ledger_is_not_initialised(shop: Shop) -> None:
    found = status(shop)
    assert found["initialised"] is False
    assert found["database"] == shop.database.name
    assert found["environment"] == "production"
    assert (found["revision_live"], found["revision_head"]) == ([], ["0002"])
    assert (found["releases"], found["last_runs"], found["lock_holder"]) == ([], [], None)


def test_after_a_run_status_tells_of_releases_revisions_and_runs(shop: Shop) -> None:
    shop.configure(release="1")
    shop.run()
    found = status(shop)
    assert found["initialised"] is True
    assert [each["release"] for each in found["releases"]] == ["1"]  # type: ignore[attr-defined]
    assert found["revision_live"] == found["revision_head"] == ["0002"]
    (last,) = found["last_runs"]  # type: ignore[misc]
    assert (last["result"], last["release"], last["counts"]) == ("done", "1", {"insert": 4})
    assert (found["unadopted"], found["pending"], found["conflicts"]) == ([], [], 0)


def test_a_changed_set_is_pending_and_a_new_one_that_refers_to_it_too(shop: Shop) -> None:
    shop.run()
    shop.seed("roles", ROLES_SEED + "      - {code: guest, level: 0}\n")
    shop.seed("members", MEMBERS_SEED.replace("role_id: owner", "role_id: viewer"))
    assert status(shop)["pending"] == ["roles", "members"]


def test_what_is_pending_is_told_to_come_where_the_next_run_is_an_update(shop: Shop) -> None:
    shop.configure(release="1")
    shop.run()
    shop.seed("roles", ROLES_SEED + "      - {code: guest, level: 0}\n")
    waits = "Pending sets wait for a new release in seeder.toml"
    assert waits in shop.command("status").stdout
    assert status(shop)["update"] is None
    shop.configure(release="2")
    text = shop.command("status").stdout
    assert "The next run brings what is pending: release 2 is new here.\n" in text
    assert waits not in text
    assert status(shop)["update"] == "release 2 is new here"
    shop.run()
    assert (status(shop)["pending"], status(shop)["update"]) == ([], None)
    shop.command("mark", "dev", "--database", shop.database.name)
    shop.seed("roles", ROLES_SEED)
    text = shop.command("status", SEEDER_ENVIRONMENT="dev").stdout
    assert "The next run brings what is pending: dev is disposable.\n" in text


def test_tables_with_rows_from_before_are_unadopted(shop: Shop) -> None:
    shop.run("--mode", "none")
    shop.database.execute("INSERT INTO roles (code, level) VALUES ('owner', 3)")
    found = status(shop)
    assert found["unadopted"] == []
    assert found["initialised"] is True
    shop.database.execute("UPDATE seeder.projects SET tables_before = '{public.roles}'")
    found = status(shop)
    assert (found["unadopted"], found["pending"]) == (["roles"], ["members"])


SCOPED_ROLES = ROLES_SEED.replace("key: code", "key: code\n    scope: {organization_id: null}")


def test_a_set_whose_scope_column_comes_with_the_migrations_awaits_them(shop: Shop) -> None:
    shop.run()
    shop.scripts.add("0003", "ALTER TABLE roles ADD COLUMN organization_id bigint")
    shop.seed("roles", SCOPED_ROLES)
    found = status(shop)
    assert (found["awaiting"], found["unfit"]) == (["roles", "members"], [])
    text = shop.command("status").stdout
    assert "  awaiting   roles, members" in text.splitlines()
    assert "Sets that await migrations come with them, if their files are right:" in text
    assert shop.run().exit_code == 0
    assert status(shop)["awaiting"] == []


def test_a_set_that_no_migration_is_going_to_fit_is_named_with_the_reason(shop: Shop) -> None:
    shop.run()
    shop.seed("roles", SCOPED_ROLES)
    reason = "the table public.roles has no column organization_id."
    assert status(shop)["unfit"] == [{"name": "roles", "message": reason}]
    assert f"  ! roles: {reason}" in shop.command("status").stdout.splitlines()
    done = shop.command("plan")
    assert done.exit_code == 10
    assert reason in done.failed["problems"][0]


def test_conflicts_are_counted_until_they_are_settled(shop: Shop) -> None:
    shop.configure(release="1")
    shop.run()
    shop.database.execute("UPDATE roles SET level = 7 WHERE code IN ('viewer', 'editor')")
    shop.seed("roles", ROLES_SEED.replace("level: 1", "level: 5").replace("level: 2", "level: 6"))
    shop.configure(release="2")
    assert shop.run().finished["counts"]["conflicts"] == 2
    assert status(shop)["conflicts"] == 2
    shop.database.execute("UPDATE roles SET level = 5 WHERE code = 'viewer'")
    shop.run("--mode", "update")
    assert status(shop)["conflicts"] == 1


def test_status_names_who_holds_the_lock_and_does_not_wait(shop: Shop) -> None:
    holder = shop.database.connect(application_name="release-7")
    holder.execute("SELECT pg_advisory_lock(%s)", [key_of("seeder")])
    held = status(shop)["lock_holder"]
    assert held["application_name"] == "release-7"  # type: ignore[index]
    text = shop.command("status").stdout
    assert "application_name release-7" in text


def test_status_in_text_is_a_page(shop: Shop) -> None:
    shop.configure(release="1")
    shop.run()
    lines = shop.command("status").stdout.splitlines()
    assert lines[0] == f"Database {shop.database.name} (production)"
    assert "  revision   0002 (this image's head)" in lines
    assert "  releases   1" in lines


def test_of_migrations_that_others_run_no_head_is_claimed(shop: Shop) -> None:
    shop.run()
    shop.configure(migrations="none = true")
    told = "  revision   not looked at (somebody else migrates this database)"
    assert told in shop.command("status").stdout.splitlines()
    shop.configure(migrations='command = ["true"]')
    told = "  revision   0002 (whether more are pending, the migration command knows)"
    assert told in shop.command("status").stdout.splitlines()
    assert status(shop)["migrations"] == "command"
    assert shop.command("ready").stdout == "Ready: revision 0002.\n"


@pytest.fixture
def reader(server: Server, worker_id: str) -> Iterator[str]:
    """A role that may read; it goes after the database."""
    name = f"reader_{worker_id}"
    server.execute(f'CREATE ROLE "{name}" LOGIN')
    yield name
    server.execute(f'DROP ROLE "{name}"')


def test_status_and_ready_work_for_a_role_that_may_only_read(reader: str, shop: Shop) -> None:
    shop.run()
    with shop.database.connect() as connection:
        for statement in (
            "GRANT USAGE ON SCHEMA public, seeder TO {}",
            "GRANT SELECT ON ALL TABLES IN SCHEMA public, seeder TO {}",
            "REVOKE TEMPORARY ON DATABASE {database} FROM public",
        ):
            connection.execute(
                sql.SQL(statement).format(
                    sql.Identifier(reader), database=sql.Identifier(shop.database.name)
                )
            )
    url = shop.database.server.url(shop.database.name, user=reader)
    shop.seed("roles", ROLES_SEED + "      - {code: guest, level: 0}\n")
    assert status(shop, DATABASE_URL=url)["pending"] == ["roles"]
    assert shop.command("ready", DATABASE_URL=url).exit_code == 0


def test_a_role_that_may_not_read_the_ledger_is_told_so(reader: str, shop: Shop) -> None:
    shop.run()
    url = shop.database.server.url(shop.database.name, user=reader)
    done = shop.command("status", DATABASE_URL=url)
    assert done.exit_code == 11
    assert "permission denied for schema seeder" in done.failed["message"]


def test_a_standby_can_be_asked(shop: Shop, own_server: Callable[..., OwnServer]) -> None:
    server = own_server()
    server.execute("CREATE DATABASE shop")
    shop.database = Database(server, "shop")
    shop.configure(release="1")
    assert shop.run().exit_code == 0
    server.stop()
    (server.running.data / "standby.signal").touch()
    server.start()
    assert status(shop)["revision_live"] == ["0002"]
    done = shop.command("ready", "--release", "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["release"] == "1"


# Ready.


def not_ready(shop: Shop, *arguments: str) -> Done:
    done = shop.command("ready", *arguments, SEEDER_WAIT_TIMEOUT="0.3")
    assert done.exit_code == 30, done.stderr
    assert done.stdout == ""
    assert "run" in done.failed["hint"]
    return done


def test_ready_says_what_is_missing_step_by_step(shop: Shop) -> None:
    shop.configure(release="1")
    assert "no run of seeder has begun" in not_ready(shop).failed["message"]
    shop.run("--mode", "none")
    assert "no run has completed" in not_ready(shop).failed["message"]
    shop.run()
    done = shop.command("ready")
    assert (done.exit_code, done.stdout) == (0, "Ready: revision 0002 (this image's head).\n")
    done = shop.command("ready", "--release")
    assert done.stdout == "Ready: revision 0002 (this image's head), release 1.\n"

    shop.scripts.add("0003", "ALTER TABLE roles ADD note text")
    shop.configure(release="2")
    assert "revision 0003 is not applied" in not_ready(shop).failed["message"]
    shop.run("--mode", "init")
    assert shop.command("ready").exit_code == 0
    assert "release 2 is not applied" in not_ready(shop, "--release").failed["message"]
    shop.scripts.add("0004", "ALTER TABLE roles ADD remark text")
    shop.scripts.add("0005", "ALTER TABLE roles ADD hint text")
    assert "revisions 0004, 0005 are not applied" in not_ready(shop).failed["message"]


def test_an_older_image_is_ready_on_a_newer_database(shop: Shop) -> None:
    newer = shop.scripts.add("0003", "ALTER TABLE roles ADD note text")
    shop.run()
    newer.unlink()
    done = shop.command("ready")
    assert (done.exit_code, done.stdout) == (0, "Ready: revision 0003 (ahead of this image).\n")


def test_a_revision_that_nobody_told_of_is_not_ready(shop: Shop) -> None:
    shop.run()
    shop.database.execute("UPDATE alembic_version SET version_num = 'f00d'")
    assert "f00d" in not_ready(shop).failed["message"]


def test_ready_waits_for_a_job_that_runs_elsewhere(shop: Shop) -> None:
    found: list[Done] = []

    def job() -> None:
        time.sleep(0.5)
        found.append(shop.end(shop.start()))

    worker = threading.Thread(target=job)
    worker.start()
    done = shop.command("ready", SEEDER_WAIT_TIMEOUT="60")
    worker.join()
    assert done.exit_code == 0, done.stderr
    assert done.named("readiness.awaited")
    assert found[0].exit_code == 0


def test_ready_needs_no_secret_of_the_seeds(shop: Shop) -> None:
    shop.seed(
        "members",
        MEMBERS_SEED.replace("role_id: owner", "role_id: owner, password: !env FIRST_PASSWORD"),
    )
    assert shop.run(FIRST_PASSWORD="hunter2").exit_code == 0
    assert shop.command("ready").exit_code == 0


def test_waiting_for_a_release_that_the_catalog_does_not_name_is_refused(shop: Shop) -> None:
    shop.run()
    done = shop.command("ready", "--release")
    assert done.exit_code == 10
    assert "names no release" in done.failed["message"]


# Wait.


def test_wait_ends_when_the_database_answers(shop: Shop) -> None:
    before = shop.snapshot()
    done = shop.command("wait")
    assert (done.exit_code, done.names) == (0, ["database.ready"])
    assert shop.snapshot() == before


def test_wait_gives_up_on_a_read_only_database(shop: Shop) -> None:
    name = shop.database.name
    shop.database.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    assert shop.command("wait", SEEDER_WAIT_TIMEOUT="0.3").exit_code == 30


# What is left open, and where a project is looked for.


@pytest.mark.parametrize(
    "command", [("history",), ("show", "1"), ("wait",), ("schema",), ("requests",), ("init", "new")]
)
def test_a_command_without_a_project_does_not_look_for_the_one_of_the_environment(
    shop: Shop, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.run()
    monkeypatch.chdir(shop.directory)
    done = shop.command(*command, SEEDER_PROJECT="/nonexistent", SEEDER_PLAN="/nonexistent")
    assert done.exit_code == 0, done.stderr


@pytest.mark.parametrize("command", ["run", "status", "plan", "check", "ready"])
def test_a_command_with_a_project_refuses_one_that_is_not_there(shop: Shop, command: str) -> None:
    done = shop.command(command, SEEDER_PROJECT="/nonexistent")
    assert done.exit_code == 10
    assert "SEEDER_PROJECT" in done.failed["problems"][0]


def test_ready_names_what_is_left_open(shop: Shop) -> None:
    shop.configure(release="1")
    shop.run()
    shop.database.connect().execute("UPDATE roles SET level = 9 WHERE code = 'viewer'")
    shop.database.connect().execute("DELETE FROM roles WHERE code = 'editor'")
    shop.configure(release="2")
    shop.seed("roles", ROLES_SEED.replace("viewer, level: 1", "viewer, level: 2"))
    shop.seed(
        "members",
        MEMBERS_SEED + "      - {email: ed@example.test, role_id: editor}\n",
    )
    shop.run()
    done = shop.command("ready", SEEDER_LOG_FORMAT="text")
    assert done.exit_code == 0
    assert "Left open: 1 row in conflict; 1 row skipped." in done.stdout
    shop.seed("roles", ROLES_SEED)
    shop.run()
    found = json.loads(shop.command("ready", "--json").stdout)
    assert (found["conflicts"], found["skipped"], found["pending"]) == (1, 1, ["members", "roles"])


def test_status_warns_of_a_schema_in_which_everybody_may_create(
    shop: Shop,
) -> None:
    shop.database.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    assert status(shop)["open_schemas"] == []
    shop.database.execute("GRANT CREATE ON SCHEMA public TO PUBLIC")
    assert status(shop)["open_schemas"] == ["public"]
    told = " ".join(shop.command("status").stdout.split())
    assert "REVOKE CREATE ON SCHEMA public FROM PUBLIC" in told
