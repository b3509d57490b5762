"""The ledger: what this database knows about its own seeding.

Lives in a schema of its own in the target database, created and upgraded by the job. Its
format has a number, and a minimum reader: the oldest format number whose code may still
seed here. Older code than that leaves everything as it is. What such code reads is there in
every format: the table `meta`, with `format`, `minimum_reader` and `environment`.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct, convert
from msgspec.structs import asdict
from psycopg import sql
from psycopg.types.json import Jsonb

from seeder.database.connection.answers import Session, answer, records
from seeder.database.connection.connect import Connection
from seeder.database.connection.marked_sql import Named
from seeder.database.ledger.tables.ledger_tables import TABLES
from seeder.database.ledger.tables.states import STATES
from seeder.database.migrations.lineage import KnownRevision

if TYPE_CHECKING:
    # A run without conflicts returns none.
    from seeder.merge.found import OpenConflict

FORMAT = 1
MINIMUM_READER = 1


class Meta(Struct, frozen=True, kw_only=True):
    """What the ledger says of the database, and of one project in it."""

    format: int
    minimum_reader: int
    environment: str
    """These three are there in every format; the rest only where it is `readable`."""
    database_name: str = ""
    marked_at: datetime.datetime | None = None
    first_run: int | None = None
    completed_run: int | None = None
    revisions: tuple[str, ...] = ()
    tables_before: frozenset[str] | None = None

    @property
    def readable(self) -> bool:
        """Whether this code may seed on this ledger."""
        return self.minimum_reader <= FORMAT


class AppliedTask(Struct, frozen=True, kw_only=True):
    """A task that this database has behind it."""

    name: str
    digest: str
    state: str


class Request(Struct, frozen=True, kw_only=True):
    """Somebody's approval of a plan."""

    id: int
    plan_id: str
    actor: str


class Ledger(Struct, frozen=True, kw_only=True):
    """The ledger in one schema; every method runs in the caller's transaction."""

    schema: str = "seeder"
    project: int = 0
    """Whose record it is, by its number in the ledger's list; 0: of none, and empty."""

    def sql(self, text: str, **parts: sql.Composable) -> sql.Composed:
        """Compose a statement in which `{s}` is the ledger's schema, `{p}` the project.

        It has names for the states of entries as well: `{active}`, `{owning}`, ...
        """
        own = {"s": sql.Identifier(self.schema), "p": sql.Literal(self.project)}
        return sql.SQL(text).format(**{**STATES, **own, **parts})

    def exists(self, connection: Session) -> bool:
        """Whether this database has a ledger."""
        name = sql.Identifier(self.schema, "meta").as_string()
        return bool(answer(connection, "SELECT pg_catalog.to_regclass(%s) IS NOT NULL", [name]))

    def create(self, connection: Connection, *, environment: str) -> None:
        """Create the ledger and mark the database with its environment."""
        # IF NOT EXISTS would ask for the right to create schemas, even where this one exists.
        absent = "SELECT pg_catalog.to_regnamespace(%s) IS NULL"
        if answer(connection, absent, [f'"{self.schema}"']):
            connection.execute(self.sql("CREATE SCHEMA {s}"))
        connection.execute(self.sql(TABLES))
        connection.execute(
            self.sql(
                "INSERT INTO {s}.meta (format, minimum_reader, environment, system_identifier,"
                " database_name, database_oid)"
                " SELECT %s, %s, %s, %s, pg_catalog.current_database(), oid"
                " FROM pg_database WHERE datname = pg_catalog.current_database()"
            ),
            [FORMAT, MINIMUM_READER, environment, system_identifier(connection)],
        )

    def meta(self, connection: Session) -> Meta | None:
        """The meta row, or None where there is no ledger yet.

        Of a ledger that this code may not read, only what every format has.
        """
        return self.read(connection) if self.exists(connection) else None

    def read(self, connection: Session) -> Meta | None:
        """The same of a ledger that is there."""
        found = connection.execute(
            self.sql("SELECT format, minimum_reader, environment FROM {s}.meta")
        )
        (meta,) = records(found, Meta) or (None,)
        if meta is None or not meta.readable:
            return meta
        found = connection.execute(
            self.sql(
                "SELECT format, minimum_reader, environment, database_name, marked_at, first_run,"
                " completed_run, coalesce(revisions, '{{}}') AS revisions, tables_before"
                " FROM {s}.meta LEFT JOIN {s}.projects p ON p.id = {p}"
            )
        )
        return records(found, Meta)[0]

    def open_run(
        self,
        connection: Connection,
        *,
        version: str,
        mode: str,
        environment: str,
        release: str | None = None,
        actor: str | None = None,
    ) -> int:
        """Record that a run has started; returns its number.

        The caller holds the lock, so a run that still counts as running was killed.
        """
        connection.execute(
            self.sql(
                "UPDATE {s}.runs SET result = 'lost', finished_at = pg_catalog.clock_timestamp()"
                " WHERE result = 'running'"
            )
        )
        self.advance_numbers(connection)
        number = answer(
            connection,
            self.sql(
                "INSERT INTO {s}.runs (project, seeder_version, mode, environment, release,"
                " actor) VALUES (nullif({p}, 0), %s, %s, %s, %s, %s) RETURNING id"
            ),
            [version, mode, environment, release, actor],
        )
        return int(number)

    def advance_numbers(self, connection: Connection) -> None:
        """Bring the ledger's sequences past the numbers that are there.

        Logical replication copies rows and leaves sequences where they were.
        """
        tops = sql.SQL(" UNION ALL ").join(
            self.sql(
                "SELECT pg_catalog.pg_get_serial_sequence({name}, 'id')::regclass AS number,"
                " pg_catalog.max(id)::bigint AS top FROM {table}",
                name=Named(sql.Identifier(self.schema, each).as_string(None)),
                table=sql.Identifier(self.schema, each),
            )
            for each in ("runs", "bases", "sets", "requests")
        )
        connection.execute(
            self.sql(
                "SELECT pg_catalog.setval(number, top) FROM ({tops}) q WHERE top >"
                " coalesce(pg_catalog.pg_sequence_last_value(number::oid), 0::bigint)",
                tops=tops,
            )
        )

    def close_run(
        self,
        connection: Connection,
        run: int,
        *,
        result: str,
        exit_code: int,
        mode: str | None = None,
        counts: Mapping[str, int] | None = None,
        summary: Mapping[str, object] | None = None,
        revisions: tuple[Sequence[str], Sequence[str]] | None = None,
    ) -> None:
        """Record how a run ended."""
        before, after = revisions or (None, None)
        connection.execute(
            self.sql(
                "UPDATE {s}.runs SET finished_at = pg_catalog.clock_timestamp(), result = %s,"
                " exit_code = %s,"
                " mode = coalesce(%s, mode), counts = %s, summary = %s,"
                " revisions_before = coalesce(%s, revisions_before),"
                " revisions_after = coalesce(%s, revisions_after) WHERE id = %s"
            ),
            [
                result,
                exit_code,
                mode,
                Jsonb(dict(counts or {})),
                Jsonb(dict(summary or {})),
                None if before is None else list(before),
                None if after is None else list(after),
                run,
            ],
        )

    def complete(
        self,
        connection: Connection,
        run: int,
        *,
        fingerprint: str,
        env_names: Sequence[str],
        env_digest: str,
        version_table: str | None,
        revisions: Sequence[str],
        left: Mapping[str, int],
        in_conflict: Sequence[OpenConflict] = (),
    ) -> None:
        """Record what a completed run ran on and left, so that an equal one need not run."""
        connection.execute(
            self.sql(
                "UPDATE {s}.projects SET completed_run = %(run)s,"
                " first_run = coalesce(first_run, %(run)s), fingerprint = %(fingerprint)s,"
                " env_names = %(env_names)s, env_digest = %(env_digest)s,"
                " version_table = %(version_table)s, revisions = %(revisions)s,"
                " left_open = %(left)s, live_values = %(values)s, tables_before = NULL,"
                " search_path = pg_catalog.current_schemas(false)"
                " WHERE id = {p}"
            ),
            {
                "run": run,
                "fingerprint": fingerprint,
                "env_names": list(env_names),
                "env_digest": env_digest,
                "version_table": version_table,
                "revisions": list(revisions),
                "left": Jsonb(dict(left)),
                "values": Jsonb(
                    {
                        each.address: {
                            "columns": {
                                one.name: one.live for one in each.values if not one.secret
                            },
                            "asked": {
                                one.name: one.asked
                                for one in each.values
                                if each.left_catalog and not one.secret
                            },
                            "referring": [[one.table, one.rows] for one in each.referring],
                        }
                        for each in in_conflict
                    }
                ),
            },
        )

    def remember_tables(self, connection: Connection) -> frozenset[str] | None:
        """Note which tables stand before the migrations of a release; returns what is noted now.

        Kept until a run completes: a table that a failed run's migrations created and filled is
        still this release's own when the job is started again. None: it was noted before.
        """
        noted = answer(
            connection,
            self.sql(
                "UPDATE {s}.projects SET tables_before ="
                " ARRAY(SELECT pg_catalog.concat(n.nspname, '.',"
                " c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
                " WHERE c.relkind IN ('r', 'p') AND n.nspname <> 'information_schema'"
                " AND n.nspname !~ '^pg_'::text AND n.nspname <> %s)"
                " WHERE id = {p} AND tables_before IS NULL RETURNING tables_before"
            ),
            [self.schema],
        )
        return None if noted is None else frozenset(noted)

    def tasks(self, connection: Connection) -> dict[str, AppliedTask]:
        """The tasks that this database has behind it, by name."""
        found = connection.execute(
            self.sql("SELECT name, digest, state FROM {s}.tasks WHERE project = {p}")
        )
        return {each.name: each for each in records(found, AppliedTask)}

    def open_requests(self, connection: Connection) -> tuple[Request, ...]:
        """Approvals that no run has settled yet, oldest first."""
        found = connection.execute(
            self.sql(
                "SELECT id, plan_id, actor FROM {s}.requests"
                " WHERE project = {p} AND state = 'open' ORDER BY id"
            )
        )
        return records(found, Request)

    def revisions(self, connection: Connection) -> dict[str, KnownRevision]:
        """The migration graph that all images so far told this database about."""
        rows = connection.execute(
            self.sql(
                "SELECT revision, pg_catalog.to_jsonb(r) FROM {s}.revisions r WHERE project = {p}"
            )
        ).fetchall()
        return {name: convert(facts, KnownRevision) for name, facts in rows}

    def record_revisions(
        self,
        connection: Connection,
        known: Mapping[str, KnownRevision],
        *,
        run: int,
    ) -> None:
        """Add to what the database knows of revisions, or put it right."""
        if not known:
            return
        connection.execute(
            self.sql(
                "INSERT INTO {s}.revisions (project, revision, down, file, digest, texts, run)"
                " SELECT {p}, r.revision, r.down, r.file, r.digest, r.texts, %s"
                " FROM pg_catalog.jsonb_to_recordset(%s) AS r (revision text, down text[], file"
                " text,"
                " digest text, texts jsonb)"
                " ON CONFLICT (project, revision) DO UPDATE SET (down, file, digest, texts, run)"
                " = (excluded.down, excluded.file, excluded.digest, excluded.texts, excluded.run)"
            ),
            [run, Jsonb([{"revision": name, **asdict(each)} for name, each in known.items()])],
        )

    def store_plan(
        self,
        connection: Connection,
        plan_id: str | None,
        document: Mapping[str, object],
        *,
        run: int,
    ) -> None:
        """Keep the pending plan for the panel; None: nothing is pending."""
        connection.execute(self.sql("DELETE FROM {s}.pending_plan WHERE project = {p}"))
        if plan_id is not None:
            connection.execute(
                self.sql(
                    "INSERT INTO {s}.pending_plan (project, plan_id, document, run)"
                    " VALUES ({p}, %s, %s, %s)"
                ),
                [plan_id, Jsonb(dict(document)), run],
            )


def older_than(number: int | None) -> sql.Composable:
    """One more condition on a row of a list that is read backwards; None: all of it."""
    return sql.SQL("") if number is None else sql.SQL(" AND id < {}").format(number)


def system_identifier(connection: Connection) -> str | None:
    """The cluster's system identifier, where this role may read it."""
    allowed = answer(
        connection,
        "SELECT pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')",
    )
    if not allowed:
        return None
    statement = "SELECT system_identifier::text FROM pg_catalog.pg_control_system()"
    return str(answer(connection, statement))
