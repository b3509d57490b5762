"""What the panel asks the database: some SELECTs on the ledger, one INSERT into its requests.

Plain psycopg on a connection that the application hands out; docs/panel.md has the grants
that its role needs. Each page is read in one transaction, of one moment.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import psycopg
from msgspec import Struct
from msgspec.structs import replace
from psycopg import sql
from psycopg.rows import tuple_row

from seeder.errors import (
    AccessDenied,
    ConfigurationInvalid,
    DatabaseUnavailable,
    PlanStale,
    SeederError,
)
from seeder.merge.documents import within
from seeder.merge.found import AppliedRelease, RequestRecord
from seeder.merge.plan import Plan, Referring
from seeder.merge.plan_document import from_document
from seeder.merge.settled import RowRecord, RunRecord, SetRecord, in_parts
from seeder.report.markup import LONGEST

READS = 1
"""The ledger format that this code knows."""

_ACTOR_LENGTH = 200
"""Characters that the ledger takes."""

_PATIENCE = "5s"
"""How long a statement of a page may take."""

Connect = Callable[[], AbstractContextManager[psycopg.Connection[Any]]]
"""`lambda: psycopg.connect(url)`, or the `connection` method of a pool."""


class LedgerMissing(ConfigurationInvalid):
    """No run of the job has been here yet; or it is another database, or another schema."""


class Marker(Struct, frozen=True, kw_only=True):
    """What the ledger says of its database."""

    database: str
    environment: str
    format: int
    revisions: tuple[str, ...]
    version_table: str | None
    """None without Alembic migrations."""
    marked_at: datetime.datetime


class PendingPlan(Struct, frozen=True, kw_only=True):
    """The plan that waits, as the ledger stores it."""

    id: str
    stored_at: datetime.datetime
    run: int | None
    plan: Plan | None
    unreadable: str | None = None
    """Why `plan` is None."""

    @property
    def approvable(self) -> bool:
        """Whether a person can see it, and a run could keep to it."""
        return self.plan is not None and not self.plan.provisional


class OpenConflict(Struct, frozen=True, kw_only=True):
    """A place in a row whose live value was kept against the catalog, and nobody settled it."""

    address: str
    column: str | None
    """As addresses name it behind `#`. None: the row as a whole, which has left the catalog and
    stays."""
    asked: str | None = None
    """Last applied."""
    asked_known: bool = False
    offered: str | None = None
    """What the catalog asks for."""
    live: str | None = None
    """What was live when a run last looked."""
    live_known: bool = False
    holder: str | None = None
    """The row is not there, since this other one holds a unique value that it wants."""
    referring: tuple[Referring, ...] = ()
    """Of a row that has left the catalog: what referred to it when a run last looked."""
    changed: tuple[tuple[str, str | None, str | None], ...] = ()
    """Of such a row: columns that people changed, with what was last applied and what was live."""


class Approval(Struct, frozen=True, kw_only=True):
    """What became of a wish to approve."""

    request: RequestRecord | None
    """The open request; None: the plan that waits is another one by now."""
    pending: PendingPlan | None


class Ledger(Struct, frozen=True, kw_only=True):
    """Where the ledger is."""

    connect: Connect
    schema: str = "seeder"
    project: str | None = None
    """Its identity; None: the one project that the ledger is of."""

    @contextmanager
    def look(self) -> Iterator[Look]:
        """Read the ledger as it is at this moment.

        Raises LedgerMissing, ConfigurationInvalid where the ledger is none for this code,
        AccessDenied and DatabaseUnavailable.
        """
        with self._opened("ISOLATION LEVEL REPEATABLE READ, READ ONLY") as look:
            yield look

    def approve(self, plan_id: str, *, actor: str) -> Approval:
        """Ask for the pending plan to be applied, if it is the one of this id.

        A plan with an open request gets no second one.
        """
        with self._opened("ISOLATION LEVEL READ COMMITTED, READ WRITE") as look:
            # One at a time: a second click finds the request of the first.
            look.rows(
                "SELECT pg_advisory_xact_lock(hashtext('seeder.requests'), hashtext(%s))",
                [self.schema],
            )
            pending = look.pending()
            if pending is None or pending.id != plan_id or not pending.approvable:
                return Approval(request=None, pending=pending)
            if look.open_request(plan_id) is None:
                look.rows(
                    "INSERT INTO {s}.requests (project, plan_id, actor) VALUES ({p}, %s, %s)"
                    " RETURNING id",
                    [plan_id, actor[:_ACTOR_LENGTH]],
                )
            return Approval(request=look.open_request(plan_id), pending=pending)

    @contextmanager
    def _opened(self, characteristics: str) -> Iterator[Look]:
        try:
            with (
                self.connect() as connection,
                connection.transaction(),
                connection.cursor(row_factory=tuple_row) as cursor,
            ):
                look = Look(cursor=cursor, schema=self.schema)
                look.rows(f"SET TRANSACTION {characteristics}")
                look.rows("SELECT set_config('statement_timeout', %s, true)", [_PATIENCE])
                look.require_readable()
                yield look.of(self.project)
        except psycopg.Error as error:
            # Without its cause: driver errors may hold row values and passwords.
            raise _translated(error) from None


class Look(Struct, frozen=True, kw_only=True):
    """An open transaction on the ledger."""

    cursor: psycopg.Cursor[tuple[Any, ...]]
    schema: str
    project: int = 0
    """Its number in the ledger's list."""

    def rows(
        self, text: str, values: Sequence[object] = (), **parts: sql.Composable
    ) -> list[tuple[Any, ...]]:
        """Run a statement in which `{s}` is the ledger's schema, `{p}` the project."""
        statement = sql.SQL(text).format(
            s=sql.Identifier(self.schema), p=sql.Literal(self.project), **parts
        )
        self.cursor.execute(statement, values or None)
        return self.cursor.fetchall() if self.cursor.description else []

    def require_readable(self) -> None:
        """Raise ConfigurationInvalid unless there is a ledger that this code may read."""
        name = sql.Identifier(self.schema, "meta").as_string(self.cursor)
        if self.rows("SELECT pg_catalog.to_regclass(%s)", [name]) == [(None,)]:
            raise LedgerMissing("seeder has not run on this database yet.", code="ledger-unusable")
        ((minimum_reader,),) = self.rows("SELECT minimum_reader FROM {s}.meta")
        if minimum_reader > READS:
            raise ConfigurationInvalid(
                "The ledger of this database belongs to a newer seeder than this panel does.",
                hint="Update the package `seeder` in this application.",
                code="ledger-unusable",
            )

    def of(self, identity: str | None) -> Look:
        """The same on the record of one project; raises ConfigurationInvalid without it."""
        known = self.rows("SELECT id, identity FROM {s}.projects ORDER BY id")
        wanted = [number for number, each in known if identity in (None, each)]
        if len(wanted) > 1 or (known and not wanted):
            names = ", ".join(each or "one without an identity" for _, each in known)
            raise ConfigurationInvalid(
                f"The ledger of this database is of these projects: {names}.",
                hint="Name one of them: panel(..., project=...).",
            )
        return replace(self, project=wanted[0]) if wanted else self

    def marker(self) -> Marker:
        """What the ledger says of its database."""
        (row,) = self.rows(
            "SELECT database_name, environment, format, coalesce(revisions, '{{}}'),"
            " version_table, marked_at"
            " FROM {s}.meta LEFT JOIN {s}.projects p ON p.id = {p}"
        )
        return Marker(
            database=row[0],
            environment=row[1],
            format=row[2],
            revisions=tuple(row[3]),
            version_table=row[4],
            marked_at=row[5],
        )

    def releases(self) -> tuple[AppliedRelease, ...]:
        """Every release that was applied here, newest first."""
        rows = self.rows(
            "SELECT release, applied_at, run FROM {s}.releases WHERE project = {p}"
            " ORDER BY run DESC, release"
        )
        return tuple(AppliedRelease(release=row[0], applied_at=row[1], run=row[2]) for row in rows)

    # -- the plan and what people said to it --------------------------------------------

    def pending(self) -> PendingPlan | None:
        """The update that waits, as the last run left it."""
        rows = self.rows(
            "SELECT plan_id, document, run, created_at FROM {s}.pending_plan WHERE project = {p}"
        )
        if not rows:
            return None
        plan_id, document, run, stored_at = rows[0]
        plan, unreadable = _plan(document)
        return PendingPlan(
            id=plan_id, stored_at=stored_at, run=run, plan=plan, unreadable=unreadable
        )

    def requests(self, *, limit: int, before: int | None = None) -> tuple[RequestRecord, ...]:
        """The last requests, newest first; those older than request `before`."""
        return self._requests(_older_than(before), limit=limit)

    def open_request(self, plan_id: str | None = None) -> RequestRecord | None:
        """The request that no run has settled yet: for this plan, or for any."""
        wanted = sql.SQL("true") if plan_id is None else sql.SQL("plan_id = {}").format(plan_id)
        found = self._requests(sql.SQL("state = 'open' AND {}").format(wanted), limit=1)
        return found[0] if found else None

    def _requests(self, which: sql.Composable, *, limit: int) -> tuple[RequestRecord, ...]:
        rows = self.rows(
            "SELECT id, plan_id, actor, requested_at, state, run, settled_at, role"
            " FROM {s}.requests"
            " WHERE project = {p} AND {which} ORDER BY id DESC LIMIT {limit}",
            which=which,
            limit=sql.Literal(limit),
        )
        return tuple(
            RequestRecord(
                id=row[0],
                plan_id=row[1],
                actor=row[2],
                requested_at=row[3],
                state=row[4],
                run=row[5],
                settled_at=row[6],
                role=row[7],
            )
            for row in rows
        )

    # -- the past -----------------------------------------------------------------------

    def runs(self, *, limit: int, before: int | None = None) -> tuple[RunRecord, ...]:
        """The last runs, newest first; those older than run `before`."""
        return self._runs(_older_than(before), limit=limit)

    def run(self, number: int) -> RunRecord | None:
        """One run."""
        found = self._runs(sql.SQL("id = {}").format(number), limit=1)
        return found[0] if found else None

    def _runs(self, which: sql.Composable, *, limit: int) -> tuple[RunRecord, ...]:
        rows = self.rows(
            "SELECT id, started_at, finished_at, result, exit_code, mode, environment, release,"
            " seeder_version, actor, plan_id, revisions_before, revisions_after, counts, summary"
            " FROM {s}.runs WHERE coalesce(project, {p}) = {p} AND {which}"
            " ORDER BY id DESC LIMIT {limit}",
            which=which,
            limit=sql.Literal(limit),
        )
        return tuple(_run(row) for row in rows)

    def written(self, run: int, *, start: int, limit: int) -> tuple[tuple[RowRecord, ...], int]:
        """Rows that a run wrote other than by inserting them, and how many there are in all."""
        ((total,),) = self.rows("SELECT pg_catalog.count(*) FROM {s}.changes WHERE run = %s", [run])
        rows = self.rows(
            "SELECT set_name, addr, action, reason, {before}, {after}, merged FROM {s}.changes"
            " WHERE run = %s ORDER BY seq OFFSET %s LIMIT %s",
            [run, start, limit],
            before=_cut("before"),
            after=_cut("after"),
        )
        found = tuple(
            RowRecord(
                address=f"{row[0]}/{row[1]}",
                action=row[2],
                reason=row[3],
                before=before,
                after=after,
            )
            for row in rows
            for before, after in [in_parts(*row[4:])]
        )
        return found, int(total)

    # -- conflicts that stand -----------------------------------------------------------

    def conflicts(self, *, limit: int) -> tuple[tuple[OpenConflict, ...], int]:
        """Columns kept against the catalog and not settled, and how many rows they are in.

        Rows that are not there since another one holds their unique value come first.
        """
        held = self.rows(
            "SELECT w.set_name, w.addr, w.holder, pg_catalog.count(*) OVER () FROM {s}.waiting w"
            " JOIN {s}.bases b ON b.id = w.base"
            " WHERE b.project = {p} AND w.why = 'value' ORDER BY 1, 2 LIMIT {limit}",
            limit=sql.Literal(limit),
        )
        found = [
            OpenConflict(address=f"{name}/{addr}", column=None, holder=holder)
            for name, addr, holder, _ in held
        ]
        total = held[0][3] if held else 0
        ((live,),) = self.rows(
            "SELECT coalesce((SELECT live_values FROM {s}.projects WHERE id = {p}), '{{}}')"
        )
        for number, columns in self.rows(
            "SELECT id, columns FROM {s}.bases WHERE project = {p} ORDER BY id"
        ):
            base = sql.Identifier(self.schema, f"base_{number}")
            ((here,),) = self.rows(
                "SELECT pg_catalog.count(*) FROM {base}"
                " WHERE notes ?| ARRAY['offered', 'removal_blocked'] AND state = 'a'",
                base=base,
            )
            if here and len(found) < limit:
                found += self._conflicts(base, columns, live, limit=limit - len(found))
            total += here
        return tuple(found[:limit]), total

    def _conflicts(
        self,
        base: sql.Identifier,
        columns: Sequence[Mapping[str, Any]],
        live: Mapping[str, Mapping[str, Any]],
        *,
        limit: int,
    ) -> Iterator[OpenConflict]:
        asked = sql.SQL(", ").join(
            sql.SQL("{}, b.{}::text").format(
                sql.Literal(each["name"]), sql.Identifier(f"c{each['n']}")
            )
            for each in columns
        )
        rows = self.rows(
            "SELECT coalesce(s.name, ''), b.addr, o.key, o.value,"
            " coalesce(b.notes -> 'unknown'::text ? o.key, false),"
            " pg_catalog.jsonb_object(ARRAY[{asked}]::text[]) ->> o.key,"
            " b.notes -> 'parts'::text -> o.key"
            " FROM {base} b LEFT JOIN {s}.sets s ON s.id = b.seed_set"
            " LEFT JOIN LATERAL pg_catalog.jsonb_each_text(b.notes -> 'offered'::text) o"
            " ON NOT b.notes ? 'removal_blocked'::text"
            " WHERE b.notes ?| ARRAY['offered', 'removal_blocked'] AND b.state = 'a'"
            " ORDER BY s.name, b.addr, o.key LIMIT %s",
            [limit],
            base=base,
            asked=asked,
        )
        for set_name, addr, column, offered, unknown, was, parts in rows:
            address = f"{set_name}/{addr}"
            known = live.get(address, {})
            seen = known.get("columns", {})
            for part, (before, now) in (parts or {"": (was, offered)}).items():
                place = None if column is None else within(column, part)
                yield OpenConflict(
                    address=address,
                    column=place,
                    live=seen.get(place or ""),
                    live_known=place in seen,
                    asked=None if unknown else before,
                    asked_known=not unknown,
                    offered=now,
                    referring=tuple(
                        Referring(table=table, rows=rows)
                        for table, rows in known.get("referring", ())
                    ),
                    changed=tuple(
                        (name, asked, seen.get(name))
                        for name, asked in known.get("asked", {}).items()
                    ),
                )


def _cut(column: str) -> sql.Composed:
    """An image whose values are no longer than a page shows."""
    return sql.SQL(
        "(SELECT pg_catalog.jsonb_object_agg(key, pg_catalog.left(value, {}))"
        " FROM pg_catalog.jsonb_each_text({}))"
    ).format(sql.Literal(LONGEST + 1), sql.Identifier(column))


def _older_than(before: int | None) -> sql.Composable:
    return sql.SQL("true") if before is None else sql.SQL("id < {}").format(before)


def _plan(document: object) -> tuple[Plan | None, str | None]:
    try:
        return from_document(document), None
    except (ConfigurationInvalid, PlanStale) as error:
        return None, error.message


def _run(row: tuple[Any, ...]) -> RunRecord:
    counts, summary = row[13] or {}, row[14] or {}
    return RunRecord(
        id=row[0],
        started_at=row[1],
        finished_at=row[2],
        result=row[3],
        exit_code=row[4],
        mode=row[5],
        environment=row[6],
        release=row[7],
        seeder_version=row[8],
        actor=row[9],
        plan_id=row[10],
        revisions_before=tuple(row[11] or ()),
        revisions_after=tuple(row[12] or ()),
        counts={name: number for name, number in counts.items() if isinstance(number, int)},
        sets=tuple(_set(each) for each in summary.get("sets") or ()),
        tasks=tuple(summary.get("tasks") or ()),
        migrations=tuple(summary.get("migrations") or ()),
        warnings=tuple(summary.get("warnings") or ()),
    )


def _set(each: Mapping[str, Any]) -> SetRecord:
    counts = {name: number for name, number in each.items() if isinstance(number, int)}
    return SetRecord(name=each["name"], decision=each.get("decision", ""), counts=counts)


def _translated(error: psycopg.Error) -> SeederError:
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return AccessDenied(
            "The panel's database role may not read the ledger, or not add requests to it.",
            hint="docs/panel.md has the grants that it needs.",
        )
    if isinstance(error, psycopg.errors.UndefinedTable | psycopg.errors.UndefinedColumn):
        return ConfigurationInvalid(
            "The ledger does not look as this panel knows it.",
            hint="Update the package `seeder` in this application.",
            code="ledger-unusable",
        )
    return DatabaseUnavailable(
        "The database takes too long to answer."
        if isinstance(error, psycopg.errors.QueryCanceled)
        else "The database does not answer as it should.",
        hint="Try again in a moment.",
        # For the application's log; what the driver says may hold row values and passwords.
        driver=type(error).__name__,
        sqlstate=error.sqlstate,
    )
