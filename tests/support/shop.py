"""A small shop: a project with migrations and seeds, a database, and `seeder` run on both.

`shop` is the whole of it. `shop.run()` runs the command in this process, through
`seeder.cli.main`; `shop.start()` in one of its own, for tests that send it signals.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from seeder import cli
from tests.support.postgres import Database
from tests.support.revisions import Scripts

ROLES = "CREATE TABLE roles (id serial PRIMARY KEY, code text NOT NULL UNIQUE, level int NOT NULL)"
MEMBERS = (
    "CREATE TABLE members (id serial PRIMARY KEY, email text NOT NULL UNIQUE, password text,"
    " role_id int NOT NULL REFERENCES roles)"
)
ROLES_SEED = """
    table: roles
    key: code
    rows:
      - {code: owner, level: 3}
      - {code: editor, level: 2}
      - {code: viewer, level: 1}
"""
MEMBERS_SEED = """
    table: members
    key: email
    columns:
      role_id: {ref: roles}
    rows:
      - {email: root@example.test, role_id: owner}
"""


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events on stderr, which must hold nothing else."""
        return [json.loads(line) for line in self.stderr.splitlines()]

    @property
    def names(self) -> list[str]:
        """Names of the events, in order."""
        return [event["event"] for event in self.events]

    def named(self, event: str) -> list[dict[str, Any]]:
        """The events of one name."""
        return [each for each in self.events if each["event"] == event]

    @property
    def failed(self) -> dict[str, Any]:
        """The one event that says what went wrong."""
        (event,) = [each for each in self.events if each["event"].endswith(".failed")]
        return event

    @property
    def finished(self) -> dict[str, Any]:
        """`run.finished`: there is one, and nothing after it."""
        assert self.names.count("run.finished") == 1, self.stderr
        assert self.names[-1] == "run.finished"
        return self.events[-1]


@dataclass
class Shop:
    """A project directory, its database, and the environment of the command."""

    directory: Path
    database: Database
    scripts: Scripts
    environ: dict[str, str] = field(default_factory=dict)
    children: list[subprocess.Popen[str]] = field(default_factory=list)

    # -- the project --------------------------------------------------------------------

    def configure(self, *, release: str | None = None, migrations: str | None = None) -> None:
        """Write seeder.toml."""
        head = 'identity = "shop"\n'
        head += "" if release is None else f'release = "{release}"\n'
        how = 'alembic = "migrations"' if migrations is None else migrations
        self.write("seeder.toml", f"{head}[migrations]\n{how}\n")

    def write(self, name: str, text: str | bytes) -> Path:
        """Write a file of the project."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(text, bytes):
            path.write_bytes(text)
        else:
            path.write_text(textwrap.dedent(text).lstrip("\n"))
        return path

    def seed(self, name: str, text: str) -> Path:
        """Write a seed set below seeds/core."""
        return self.write(f"seeds/core/{name}.yaml", text)

    # -- the command --------------------------------------------------------------------

    def variables(self, **environ: str) -> dict[str, str]:
        """The environment of a run; an empty value counts as unset."""
        own = {
            "DATABASE_URL": self.database.url,
            "SEEDER_PROJECT": str(self.directory),
            "SEEDER_WAIT_TIMEOUT": "5",
            "SEEDER_LOG_FORMAT": "json",
            "PATH": os.environ["PATH"],
        }
        return own | self.environ | environ

    def run(self, *arguments: str, **environ: str) -> Done:
        """Run `seeder run`."""
        return self.command("run", *arguments, **environ)

    def command(self, *arguments: str, **environ: str) -> Done:
        """Run a command in this process."""
        # Other images' modules of the same name are other files.
        stdout, stderr = io.StringIO(), io.StringIO()
        with redirect_stdout(stdout), redirect_stderr(stderr):
            code = cli.main(
                list(arguments),
                self.variables(**environ),
                termination_log=self.directory.parent / "termination-log",
            )
        return Done(code, stdout.getvalue(), stderr.getvalue())

    def start(self, *arguments: str, **environ: str) -> subprocess.Popen[str]:
        """Start a command, `run` if none is given, in a process of its own."""
        child = subprocess.Popen(
            [sys.executable, "-m", "seeder", *(arguments or ("run",))],
            env=self.variables(**environ),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.children.append(child)
        return child

    @staticmethod
    def end(child: subprocess.Popen[str]) -> Done:
        """Wait for the end of a command that was started."""
        stdout, stderr = child.communicate(timeout=120)
        return Done(child.returncode, stdout, stderr)

    # -- looking ------------------------------------------------------------------------

    def rows(self, query: str, *params: object) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        return self.database.fetch(query, *params)

    def value(self, query: str, *params: object) -> Any:
        """The one value of a query."""
        ((value,),) = self.rows(query, *params)
        return value

    def runs(self) -> list[tuple[str, int]]:
        """Result and exit code of every recorded run, oldest first."""
        return [
            (result, code)
            for result, code in self.rows("SELECT result, exit_code FROM seeder.runs ORDER BY id")
        ]

    def snapshot(self, *, ledger: bool = True, sequences: bool = True) -> dict[str, Any]:
        """Schema and row versions of the whole database.

        Of the ledger everything but the list of runs and the revision graph, which a failure adds
        to, and its own numbering; without `ledger` nothing of it. Without `sequences` their
        positions are left out: what was drawn does not come back with a rollback.
        """
        with psycopg.connect(self.database.url, autocommit=True) as connection:
            return {
                name: found
                for name, found in _snapshot(connection, sequences=sequences).items()
                if name not in ("seeder.runs", "seeder.revisions")
                and not (name.startswith("seeder.") and found[0] == "S")
                and (ledger or not name.startswith("seeder."))
            }


_RELATIONS = """
    SELECT n.nspname, c.relname, c.relkind::text,
        ARRAY(SELECT concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod),
                  a.attnotnull, pg_get_expr(d.adbin, d.adrelid))
              FROM pg_attribute a LEFT JOIN pg_attrdef d ON (adrelid, adnum) = (attrelid, attnum)
              WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum),
        ARRAY(SELECT pg_get_constraintdef(k.oid) FROM pg_constraint k
              WHERE k.conrelid = c.oid ORDER BY k.conname),
        ARRAY(SELECT pg_get_indexdef(i.indexrelid) FROM pg_index i
              WHERE i.indrelid = c.oid ORDER BY 1),
        ARRAY(SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t
              WHERE t.tgrelid = c.oid AND NOT t.tgisinternal ORDER BY 1)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
    ORDER BY 1, 2
"""


def _snapshot(connection: psycopg.Connection[Any], *, sequences: bool) -> dict[str, Any]:
    found: dict[str, Any] = {
        "schemas": connection.execute(
            "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' ORDER BY 1"
        ).fetchall(),
        "functions": connection.execute(
            "SELECT oid::regprocedure::text, prosrc FROM pg_proc"
            " WHERE pronamespace::regnamespace::text !~ '^(pg_|information_schema)' ORDER BY 1"
        ).fetchall(),
    }
    for schema, name, kind, *definition in connection.execute(_RELATIONS).fetchall():
        rows: list[Any] = []
        if kind == "r" or (kind == "S" and sequences):
            what = "last_value, is_called" if kind == "S" else "xmin::text, ctid::text, t::text"
            rows = connection.execute(
                sql.SQL("SELECT {} FROM {} t ORDER BY 1, 2").format(
                    sql.SQL(what), sql.Identifier(schema, name)
                )
            ).fetchall()
        found[f"{schema}.{name}"] = (kind, definition, rows)
    return found


@pytest.fixture
def empty_shop(tmp_path: Path, database: Database) -> Iterator[Shop]:
    """A project with nothing in it but a seeder.toml, and an empty database."""
    directory = tmp_path / "db"
    directory.mkdir()
    made = Shop(directory=directory, database=database, scripts=Scripts(directory))
    made.configure()
    yield made
    for child in made.children:
        if child.poll() is None:
            child.kill()
            child.communicate()


@pytest.fixture
def shop(empty_shop: Shop) -> Shop:
    """Two migrations (roles; members) and two sets, four rows in all; nothing was run yet."""
    empty_shop.scripts.add("0001", ROLES)
    empty_shop.scripts.add("0002", MEMBERS)
    empty_shop.seed("roles", ROLES_SEED)
    empty_shop.seed("members", MEMBERS_SEED)
    return empty_shop
