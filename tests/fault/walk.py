"""A small project before an update that does everything, and what a database says of it.

The update has a migration, a changed row, an added one, one that is removed, references
between three sets, a row that a person changed, one that a person deleted, and a task.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

from tests.support.jobs import Job, start_job
from tests.support.proxy import Proxy, Statement
from tests.support.shop import Done, Shop

TABLES = (
    "CREATE TABLE roles (id serial PRIMARY KEY, code text NOT NULL UNIQUE, level int NOT NULL)",
    "CREATE TABLE permissions (id serial PRIMARY KEY, code text NOT NULL UNIQUE, label text)",
    "CREATE TABLE grants (role_id int REFERENCES roles, permission_id int REFERENCES permissions,"
    " PRIMARY KEY (role_id, permission_id))",
    "CREATE TABLE journal (entry text)",
)
OLD = {
    "roles": """
        table: roles
        key: code
        removed: delete
        rows:
          - {code: owner, level: 3}
          - {code: editor, level: 2}
          - {code: guest, level: 0}
          - {code: viewer, level: 1}
    """,
    "permissions": """
        table: permissions
        key: code
        rows:
          - {code: order.view, label: See orders}
          - {code: order.edit, label: Change orders}
          - {code: user.view, label: See users}
    """,
    "grants": """
        table: grants
        key: [role_id, permission_id]
        removed: delete
        columns:
          role_id: {ref: roles}
          permission_id: {ref: permissions, expand: true}
        rows:
          - {role_id: owner, permission_id: "*"}
          - {role_id: viewer, permission_id: "*.view"}
    """,
}
NEW = {
    "roles": """
        table: roles
        key: code
        removed: delete
        rows:
          - {code: owner, level: 4}
          - {code: editor, level: 5, note: writes}
          - {code: viewer, level: 1}
          - {code: auditor, level: 1}
    """,
    "permissions": """
        table: permissions
        key: code
        rows:
          - {code: order.view, label: See all orders}
          - {code: order.edit, label: Change orders}
          - {code: user.view, label: See users}
          - {code: stock.view, label: See stock}
    """,
    "grants": OLD["grants"].rstrip()
    + "\n          - {role_id: auditor, permission_id: stock.view}\n",
}
PEOPLE = (
    "UPDATE roles SET level = 9 WHERE code = 'editor';"
    "DELETE FROM grants WHERE (role_id, permission_id) ="
    " (SELECT r.id, p.id FROM roles r, permissions p WHERE r.code = 'viewer'"
    " AND p.code = 'user.view')"
)
MIGRATION = ("0002", "ALTER TABLE roles ADD note text")
TASK = "INSERT INTO journal VALUES ('task')"


def write_old(shop: Shop) -> None:
    """Write release 1 of the project."""
    shop.scripts.add("0001", *TABLES)
    shop.configure(release="1")
    for name, text in OLD.items():
        shop.seed(name, text)


def write_new(shop: Shop) -> None:
    """Write release 2 over it."""
    shop.scripts.add(*MIGRATION)
    shop.configure(release="2")
    for name, text in NEW.items():
        shop.seed(name, text)
    shop.write("seeds/update/2_note.sql", TASK)


@dataclass(frozen=True)
class State:
    """A database as far as it must not depend on how often a job was disturbed.

    Without row numbers and run numbers: what a rollback has drawn does not come back.
    """

    schema: tuple[Any, ...]
    """Revision, and the columns of the project's tables."""
    rows: tuple[Any, ...]
    ledger: tuple[Any, ...]

    @property
    def seeded(self) -> tuple[Any, ...]:
        """What one transaction writes: rows and what the ledger says of them."""
        return self.rows, self.ledger


_ROWS = {
    "roles": "SELECT jsonb_strip_nulls(to_jsonb(t) - 'id')::text FROM roles t ORDER BY 1",
    "permissions": "SELECT (to_jsonb(t) - 'id')::text FROM permissions t ORDER BY 1",
    "grants": "SELECT r.code, p.code FROM grants g JOIN roles r ON r.id = g.role_id"
    " JOIN permissions p ON p.id = g.permission_id ORDER BY 1, 2",
    "journal": "SELECT entry FROM journal ORDER BY 1",
}
_LEDGER = (
    "SELECT release FROM seeder.releases ORDER BY 1",
    "SELECT name, release, digest, state FROM seeder.tasks ORDER BY 1",
    "SELECT name, scope, digest FROM seeder.sets ORDER BY 1",
    "SELECT set_name, addr, action, reason FROM seeder.changes ORDER BY 1, 2, 3, 4",
    "SELECT revision, down FROM seeder.revisions ORDER BY 1",
    "SELECT environment, fingerprint, env_names, env_digest, version_table, revisions,"
    " first_run IS NULL, tables_before FROM seeder.projects CROSS JOIN seeder.meta",
    "SELECT plan_id FROM seeder.pending_plan",
)


def state_of(url: str) -> State:
    """Read a database's state, and hold ledger and rows against each other."""
    with psycopg.connect(url, autocommit=True) as connection:
        schema = connection.execute(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = 'public' ORDER BY 1, ordinal_position"
        ).fetchall()
        tables = {name for name, _ in schema}
        if "alembic_version" in tables:
            schema += connection.execute("SELECT 'version', version_num FROM alembic_version")
        rows = tuple(
            (name, *found)
            for name, query in _ROWS.items()
            if name in tables and (found := connection.execute(query).fetchall())
        )
        ledger: tuple[Any, ...] = ()
        if connection.execute("SELECT to_regclass('seeder.meta')").fetchone() != (None,):
            ledger = tuple(repr(connection.execute(query).fetchall()) for query in _LEDGER)
            ledger += tuple(_entries(connection))
    return State(tuple(schema), rows, ledger)


def _entries(connection: psycopg.Connection[Any]) -> Iterator[tuple[Any, ...]]:
    """The entries of every base, without row numbers; each must know its live row."""
    bases = connection.execute(
        "SELECT id, table_name, primary_key, columns FROM seeder.bases ORDER BY table_name"
    ).fetchall()
    for number, table, primary_key, columns in bases:
        numbers = [f"p{n}" for n in range(1, len(primary_key) + 1)]
        references = [f"c{each['n']}" for each in columns if each["reference"]]
        base, live = sql.Identifier("seeder", f"base_{number}"), sql.Identifier(table)
        found = connection.execute(
            sql.SQL(
                "SELECT addr, jsonb_strip_nulls(to_jsonb(b) - %s::text[])::text FROM {} b"
                " ORDER BY 1, 2"
            ).format(base),
            [["inserted_by", "run", "seed_set", *numbers, *references]],
        ).fetchall()
        yield table, tuple(found)
        twins = connection.execute(
            sql.SQL("SELECT addr FROM {} GROUP BY scope, addr HAVING count(*) > 1").format(base)
        ).fetchall()
        assert not twins, (table, twins)
        unknown = sql.SQL(
            "SELECT count(*) FROM {live} t WHERE NOT EXISTS (SELECT FROM {base} b WHERE {same})"
        ).format(
            live=live,
            base=base,
            same=sql.SQL(" AND ").join(
                sql.SQL("b.{} = t.{}").format(sql.Identifier(p), sql.Identifier(c))
                for p, c in zip(numbers, primary_key, strict=True)
            ),
        )
        assert connection.execute(unknown).fetchone() == (0,), f"{table} has rows without entry"


@dataclass
class Walk:
    """Runs of one update, each on a database of its own, disturbed at some statement."""

    shop: Shop
    proxy: Proxy
    template: str | None
    """The database as it is before; None: empty."""
    job: Job | None = None
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @contextmanager
    def database(self) -> Iterator[str]:
        """A database as it is before the update."""
        server = self.shop.database.server
        name = f"{self.shop.database.name}_{next(self._numbers)}"
        with server.connect() as admin:
            admin.execute(f"CREATE DATABASE {name} TEMPLATE {self.template or 'template0'}")
            try:
                if self.template:
                    server.execute(
                        "UPDATE seeder.meta SET (database_name, database_oid) = (SELECT datname,"
                        " oid FROM pg_database WHERE datname = current_database())",
                        database=name,
                    )
                yield name
            finally:
                admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def start(self, name: str) -> Job:
        """Start the job on a database, through the proxy."""
        self.proxy.statements.clear()
        url = self.proxy.url(name)
        self.job = start_job(
            ["run"], self.shop.variables(DATABASE_URL=url, SEEDER_LOCK_TIMEOUT="10")
        )
        return self.job

    def run(self, name: str) -> Done:
        """Run the job undisturbed."""
        self.proxy.before = lambda statement: None
        return self.start(name).end()

    def disturb(self, name: str, at: int, fault: Callable[[Job, Statement], None]) -> Done:
        """Run the job with a fault before its statement number `at`."""

        def before(statement: Statement) -> None:
            if statement.number == at:
                assert self.job is not None
                fault(self.job, statement)

        self.proxy.before = before
        done = self.start(name).end()
        self.proxy.before = lambda statement: None
        return done
