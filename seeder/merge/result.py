"""What a command found or did: the values that `job` returns and reports render."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from seeder.errors import Problem
from seeder.merge.model import Mode
from seeder.merge.plan import SetOutcome


class Result(StrEnum):
    """How a run ended, in one word."""

    DONE = "done"
    """Something was migrated, seeded or recorded."""
    NOTHING_TO_DO = "nothing-to-do"
    """The database already has everything that this image asks for."""
    OLDER_IMAGE = "older-image"
    """The database is ahead of this image, which therefore left it alone."""
    FAILED = "failed"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestOutcome:
    """What became of one approved request."""

    id: int
    plan_id: str
    actor: str
    state: str
    """`applied`, `stale` or `waiting`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRecord:
    """One request as the ledger keeps it."""

    id: int
    plan_id: str
    actor: str
    requested_at: datetime.datetime
    state: str
    """`open`, `applied`, `stale` or `void`."""
    run: int | None = None
    """The run that settled it."""
    settled_at: datetime.datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Requests:
    """What waits for approval, and what was approved."""

    pending: str | None = None
    """The id of the pending plan."""
    requests: tuple[RequestRecord, ...] = ()
    """Newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """What a run did that came to its end."""

    result: Result
    exit_code: int = 0
    mode: Mode | None = None
    """As decided for this database, never `auto`; None before the decision."""
    release: str | None = None
    environment: str
    sets: tuple[SetOutcome, ...] = ()
    migrations: tuple[str, ...] = ()
    """Revisions that this run applied, in order."""
    revision_before: tuple[str, ...] = ()
    """The database's heads; empty for a database without migrations."""
    revision_after: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    """Tasks that this run applied, in order."""
    requests: tuple[RequestOutcome, ...] = ()
    warnings: tuple[str, ...] = ()
    phases: Mapping[str, float] = field(default_factory=dict)
    """Seconds by phase, in the order of the run."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """Rows by `RowAction` over all sets, `conflicts`, and sets by `unadopted` and `pending`."""
    run_id: int | None = None
    """None when nothing was locked and therefore no run was recorded."""
    pending_plan: str | None = None
    """The id of the plan of an update that waits for a release or an approval."""
    hint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """How a command failed, in the words that every report of it uses."""

    result: Result
    exit_code: int
    error: str
    """The class of the error."""
    message: str
    hint: str | None = None
    problems: tuple[Problem, ...] = ()
    phases: Mapping[str, float] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    facts: Mapping[str, object] = field(default_factory=dict)
    trace: tuple[str, ...] = ()
    """`file:line in function`, outermost first; only for a bug."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """The size of a catalog that is in order."""

    sets: int
    rows: int
    tasks: int
    revisions: int
    problems: tuple[Problem, ...] = ()
    """Worth a look, but no reason to fail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedRelease:
    """A release that this database has had."""

    release: str
    applied_at: datetime.datetime
    run: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """One line of the history."""

    id: int
    started_at: datetime.datetime
    finished_at: datetime.datetime | None = None
    """None while it runs, and for a run that was killed."""
    result: str
    mode: str | None = None
    release: str | None = None
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenConflict:
    """A row whose live value was kept against the catalog, and that nobody has settled."""

    address: str
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Where a database stands, seen from this image."""

    database: str
    """The database's name."""
    environment: str
    """As the database is marked; as this image is set up, where it is not yet marked."""
    initialised: bool
    """False: no run has ever come to the point of creating the ledger."""
    ledger_format: int | None = None
    releases: tuple[AppliedRelease, ...] = ()
    """Newest first."""
    revision_live: tuple[str, ...] = ()
    revision_head: tuple[str, ...] = ()
    unadopted: tuple[str, ...] = ()
    """Names of sets."""
    pending: tuple[str, ...] = ()
    """Names of sets."""
    conflicts: int = 0
    in_conflict: tuple[OpenConflict, ...] = ()
    """The first of them, by address."""
    last_runs: tuple[RunSummary, ...] = ()
    """Newest first."""
    lock_holder: Mapping[str, object] | None = None
    """What the server says of the session that holds the lock: `pid`, `application_name`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """A database on which an application of this image may start."""

    revision_live: tuple[str, ...] = ()
    revision_head: tuple[str, ...] = ()
    """This image's."""
    ahead: bool = False
    """The database is ahead of this image."""
    release: str | None = None
    """The release that is applied, where it was asked for."""
