"""No URL, password or row value in anything that a run leaves behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from tests.support.postgres import Database, OwnServer
from tests.support.shop import MEMBERS_SEED, ROLES_SEED, Done, Shop

URL_PASSWORD = "url-hunter2"
SECRET = "secret-hunter2"
VALUE = "value-hunter2"
MARKS = (URL_PASSWORD, SECRET, VALUE, "hunter2")


@pytest.fixture
def guarded(shop: Shop, own_server: Callable[..., OwnServer]) -> Shop:
    """The shop on a server with passwords, and with everything that a run may write to."""
    server = own_server(hba=["local all all scram-sha-256"])
    server.execute(f"CREATE ROLE app LOGIN PASSWORD '{URL_PASSWORD}'")
    server.execute("CREATE DATABASE shop OWNER app")
    shop.database = Database(server, "shop")
    shop.environ["DATABASE_URL"] = server.url("shop", user="app", password=URL_PASSWORD)
    shop.environ["FIRST_PASSWORD"] = SECRET
    shop.environ["SEEDER_REPORT"] = str(shop.directory.parent / "report.json")
    (shop.directory.parent / "termination-log").touch()
    shop.seed(
        "members",
        """
        table: members
        key: email
        columns:
          role_id: {ref: roles}
          password: {secret: true, update: never}
        rows:
          - {email: root@example.test, role_id: owner, password: !env FIRST_PASSWORD}
        """,
    )
    return shop


def traces(shop: Shop, done: Done) -> dict[str, str]:
    """Everything that a run has said or kept, by where."""
    directory = shop.directory.parent
    found = {"stdout": done.stdout, "stderr": done.stderr}
    for name in ("report.json", "termination-log"):
        path: Path = directory / name
        found[name] = path.read_text() if path.exists() else ""
    with psycopg.connect(shop.database.url, autocommit=True) as connection:
        tables = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace('seeder')"
            " AND relkind = 'r'"
        ).fetchall()
        for (name,) in tables:
            rows = connection.execute(
                sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier("seeder", name))
            ).fetchall()
            found[f"seeder.{name}"] = "\n".join(row[0] for row in rows)
    return found


def assert_silent(shop: Shop, done: Done, *, addresses: bool = False) -> None:
    """Nothing marked anywhere, but in a row's key where it serves as the row's address."""
    for place, text in traces(shop, done).items():
        shown = text.replace(f"roles/{VALUE}", "") if addresses else text
        for mark in MARKS:
            assert mark not in shown, f"{mark} in {place}"


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_a_run_that_goes_well_tells_nothing(guarded: Shop, log_format: str) -> None:
    guarded.environ["SEEDER_LOG_FORMAT"] = log_format
    done = guarded.run()
    assert done.exit_code == 0, done.stderr
    assert guarded.rows("SELECT password FROM members") == [(SECRET,)]
    assert_silent(guarded, done)


def test_an_update_leaves_no_secret_in_the_audit_trail(guarded: Shop) -> None:
    guarded.configure(release="1")
    guarded.run()
    text = (guarded.directory / "seeds/core/members.yaml").read_text()
    guarded.seed("members", text.replace("update: never", "update: always"))
    guarded.configure(release="2")
    guarded.environ["FIRST_PASSWORD"] = f"other-{SECRET}"
    done = guarded.run()
    assert done.exit_code == 0, done.stderr
    assert guarded.rows("SELECT password FROM members") == [(f"other-{SECRET}",)]
    assert_silent(guarded, done)


FAILURES: dict[str, tuple[int, dict[str, str]]] = {
    "a bad cast": (10, {"roles": ROLES_SEED.replace("level: 2", f"level: {VALUE}")}),
    "a rejected row": (18, {"roles": ROLES_SEED + f"      - {{code: {VALUE}, level: -1}}\n"}),
    "a dangling reference": (
        10,
        {"members": MEMBERS_SEED.replace("owner}", f"owner, password: {VALUE}, x: {{}}}}")},
    ),
    "a duplicate row": (
        10,
        {"roles": ROLES_SEED + f"      - {{code: owner, level: 1, note: {VALUE}}}\n"},
    ),
}


@pytest.mark.parametrize("log_format", ["json", "text"])
@pytest.mark.parametrize("case", FAILURES)
def test_a_failure_names_places_and_no_values(guarded: Shop, case: str, log_format: str) -> None:
    guarded.environ["SEEDER_LOG_FORMAT"] = log_format
    guarded.scripts.add("0003", "ALTER TABLE roles ADD CHECK (level >= 0), ADD note text")
    assert guarded.run("--mode", "none").exit_code == 0
    code, files = FAILURES[case]
    for name, text in files.items():
        guarded.seed(name, text)
    done = guarded.run()
    assert done.exit_code == code, done.stderr
    assert_silent(guarded, done, addresses=True)


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_a_bug_in_a_python_seeder_shows_places_and_no_values(
    guarded: Shop, log_format: str
) -> None:
    guarded.environ["SEEDER_LOG_FORMAT"] = log_format
    guarded.write(
        "seeds/core/broken.py",
        """
        from seeder import rows

        @rows(table="roles", key="code", env=["FIRST_PASSWORD"])
        def broken(context):
            password = context.env["FIRST_PASSWORD"]
            yield {"code": "x", "level": int(password)}
        """,
    )
    done = guarded.run()
    assert done.exit_code == 10, done.stderr
    assert "seeds/core/broken.py:6" in done.stderr
    assert_silent(guarded, done)


@pytest.mark.parametrize("log_format", ["json", "text"])
@pytest.mark.parametrize(
    "lines",
    [
        (f"INSERT INTO roles (code, level) VALUES ('{VALUE}', 1), ('{VALUE}', 2)",),
        (f"py:raise ValueError('{VALUE}')",),
        (f"SELECT '{VALUE}'::int",),
        (f"SELEKT '{VALUE}'",),
    ],
)
def test_a_failing_migration_shows_no_values(
    guarded: Shop, lines: tuple[str, ...], log_format: str
) -> None:
    guarded.environ["SEEDER_LOG_FORMAT"] = log_format
    guarded.scripts.add("0003", *lines)
    done = guarded.run()
    assert done.exit_code == 16, done.stderr
    assert "0003.py" in done.stderr
    assert_silent(guarded, done)


@pytest.mark.parametrize("log_format", ["json", "text"])
@pytest.mark.parametrize(
    "body",
    [
        f"raise ValueError('{VALUE}')",
        f"connection.exec_driver_sql(\"INSERT INTO roles (code) VALUES ('{VALUE}')\")",
        f"connection.exec_driver_sql(\"SELECT '{VALUE}'::int\")",
    ],
)
def test_a_failing_task_shows_no_values(guarded: Shop, body: str, log_format: str) -> None:
    guarded.environ["SEEDER_LOG_FORMAT"] = log_format
    guarded.configure(release="1")
    assert guarded.run().exit_code == 0
    guarded.write(
        "seeds/update/steps.py",
        f"from seeder import task\n\n@task(release='2')\ndef step(connection):\n    {body}\n",
    )
    guarded.configure(release="2")
    done = guarded.run()
    assert done.exit_code == 18, done.stderr
    assert "step" in done.stderr
    assert_silent(guarded, done)


def test_a_migration_commands_output_is_passed_on_without_the_url(guarded: Shop) -> None:
    guarded.configure(
        migrations='command = ["sh", "-c", "echo connecting to $DATABASE_URL; exit 3"]'
    )
    done = guarded.run()
    assert done.exit_code == 16
    (line,) = [event["line"] for event in done.named("migration.output")]
    assert line.startswith("connecting to postgresql://")
    assert_silent(guarded, done)


FROM_ENV: dict[str, tuple[int, dict[str, str]]] = {
    "a duplicate key": (
        10,
        {
            "seeds/core/roles.yaml": """
            table: roles
            key: code
            rows:
              - {code: !env FIRST_PASSWORD, level: 1}
              - {code: !env FIRST_PASSWORD, level: 2}
            """
        },
    ),
    "a key that another set has": (
        10,
        {
            "seeds/core/more.yaml": f"""
            table: roles
            key: code
            rows:
              - {{code: !env FIRST_PASSWORD, level: 1}}
              - {{code: {SECRET}, level: 1}}
            """
        },
    ),
    "a column name": (
        10,
        {
            "seeds/core/columns.py": """
            from seeder import rows

            @rows(table="roles", key="code", env=["FIRST_PASSWORD"])
            def columns(context):
                yield {"code": "x", "level": 1, context.env["FIRST_PASSWORD"]: 1}
            """
        },
    ),
    "a rejected row": (
        18,
        {
            "seeds/core/more.yaml": """
            table: roles
            key: code
            rows:
              - {code: !env FIRST_PASSWORD, level: -1}
            """
        },
    ),
}


@pytest.mark.parametrize("log_format", ["json", "text"])
@pytest.mark.parametrize("case", FROM_ENV)
def test_a_value_from_the_environment_is_masked_wherever_it_shows_up(
    guarded: Shop, case: str, log_format: str
) -> None:
    guarded.environ["SEEDER_LOG_FORMAT"] = log_format
    guarded.scripts.add("0003", "ALTER TABLE roles ADD CHECK (level >= 0)")
    code, files = FROM_ENV[case]
    for name, text in files.items():
        guarded.write(name, text)
    done = guarded.run()
    assert done.exit_code == code, done.stderr
    assert "***" in done.stderr
    assert_silent(guarded, done)


PRINTS = """
import os
print(os.environ["FIRST_PASSWORD"])
print({name: os.environ[name] for name in ("FIRST_PASSWORD", "DATABASE_URL")})
print("password is", os.environ["DATABASE_URL"].split("@")[0].rpartition(":")[2])
print({"password": "of somebody else"})
"""


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_what_a_migration_command_prints_is_masked_in_any_form(
    guarded: Shop, log_format: str
) -> None:
    assert guarded.run().exit_code == 0
    guarded.environ["SEEDER_LOG_FORMAT"] = log_format
    guarded.write("prints.py", PRINTS)
    guarded.configure(migrations='command = ["python3", "prints.py"]')
    done = guarded.run()
    assert done.exit_code == 0, done.stderr
    assert done.stderr.count("migration.output") == 4
    assert "somebody" not in done.stderr
    assert_silent(guarded, done)


def test_the_lines_of_a_file_are_not_shown_where_another_set_calls_a_column_secret(
    guarded: Shop,
) -> None:
    guarded.seed(
        "more",
        f"""
        table: members
        key: email
        columns: {{role_id: {{ref: roles}}}}
        rows:
          - {{email: a@example.test, role_id: nobody, password: {VALUE}}}
        """,
    )
    done = guarded.command("check", SEEDER_LOG_FORMAT="text")
    assert done.exit_code == 10
    assert "more.yaml:5" in done.stderr
    assert VALUE not in done.stderr


def test_an_interrupted_run_tells_nothing(guarded: Shop) -> None:
    import signal
    import time

    guarded.scripts.add("0003", f"SELECT pg_sleep(60), '{VALUE}'")
    job = guarded.start()
    while not guarded.rows("SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep'"):
        assert job.poll() is None
        time.sleep(0.05)
    job.send_signal(signal.SIGTERM)
    done = guarded.end(job)
    assert done.exit_code == 143
    assert_silent(guarded, done)
