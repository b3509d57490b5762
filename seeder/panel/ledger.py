"""What the panel asks the database: some SELECTs on the ledger, one INSERT into its requests.

Plain psycopg on a connection that the application hands out; docs/panel.md has the grants
that its role needs. Each page is read in one transaction, of one moment.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, NamedTuple

import psycopg
from msgspec import Struct
from msgspec.structs import replace
from psycopg import sql
from psycopg.rows import tuple_row

from seeder.database.ledger.runs import requests
from seeder.database.ledger.runs.conflicts import OPEN, VALUE, WAITING
from seeder.database.ledger.tables import ledger as tables
from seeder.errors import (
    AccessDenied,
    ConfigurationInvalid,
    DatabaseUnavailable,
    PlanStale,
    SeederError,
)
from seeder.merge.documents import within
from seeder.merge.found import RequestRecord
from seeder.merge.plan import Plan, Referring
from seeder.merge.plan_document import from_document

_ACTOR_LENGTH = 200
"""Characters that the ledger takes."""

_PATIENCE = "5s"
"""How long a statement of a page may take."""

Connect = Callable[[], AbstractContextManager[psycopg.Connection[Any]]]
"""`lambda: psycopg.connect(url)`, or the `connection` method of a pool."""


class LedgerMissing(ConfigurationInvalid):
    """No run of the job has been here yet; or it is another database, or another schema."""


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

    def look(self) -> AbstractContextManager[Look]:
        """Read the ledger as it is at this moment.

        Raises LedgerMissing, ConfigurationInvalid where the ledger is none for this code,
        AccessDenied and DatabaseUnavailable.
        """
        return self._opened("ISOLATION LEVEL REPEATABLE READ, READ ONLY")

    def approve(self, plan_id: str, *, actor: str) -> Approval:
        """Ask for the pending plan to be applied, if it is the one of this id.

        A plan with an open request gets no second one.
        """
        with self._opened("ISOLATION LEVEL READ COMMITTED, READ WRITE") as look:
            # One at a time: a second click finds the request of the first.
            look.cursor.execute(
                "SELECT pg_advisory_xact_lock(hashtext('seeder.requests'), hashtext(%s))",
                [self.schema],
            )
            pending = look.pending()
            if pending is None or pending.id != plan_id or not pending.approvable:
                return Approval(request=None, pending=pending)
            if requests.open_request(*look, plan_id) is None:
                requests.approve(*look, plan_id, actor=actor[:_ACTOR_LENGTH])
            return Approval(request=requests.open_request(*look, plan_id), pending=pending)

    @contextmanager
    def _opened(self, characteristics: str) -> Iterator[Look]:
        try:
            with (
                self.connect() as connection,
                connection.transaction(),
                connection.cursor(row_factory=tuple_row) as cursor,
            ):
                cursor.execute(f"SET TRANSACTION {characteristics}")
                cursor.execute("SELECT set_config('statement_timeout', %s, true)", [_PATIENCE])
                ledger = tables.Ledger(schema=self.schema)
                _require_readable(ledger.meta(cursor))
                yield Look(cursor, ledger).of(self.project)
        except psycopg.Error as error:
            # Without its cause: driver errors may hold row values and passwords.
            raise _translated(error) from None


class Look(NamedTuple):
    """An open transaction on the ledger: what every function that reads it begins with."""

    cursor: psycopg.Cursor[tuple[Any, ...]]
    ledger: tables.Ledger

    def rows(
        self, text: str, values: Sequence[object] = (), **parts: sql.Composable
    ) -> list[tuple[Any, ...]]:
        """The rows of a statement in which `{s}` is the ledger's schema, `{p}` the project."""
        return self.cursor.execute(self.ledger.sql(text, **parts), values or None).fetchall()

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
        return Look(self.cursor, replace(self.ledger, project=wanted[0])) if wanted else self

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

    def conflicts(self, *, limit: int) -> tuple[tuple[OpenConflict, ...], int]:
        """Columns kept against the catalog and not settled, and how many rows they are in.

        Rows that are not there since another one holds their unique value come first.
        """
        held = self.rows(
            f"SELECT w.set_name, w.addr, w.holder, pg_catalog.count(*) OVER () {WAITING}"
            " ORDER BY 1, 2 LIMIT {limit}",
            why=VALUE,
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
            base = sql.Identifier(self.ledger.schema, f"base_{number}")
            ((here,),) = self.rows(
                "SELECT pg_catalog.count(*) FROM {base} b WHERE {open}", base=base, open=OPEN
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
            " WHERE {open} ORDER BY s.name, b.addr, o.key LIMIT %s",
            [limit],
            base=base,
            open=OPEN,
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


def _require_readable(meta: tables.Meta | None) -> None:
    """Raise ConfigurationInvalid unless there is a ledger that this code may read."""
    if meta is None:
        raise LedgerMissing("seeder has not run on this database yet.", code="ledger-unusable")
    if not meta.readable:
        raise ConfigurationInvalid(
            "The ledger of this database belongs to a newer seeder than this panel does.",
            hint="Update the package `seeder` in this application.",
            code="ledger-unusable",
        )


def _plan(document: object) -> tuple[Plan | None, str | None]:
    try:
        return from_document(document), None
    except (ConfigurationInvalid, PlanStale) as error:
        return None, error.message


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
