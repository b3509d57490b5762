"""What a command found: the values that all commands but `run` return and reports render."""

from __future__ import annotations

import datetime
from collections.abc import Mapping

from msgspec import Struct

from seeder.errors import Problem
from seeder.merge.plan import ColumnChange, Referring
from seeder.merge.settled import RunRecord


class RequestRecord(Struct, frozen=True, kw_only=True):
    """One request as the ledger keeps it."""

    id: int
    plan_id: str
    actor: str
    """Who asked, as whoever wrote the request says."""
    requested_at: datetime.datetime
    state: str
    """`open`, `applied`, `stale` or `void`."""
    run: int | None = None
    """The run that settled it."""
    settled_at: datetime.datetime | None = None
    role: str | None = None
    """The role of the database that was logged in."""


class Requests(Struct, frozen=True, kw_only=True):
    """What waits for approval, and what was approved."""

    pending: tuple[str, ...] = ()
    """The ids of the pending plans: one at most of each project."""
    requests: tuple[RequestRecord, ...] = ()
    """The last ones, newest first."""
    more: bool = False
    """Whether there are older ones."""


class CheckResult(Struct, frozen=True, kw_only=True):
    """The size of a catalog that is in order."""

    sets: int
    rows: int
    tasks: int
    revisions: int
    problems: tuple[Problem, ...] = ()
    """Worth a look, but no reason to fail."""


class AppliedRelease(Struct, frozen=True, kw_only=True):
    """A release that this database has had."""

    release: str
    applied_at: datetime.datetime
    run: int
    taken_back: str | None = None
    """The release that took back what this one had brought, without building on it."""


class OpenConflict(Struct, frozen=True, kw_only=True):
    """A row whose live value was kept against the catalog, and that nobody has settled."""

    address: str
    columns: tuple[str, ...] = ()
    """Columns in conflict, and parts of documents, as addresses name them behind `#`."""
    left_catalog: bool = False
    """The row has left the catalog, and stays since people changed it or refer to it."""
    holder: str | None = None
    """The row is not there: this one holds a unique value that it wants."""
    referring: tuple[Referring, ...] = ()
    """Of a row that has left the catalog, where values were asked for: what refers to it now."""
    run: int | None = None
    """The run that reported it first."""
    values: tuple[ColumnChange, ...] = ()
    """Of each column or part: last applied, live and desired, where they were asked for; of a row
    that has left the catalog, the columns that people changed."""
    commands: tuple[str, ...] = ()
    """Where values were asked for, what settles it: taking what is live, and what is desired."""


class KeptRow(Struct, frozen=True, kw_only=True):
    """A row that stays as a person left it, or waits, without anybody having to choose."""

    address: str
    reason: str
    """Why, for people; nothing is decided by its wording."""
    run: int
    """The run that found it so."""
    missing: str | None = None
    """What it refers to and was not there then: `roles/admin`."""


class Conflicts(Struct, frozen=True, kw_only=True):
    """Open conflicts with their values, and what else is not as the catalog asks."""

    conflicts: int = 0
    """How many rows are in conflict, of those that were asked for."""
    in_conflict: tuple[OpenConflict, ...] = ()
    """The first of them, by address."""
    skipped: int = 0
    skipped_rows: tuple[KeptRow, ...] = ()
    """Rows that refer to one that is not there, where they were asked for: the first of them."""
    deleted: int = 0
    deleted_rows: tuple[KeptRow, ...] = ()
    """Rows that people deleted, likewise."""


class UnfitSet(Struct, frozen=True, kw_only=True):
    """A set that the schema contradicts, so that a run would be refused."""

    name: str
    message: str


class Status(Struct, frozen=True, kw_only=True):
    """Where a database stands, seen from this image."""

    database: str
    """The database's name."""
    environment: str
    """As the database is marked; as this image is set up, where it is not yet marked."""
    project: str | None = None
    """The image's identity."""
    initialised: bool
    """False: no run has ever come to the point of creating the ledger."""
    ledger_format: int | None = None
    newer_ledger: bool = False
    """A newer seeder has closed the ledger to this one, which says nothing of what is in it."""
    releases: tuple[AppliedRelease, ...] = ()
    """Newest first."""
    migrations: str = "alembic"
    """By whom they run: `alembic` (seeder), `command`, or `none` (somebody else)."""
    revision_live: tuple[str, ...] = ()
    revision_head: tuple[str, ...] = ()
    """Empty where only somebody else knows it."""
    other_history: str | None = None
    """Why a run would be refused: the database did not come there by this image's revisions."""
    unadopted: tuple[str, ...] = ()
    """Names of sets."""
    pending: tuple[str, ...] = ()
    """Names of sets."""
    due: tuple[str, ...] = ()
    """Names of sets whose first rows the next run brings."""
    update: str | None = None
    """Why the next run is an update, and so brings what is pending; None: it is none."""
    held_back: str | None = None
    """Why the catalog's release is left pending, where it would take back another's rows."""
    awaiting: tuple[str, ...] = ()
    """Names of sets whose tables or columns come with the pending migrations."""
    unfit: tuple[UnfitSet, ...] = ()
    conflicts: int = 0
    in_conflict: tuple[OpenConflict, ...] = ()
    """The first of them, by address."""
    skipped: int = 0
    """Rows that refer to one that is not there; they come with it."""
    waiting: tuple[str, ...] = ()
    """Addresses of the first of them."""
    deleted: int = 0
    """Rows of the catalog's sets that people deleted, or whose primary key they changed."""
    deleted_rows: tuple[str, ...] = ()
    """Addresses of the first of them."""
    last_runs: tuple[RunRecord, ...] = ()
    """Newest first."""
    open_schemas: tuple[str, ...] = ()
    """Schemas of the search_path in which every role may create objects."""
    lock_holder: Mapping[str, object] | None = None
    """What the server says of the session that holds the lock: `pid`, `application_name`."""


class Readiness(Struct, frozen=True, kw_only=True):
    """A database on which an application of this image may start."""

    revision_live: tuple[str, ...] = ()
    revision_head: tuple[str, ...] = ()
    """This image's."""
    ahead: bool = False
    """The database is ahead of this image."""
    release: str | None = None
    """The release that is applied, where it was asked for."""
    conflicts: int = 0
    """Rows in conflict: what this image asks for is not there, and a person may choose."""
    skipped: int = 0
    """Rows that wait for a row that they refer to."""
    unadopted: tuple[str, ...] = ()
    """Names of sets that the last completed run left alone."""
    pending: tuple[str, ...] = ()


def everybody_may_create(schema: str) -> str:
    """What is wrong with a schema of the search_path that is open to every role."""
    return (
        f"Every role may create functions in the schema {schema}, which migrations, tasks and"
        f" triggers of the job may then call: REVOKE CREATE ON SCHEMA {schema} FROM PUBLIC"
    )
