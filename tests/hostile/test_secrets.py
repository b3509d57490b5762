"""No secret in any output: every command and every way to fail, with marked secrets and values.

Each command runs as a process of its own, in both log formats, on a server that wants a password,
while a thread reads the process list and the server's list of sessions over and over. Then
everything that was said or kept is searched.
"""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import click
import psycopg
import pytest
from psycopg import sql

from seeder.command_line import group
from seeder.database.connection.lock import key_of
from tests.docs.pages import DOCS
from tests.fault.conftest import until
from tests.support.postgres import Database, OwnServer, run_own_server
from tests.support.proxy import proxied
from tests.support.shop import Done, Shop

URL_PASSWORD = "mark-url-7f3a"
FROM_OUTSIDE = "mark-env-91bc"
IN_THE_FILE = "mark-file-02de"
LIVE = "mark-live-c46e"
SECRETS = (URL_PASSWORD, FROM_OUTSIDE, IN_THE_FILE, LIVE)
"""The URL's password, and values of a secret column: by `!env`, in a seed file, in the table."""

DESIRED, EDITED = "mark-desired-5d5d", "mark-edited-e8e8"
VALUES = (DESIRED, EDITED)
"""Values of an ordinary column, as the catalog and a person want them."""

ROLES = """
    table: roles
    key: code
    removed: delete
    rows:
      - {{code: owner, level: 3, label: {owner}}}
      - {{code: editor, level: 2, label: {editor}}}
"""
MEMBERS = f"""
    table: members
    key: email
    columns:
      role_id: {{ref: roles}}
      password: {{secret: true, update: always}}
    rows:
      - {{email: root@example.test, role_id: owner, password: !env FIRST_PASSWORD}}
      - {{email: second@example.test, role_id: owner, password: {IN_THE_FILE}}}
"""


def _processes() -> Iterator[Path]:
    return Path("/proc").glob("[0-9]*/cmdline")


class Watch:
    """Reads process list and sessions while the block runs, and keeps what it has seen."""

    def __init__(self, server: OwnServer) -> None:
        self.seen: set[str] = set()
        self.rounds = 0
        self._server = server
        # What was here before is nobody's whom the test starts.
        self._others = set(_processes())
        self._sessions = self._listed()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _listed(self) -> list[int]:
        with self._server.connect() as connection:
            return [pid for (pid,) in connection.execute("SELECT pid FROM pg_stat_activity")]

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        assert self.rounds, "nothing was watched"

    def _run(self) -> None:
        while not self._over.is_set():
            with suppress(psycopg.OperationalError), self._server.connect() as connection:
                while not self._over.is_set():
                    self._look(connection)

    def _look(self, connection: psycopg.Connection) -> None:
        for path in set(_processes()) - self._others:
            with suppress(OSError):
                self.seen.add(path.read_bytes().decode(errors="replace"))
        found = connection.execute(
            "SELECT concat_ws(' ', application_name, query) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND pid <> ALL(%s)",
            [self._sessions],
        )
        self.seen |= {text for (text,) in found}
        self.rounds += 1
        time.sleep(0.02)


@pytest.fixture(scope="module")
def strict_server() -> Iterator[OwnServer]:
    """A server that wants a password from everybody but a superuser on the socket."""
    with run_own_server(hba=["local all all scram-sha-256"]) as server:
        server.execute(f"CREATE ROLE app LOGIN PASSWORD '{URL_PASSWORD}'")
        yield server


@pytest.fixture(params=["json", "text"])
def guarded(request: pytest.FixtureRequest, shop: Shop, strict_server: OwnServer) -> Iterator[Shop]:
    """The shop with marks wherever one can be, and a directory for what commands write."""
    name = f"shop_{os.getpid()}_{time.monotonic_ns()}"
    strict_server.execute(f"CREATE DATABASE {name} OWNER app")
    shop.database = Database(strict_server, name)
    shop.environ |= {
        "DATABASE_URL": strict_server.url(name, user="app", password=URL_PASSWORD),
        "FIRST_PASSWORD": FROM_OUTSIDE,
        "SEEDER_LOG_FORMAT": request.param,
    }
    (shop.directory.parent / "written").mkdir()
    shop.scripts.add("0003", "ALTER TABLE roles ADD label text")
    shop.seed("roles", ROLES.format(owner=DESIRED, editor="plain"))
    shop.seed("members", MEMBERS)
    shop.configure(release="1")
    yield shop
    shop.database.close()


def written(shop: Shop, name: str) -> str:
    """Where a command may write a file."""
    return str(shop.directory.parent / "written" / name)


def everything(shop: Shop, done: Done, watch: Watch) -> dict[str, str]:
    """What a command has said or kept, and what could be seen from outside, by place."""
    found = {"stdout": done.stdout, "stderr": done.stderr}
    found["process list and sessions"] = "\n".join(watch.seen)
    for path in (shop.directory.parent / "written").rglob("*"):
        if path.is_file():
            found[path.name] = path.read_text()
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


def run(
    shop: Shop,
    *arguments: str,
    values: tuple[str, ...] = (),
    migration: str | None = None,
    **environ: str,
) -> Done:
    """Run a command under watch, and search for marks.

    `values` are the places where values of ordinary columns may be; those of a ledger always.
    `migration` is a statement of the project's own, which the server lists while it runs.
    """
    assert isinstance(shop.database.server, OwnServer)
    with Watch(shop.database.server) as watch:
        done = shop.end(shop.start(*arguments, **environ))
    if migration is not None:
        watch.seen = {text for text in watch.seen if not text.endswith(migration)}
    is_silent(shop, done, watch, values=values)
    return done


def is_silent(shop: Shop, done: Done, watch: Watch, *, values: tuple[str, ...] = ()) -> None:
    for place, text in everything(shop, done, watch).items():
        for mark in SECRETS:
            assert mark not in text, f"{mark} in {place}"
        if not place.startswith("seeder.") and place not in values:
            for mark in VALUES:
                assert mark not in text, f"{mark} in {place}"


# Commands.

PLANS = ("stdout", "plan.json", "plan.html")
SHOWN = ("stdout", "report.json", "report.html", "report.md")
"""What a run tells of the rows that it met: nothing in a log, and no secret anywhere."""


def commands(shop: Shop) -> Mapping[str, Callable[[], Done]]:
    """Every command in an order in which each has something to say."""
    database, actor = shop.database.name, ("--actor", "jo")
    former = shop.directory.parent / "former"
    plan = ("--out", written(shop, "plan.json"), "--html", written(shop, "plan.html"))
    return {
        "check": lambda: run(shop, "check"),
        "schema": lambda: run(shop, "schema"),
        "completion": lambda: run(shop, "completion", "bash"),
        "init": lambda: run(shop, "init", str(former)),
        "wait": lambda: run(shop, "wait"),
        "db": lambda: run(shop, "db"),
        "plan": lambda: run(shop, "plan", *plan, values=PLANS),
        "run": lambda: run(shop, "run", "--report", written(shop, "report.json"), values=SHOWN),
        "ready": lambda: run(shop, "ready"),
        "people": lambda: people(shop),
        "plan again": lambda: run(shop, "plan", "--json", values=PLANS),
        "run again": lambda: run(
            shop, "run", "--report", written(shop, "report.html"), values=SHOWN
        ),
        "requests": lambda: run(shop, "requests"),
        "approve": lambda: run(shop, "approve", pending(shop), *actor),
        "run approved": lambda: run(
            shop, "run", "--report", written(shop, "report.md"), values=SHOWN
        ),
        "status": lambda: run(shop, "status"),
        "conflicts": lambda: run(shop, "conflicts", "--kept", values=("stdout",)),
        "history": lambda: run(shop, "history"),
        "show": lambda: run(shop, "show", last(shop), values=("stdout",)),
        "undo": lambda: run(shop, "undo", last(shop), "--yes", *actor, values=("stdout",)),
        "restore": lambda: run(shop, "restore", "members/second@example.test", *actor),
        "resolve": lambda: run(
            shop, "resolve", "roles/owner", "--take", "desired", *actor, values=("stdout",)
        ),
        "adopt": lambda: run(shop, "adopt", *actor, values=("stdout",)),
        "export": lambda: run(shop, "export", "roles", values=("stdout",)),
        "prune": lambda: run(shop, "prune", "--keep", "1d", *actor),
        "mark": lambda: run(shop, "mark", "staging", "--database", database, *actor),
        "baseline": lambda: run(shop, "baseline", renumbered(shop), "--database", database, *actor),
        "claim": lambda: run(shop, "claim", "--database", database, *actor),
    }


def people(shop: Shop) -> Done:
    """Edit, delete, and ask for an update that conflicts with the edit."""
    shop.database.execute(
        f"UPDATE roles SET label = '{EDITED}' WHERE code = 'owner';"
        f"UPDATE members SET password = '{LIVE}' WHERE email LIKE 'root%';"
        "DELETE FROM members WHERE email LIKE 'second%'"
    )
    shop.seed("roles", ROLES.format(owner=f"{DESIRED} 2", editor=DESIRED))
    shop.environ["FIRST_PASSWORD"] = f"{FROM_OUTSIDE} 2"
    return Done(0, "", "")


def renumbered(shop: Shop) -> str:
    """Give the newest revision another number, as a rewritten history has it."""
    for path in (shop.directory / "migrations" / "versions").glob("*.py"):
        path.write_text(path.read_text().replace("'0002'", "'0002b'").replace('"0002"', '"0002b"'))
    return "0002b"


def pending(shop: Shop) -> str:
    return str(shop.value("SELECT plan_id FROM seeder.pending_plan"))


def last(shop: Shop) -> str:
    return str(shop.value("SELECT max(run) FROM seeder.changes"))


def test_no_command_shows_a_secret(guarded: Shop) -> None:
    shop = guarded
    for name, command in commands(shop).items():
        done = command()
        assert done.exit_code == 0, (name, done.stderr)
        for path in (shop.directory.parent / "written").iterdir():
            path.unlink()


def test_no_command_was_forgotten(shop: Shop) -> None:
    every = group.seeder.list_commands(click.Context(group.seeder))
    assert set(every) <= {name.split()[0] for name in commands(shop)}


# Failures.


def second_release(shop: Shop) -> None:
    """Have the first release in the database, and ask for a second one."""
    assert shop.run().exit_code == 0
    shop.configure(release="2")
    shop.seed("roles", ROLES.format(owner=f"{DESIRED} 2", editor=DESIRED))


def wrong_password(shop: Shop) -> Done:
    url = shop.environ["DATABASE_URL"].replace(URL_PASSWORD, f"{URL_PASSWORD}-wrong")
    return run(shop, DATABASE_URL=url, SEEDER_WAIT_TIMEOUT="1", SEEDER_DEADLINE="60")


def invalid_catalog(shop: Shop) -> Done:
    shop.seed(
        "members",
        MEMBERS.replace(f"owner, password: {IN_THE_FILE}", f"nobody, password: {IN_THE_FILE}"),
    )
    return run(shop, "run", "--report", written(shop, "report.json"))


def checked_catalog(shop: Shop) -> Done:
    shop.seed(
        "members",
        MEMBERS.replace(f"owner, password: {IN_THE_FILE}", f"nobody, password: {IN_THE_FILE}"),
    )
    return run(shop, "check", values=("stderr",))


def checked_rows(shop: Shop) -> Done:
    shop.seed("members", MEMBERS.partition("    rows:")[0] + "    rows_from: members.json\n")
    row = f'{{"email": "a@b.test", "role_id": "nobody", "password": "{IN_THE_FILE}"}}'
    shop.write("seeds/core/members.json", f"\n[{row}]")
    return run(shop, "check", values=("stderr",))


def missing_database(shop: Shop) -> Done:
    url = shop.environ["DATABASE_URL"].replace(shop.database.name, "elsewhere")
    return run(shop, DATABASE_URL=url)


def old_server(shop: Shop) -> Done:
    with proxied(shop.database.server.conninfo) as proxy:
        proxy.version = "13.20"
        url = proxy.url(shop.database.name, user="app", password=URL_PASSWORD)
        return run(shop, DATABASE_URL=url)


def two_heads(shop: Shop) -> Done:
    shop.scripts.add("0004", "SELECT 1", down="0002")
    return run(shop)


def unknown_revision(shop: Shop) -> Done:
    second_release(shop)
    shop.database.execute("UPDATE alembic_version SET version_num = 'f00d'")
    return run(shop)


def failing_migration(shop: Shop) -> Done:
    migration = f"INSERT INTO roles VALUES (1, '{DESIRED}', '{EDITED}')"
    shop.scripts.add("0004", migration)
    return run(shop, "run", "--report", written(shop, "report.html"), migration=migration)


def invalid_index(shop: Shop) -> Done:
    second_release(shop)
    shop.database.execute(
        "INSERT INTO members (email, role_id, password) SELECT 'x', role_id,"
        " password FROM members LIMIT 1"
    )
    shop.scripts.add(
        "0004",
        "py:with op.get_context().autocommit_block():",
        "py:    op.execute('CREATE UNIQUE INDEX CONCURRENTLY once ON members (password)')",
    )
    return run(shop)


def rejected_row(shop: Shop) -> Done:
    migration = f"ALTER TABLE roles ADD CHECK (label <> '{DESIRED}')"
    shop.scripts.add("0004", migration)
    return run(shop, "run", "--report", written(shop, "report.md"), migration=migration)


def stale_plan(shop: Shop) -> Done:
    second_release(shop)
    plan = shop.directory.parent / "plan.json"
    assert shop.command("plan", "--out", str(plan)).exit_code == 0
    shop.database.execute(f"UPDATE roles SET label = '{EDITED}'")
    return run(shop, "run", "--plan", str(plan))


def pending_changes(shop: Shop) -> Done:
    second_release(shop)
    return run(shop, "plan", "--exit-code", values=PLANS)


def pending_conflicts(shop: Shop) -> Done:
    second_release(shop)
    shop.database.execute(f"UPDATE roles SET label = '{EDITED}'")
    return run(shop, "plan", "--exit-code", values=PLANS)


def unreachable(shop: Shop) -> Done:
    url = f"postgresql://app:{URL_PASSWORD}@127.0.0.1:1/{shop.database.name}"
    return run(shop, DATABASE_URL=url, SEEDER_WAIT_TIMEOUT="1")


def held_lock(shop: Shop) -> Done:
    shop.database.connect().execute("SELECT pg_advisory_lock(%s)", [key_of("seeder")])
    return run(shop, "run", "--lock-timeout", "1")


def held_row(shop: Shop) -> Done:
    second_release(shop)
    shop.database.connect().execute("BEGIN; UPDATE roles SET level = 9")
    return run(shop, "run", "--ddl-lock-timeout", "0.2")


def lost_connection(shop: Shop) -> Done:
    with proxied(shop.database.server.conninfo) as proxy:
        proxy.before = lambda statement: (
            proxy.cut() if 'INSERT INTO "public"' in statement.text else None
        )
        url = proxy.url(shop.database.name, user="app", password=URL_PASSWORD)
        return run(shop, DATABASE_URL=url)


SLOW = "SELECT pg_sleep(60) FROM roles WHERE label = 'x' OR true LIMIT 1"


def deadline(shop: Shop) -> Done:
    second_release(shop)
    shop.write("seeds/update/2_slow.sql", SLOW)
    return run(shop, "run", "--deadline", "2")


def interrupted(shop: Shop) -> Done:
    second_release(shop)
    shop.write("seeds/update/2_slow.sql", SLOW)
    assert isinstance(shop.database.server, OwnServer)
    with Watch(shop.database.server) as watch:
        child = shop.start()
        until(lambda: shop.rows("SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep'"))
        child.send_signal(signal.SIGTERM)
        done = shop.end(child)
    is_silent(shop, done, watch)
    return done


def usage(shop: Shop) -> Done:
    return run(shop, "run", "--no-such-option")


def older_seeder(shop: Shop) -> Done:
    second_release(shop)
    shop.database.execute("UPDATE seeder.meta SET minimum_reader = 99, format = 99")
    return run(shop)


def failing_python(shop: Shop) -> Done:
    shop.write(
        "seeds/core/broken.py",
        """
        from seeder import rows

        @rows(table="roles", key="code", env=["FIRST_PASSWORD"])
        def broken(context):
            yield {"code": "x", "level": int(context.env["FIRST_PASSWORD"])}
        """,
    )
    return run(shop)


def failing_command(shop: Shop) -> Done:
    shop.configure(migrations='command = ["sh", "-c", "echo $DATABASE_URL >&2; env; exit 3"]')
    return run(shop)


FAILURES: dict[str, tuple[int, Callable[[Shop], Done]]] = {
    "usage": (2, usage),
    "invalid catalog": (10, invalid_catalog),
    "checked catalog": (10, checked_catalog),
    "checked rows": (10, checked_rows),
    "failing Python": (10, failing_python),
    "wrong password": (11, wrong_password),
    "missing database": (12, missing_database),
    "old server": (13, old_server),
    "two heads": (14, two_heads),
    "unknown revision": (15, unknown_revision),
    "failing migration": (16, failing_migration),
    "failing migration command": (16, failing_command),
    "invalid index": (17, invalid_index),
    "rejected row": (18, rejected_row),
    "stale plan": (19, stale_plan),
    "pending changes": (20, pending_changes),
    "pending conflicts": (21, pending_conflicts),
    "unreachable": (30, unreachable),
    "held lock": (31, held_lock),
    "held row": (32, held_row),
    "lost connection": (33, lost_connection),
    "deadline": (34, deadline),
    "interrupted": (143, interrupted),
    "older seeder": (0, older_seeder),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_no_failure_shows_a_secret_or_a_value(guarded: Shop, failure: str) -> None:
    code, provoke = FAILURES[failure]
    done = provoke(guarded)
    assert done.exit_code == code, done.stderr


def test_no_exit_code_was_forgotten() -> None:
    page = (DOCS / "reference" / "exit-codes.md").read_text()
    documented = {int(code) for code in re.findall(r"^\| (\d+)", page, re.MULTILINE)}
    assert documented - {1, 130} <= {code for code, _ in FAILURES.values()}
