"""How a run ended: the values that `job` returns and reports render."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from seeder.errors import Problem
from seeder.merge.given import Mode

if TYPE_CHECKING:
    # A deploy that has nothing to do passes here, and makes no plan.
    from seeder.merge.found import OpenConflict
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
class RunResult:
    """What a run did that came to its end."""

    result: Result
    exit_code: int = 0
    mode: Mode | None = None
    """As decided for this database, never `auto`; None before the decision."""
    release: str | None = None
    environment: str
    """As the database is marked, where that is known."""
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
    left: Mapping[str, int] = field(default_factory=dict)
    """What is open after the run: sets `unadopted` and `pending`, rows in `conflicts`, and rows
    that wait for others (`skip`)."""
    in_conflict: tuple[OpenConflict, ...] = ()
    """The first of the rows in conflict, with their values, of a run that looked at them."""
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
    code: str
    """Stable; docs/reference/errors.md says what each means and what to do."""
    message: str
    hint: str | None = None
    problems: tuple[Problem, ...] = ()
    phases: Mapping[str, float] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    facts: Mapping[str, object] = field(default_factory=dict)
    trace: tuple[str, ...] = ()
    """`file:line in function`, outermost first; only for a bug."""
