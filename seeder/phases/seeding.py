"""The last phase of a run: decide, seed, run the tasks, record it, in one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from seeder.configuration.settings import Settings
from seeder.errors import ConfigurationInvalid, PlanStale, SeedingFailed
from seeder.merge import conflict_kinds
from seeder.merge.given import is_disposable
from seeder.merge.model import Catalog, Conflict, Mode, SeedSet, Update
from seeder.merge.plan import Plan, RowChange, SetDecision, SetOutcome
from seeder.merge.plan_document import ROWS, shortened, to_document
from seeder.merge.result import RequestOutcome, Result, RunResult
from seeder.phases.planning import Choice, Planner
from seeder.phases.shown_plan import require_kept
from seeder.runtime.log import Log
from seeder.runtime.progress import Progress

if TYPE_CHECKING:
    from seeder.database.connection.connect import Connection
    from seeder.database.ledger.tables.ledger import Ledger
    from seeder.database.migrations.migrate import MigrationOutcome
    from seeder.database.migrations.revisions import RevisionGraph
    from seeder.merge.found import OpenConflict


_IN_CONFLICT = 200
"""Rows in conflict that a run reports with their values; as many as a page of the panel has."""


_OBSTRUCTED = 20
"""Rows that one run may find to be obstructed, each by an attempt that is rolled back."""


class Seeding(Struct, frozen=True, kw_only=True):
    """One seeding, on a connection that holds the lock and a schema that is migrated."""

    settings: Settings
    log: Log
    deadline: float
    phases: Mapping[str, float]
    """Of the run so far, in seconds."""
    number: int
    """The run's."""
    connection: Connection
    ledger: Ledger
    catalog: Catalog
    graph: RevisionGraph
    migrated: MigrationOutcome
    fingerprint: str
    shown: Plan | None
    """The plan that the run was given."""
    first: tuple[SetOutcome, ...] = ()
    """What went in between migrations, before this."""

    def run(self) -> RunResult:
        """Everything that is seeded, with its records, in one transaction."""
        from seeder.database.applying.transaction import in_transaction
        from seeder.database.staging.context import Unforeseen
        from seeder.database.writing.rejected_rows import Obstructed

        def attempt(refused: frozenset[str] = frozenset()) -> RunResult:
            tries = count()
            found: dict[str, dict[str, str]] = {}
            foresee = False

            def once() -> RunResult:
                nonlocal foresee
                try:
                    return self.once(
                        refused=refused, again=next(tries) > 0, foresee=foresee, obstructed=found
                    )
                except Unforeseen:
                    foresee = True
                    raise
                except Obstructed as error:
                    if sum(map(len, found.values())) >= _OBSTRUCTED:
                        raise error.otherwise from None
                    found.setdefault(error.set, {})[error.key] = error.holder
                    raise Unforeseen from None

            return in_transaction(
                self.connection,
                once,
                log=self.log,
                doing="seeding",
                deadline=self.deadline,
            )

        try:
            result = attempt()
        except PlanStale as error:
            if self.shown is not None:
                raise
            # An approval that cannot be kept to any more must not fail an ordinary deploy.
            result = attempt(frozenset({str(error.facts.get("plan"))}))
        for outcome in result.sets:
            if outcome.counts or outcome.decision is SetDecision.UNADOPTED:
                self.log.info(
                    "set.applied",
                    set=outcome.name,
                    decision=outcome.decision.value,
                    **outcome.counts,
                )
        for warning in result.warnings:
            self.log.warning("run.warned", message=warning)
        return result

    def once(
        self,
        *,
        refused: frozenset[str],
        again: bool = False,
        foresee: bool = False,
        obstructed: Mapping[str, Mapping[str, str]] | None = None,
    ) -> RunResult:
        """Decide the mode, seed, run the tasks, record it; in the caller's transaction.

        `refused` are approved plans that failed to hold while they were applied; `again` says
        that a try was rolled back, and `foresee` that it was `Unforeseen`; `obstructed` are rows
        that it could not write, as in `Orders`.
        """
        from seeder.database.applying.seed import seed
        from seeder.database.applying.transaction import run_tasks

        connection, ledger, catalog = self.connection, self.ledger, self.catalog
        planner = self.planner(rows=0)
        if self.shown is not None:
            choice = planner.keep_to(self.shown)
        else:
            choice = planner.choose(self.settings.mode, refused=refused)
        outcomes: tuple[SetOutcome, ...] = ()
        ran: tuple[str, ...] = ()
        warnings: tuple[str, ...] = ()
        if choice.mode is not Mode.NONE:
            progress = Progress(self.log)
            with progress.followed():
                outcomes, warnings = seed(
                    connection,
                    ledger,
                    catalog,
                    replace(
                        planner.orders(choice),
                        staged=again,
                        foresee=foresee,
                        obstructed=obstructed or {},
                    ),
                    run=self.number,
                    progress=progress,
                )
            if choice.plan is not None:
                require_kept(choice.plan, outcomes, obstructed=obstructed or {})
            ran = run_tasks(
                connection,
                ledger,
                catalog.tasks,
                run_them=choice.mode in (Mode.UPDATE, Mode.REFRESH),
                baseline=planner.launches,
                run=self.number,
                log=self.log,
            )
        requests, overtaken = self.settle_requests(choice)
        waits: tuple[str | None, tuple[str, ...]] = None, ()
        left: Mapping[str, int] = {}
        in_conflict: tuple[OpenConflict, ...] = ()
        released = False
        if choice.mode is not Mode.NONE:
            left = self.left(outcomes, launches=planner.launches)
            in_conflict = self.in_conflict(left)
            released = self.complete(planner, choice, left, in_conflict)
            waits = self.store_pending_plan(choice, outcomes)
        result = self.result(
            choice.mode,
            outcomes,
            ran,
            requests,
            (*([choice.warning] if choice.warning else []), *overtaken, *warnings, *waits[1]),
            pending_plan=waits[0],
            left=left,
            in_conflict=in_conflict,
            released=released,
        )
        record_end(connection, ledger, self.number, result, self.migrated)
        return result

    def planner(self, *, rows: int) -> Planner:
        """What is known by now; a plan names so many rows of a set."""
        known = self.settings, self.connection, self.ledger, self.catalog, self.graph
        return Planner.read(*known, migrated=True, rows=rows)

    def settle_requests(self, choice: Choice) -> tuple[tuple[RequestOutcome, ...], tuple[str, ...]]:
        """Say of every open request whether this run has applied or overtaken it."""
        from seeder.database.ledger.runs.requests import settle

        updated = choice.mode in (Mode.UPDATE, Mode.REFRESH)
        ordinary = self.settings.mode is Mode.AUTO and self.shown is None
        requests = settle(
            self.connection,
            self.ledger,
            applied=choice.plan.id if choice.plan is not None else None,
            stale=updated or ordinary,
            run=self.number,
        )
        why = choice.stale or "another update came first"
        warnings = (
            f"Request {each.id} of {each.actor} is stale: {why}."
            for each in requests
            if each.state == "stale"
        )
        return requests, tuple(warnings)

    def complete(
        self,
        planner: Planner,
        choice: Choice,
        left: Mapping[str, int],
        in_conflict: Sequence[OpenConflict],
    ) -> bool:
        """Record the release, once nothing is left unadopted, and what the run ran on.

        Returns whether the release was not here before.
        """
        from seeder.database.ledger.runs.releases import read_order, record_release
        from seeder.database.ledger.runs.unchanged import env_digest
        from seeder.database.migrations.version_table import current, qualified

        connection, ledger, catalog = self.connection, self.ledger, self.catalog
        released = False
        updated = choice.mode in (Mode.UPDATE, Mode.REFRESH)
        # An update leaves a set pending that the ledger may know under another table or key.
        unrecognised = updated and bool(left.get(SetDecision.PENDING))
        whole = not left.get(SetDecision.UNADOPTED) and not unrecognised
        if catalog.release is not None and whole and (updated or planner.launches):
            order = planner.order or read_order(
                connection, ledger, catalog.release, catalog.supersedes
            )
            record_release(connection, ledger, order, planner.lost, run=self.number)
            released = catalog.release not in order.here
        # After a run in mode init by hand, the next deploy may still have an update to do.
        done = updated or planner.decide(Mode.AUTO).mode is choice.mode
        # Warnings that are to be told at every deploy.
        done = done and choice.warning is None and not unrecognised
        # What people change there, the next update has to put right.
        resets = any(map(_resets, catalog.sets))
        done = done and not (resets and is_disposable(self.catalog.environment))
        # An equal fingerprint proves nothing where it does not cover what a command runs.
        migrations = catalog.migrations
        done = done and (migrations.command is None or bool(migrations.command_digest))
        ledger.complete(
            connection,
            self.number,
            fingerprint=self.fingerprint if done else "",
            env_names=catalog.env_names,
            env_digest=env_digest(catalog.env_names, self.settings.environ),
            version_table=qualified(connection, catalog.migrations),
            revisions=current(connection, catalog.migrations),
            left=left,
            in_conflict=in_conflict,
        )
        return released

    def left(self, outcomes: tuple[SetOutcome, ...], *, launches: bool) -> Mapping[str, int]:
        """What is open after the seeding."""
        from seeder.database.ledger.runs.conflicts import LeftOpen, left_open

        # At a launch nothing is open but what it has just met, and the ledger need not be asked.
        rows = (
            LeftOpen(*(sum(o.counts.get(n, 0) for o in outcomes) for n in ("conflicts", "skip")))
            if launches
            else left_open(self.connection, self.ledger)
        )
        found = {"conflicts": rows.conflicts, "skip": rows.skipped}
        for decision in (SetDecision.UNADOPTED, SetDecision.PENDING):
            found[decision.value] = sum(each.decision is decision for each in outcomes)
        return {name: number for name, number in found.items() if number}

    def in_conflict(self, left: Mapping[str, int]) -> tuple[OpenConflict, ...]:
        """The first rows in conflict with their values, for the report and for the panel."""
        if not left.get("conflicts"):
            return ()
        from seeder.database.settling.open_conflicts import open_conflicts

        found, _ = open_conflicts(
            self.connection, self.ledger, self.catalog, limit=_IN_CONFLICT, values=True
        )
        return found

    def store_pending_plan(
        self, choice: Choice, outcomes: tuple[SetOutcome, ...]
    ) -> tuple[str | None, tuple[str, ...]]:
        """Keep the plan of the update that waits, for people to look at and approve.

        Returns its id, if there is one, and warnings.
        """
        import psycopg

        from seeder.database.connection.failures import Kind, describe, kind_of

        connection, ledger = self.connection, self.ledger
        plan: Plan | None = None
        told: tuple[str, ...] = ()
        waiting = (SetDecision.UNADOPTED, SetDecision.PENDING)
        if any(each.decision in waiting for each in outcomes) or (
            choice.mode is Mode.INIT
            and {task.name for task in self.catalog.tasks} - ledger.tasks(connection).keys()
        ):
            # That an update would be refused is no reason to fail the run.
            try:
                planner = self.planner(rows=ROWS)
                plan = planner.draft(planner.decide(Mode.UPDATE))
            except (SeedingFailed, ConfigurationInvalid) as error:
                told = (f"The update that waits is refused: {error.message}",)
            except psycopg.Error as error:
                if kind_of(error) is not Kind.OTHER:
                    raise
                told = (f"The update that waits is refused: {describe(error)}",)
        if plan is None:
            ledger.store_plan(connection, None, {}, run=self.number)
            return None, told
        ledger.store_plan(connection, plan.id, to_document(shortened(plan)), run=self.number)
        return plan.id, ()

    def result(
        self,
        mode: Mode,
        outcomes: tuple[SetOutcome, ...],
        ran: tuple[str, ...],
        requests: tuple[RequestOutcome, ...],
        warnings: tuple[str, ...],
        *,
        pending_plan: str | None,
        left: Mapping[str, int],
        in_conflict: tuple[OpenConflict, ...],
        released: bool,
    ) -> RunResult:
        """What this run did, as every report of it says it."""
        outcomes = _with_first(self.first, outcomes)
        counts = dict(sum((Counter(each.counts) for each in outcomes), Counter()))
        for decision in (SetDecision.UNADOPTED, SetDecision.PENDING):
            number = sum(each.decision is decision for each in outcomes)
            if number:
                counts[decision.value] = number
        idle = {"keep", "skip", "conflicts", "unadopted", "pending"}
        migrated = self.migrated.before != self.migrated.after
        did = bool(migrated or ran or released or set(counts) - idle)
        return RunResult(
            result=Result.DONE if did else Result.NOTHING_TO_DO,
            mode=mode,
            release=self.catalog.release,
            environment=self.catalog.environment,
            sets=outcomes,
            migrations=self.migrated.applied,
            revision_before=self.migrated.before,
            revision_after=self.migrated.after,
            tasks=ran,
            requests=requests,
            warnings=(*self.migrated.warnings, *warnings, *self.catalog.warnings),
            phases=self.phases,
            counts=counts,
            left=left,
            in_conflict=in_conflict,
            run_id=self.number,
            pending_plan=pending_plan,
            hint=_hint(counts, (row for outcome in outcomes for row in outcome.kept)),
        )


def record_end(
    connection: Connection,
    ledger: Ledger,
    number: int,
    result: RunResult,
    migrated: MigrationOutcome,
) -> None:
    """Record how the run ended, in the caller's transaction."""
    ledger.close_run(
        connection,
        number,
        result=result.result.value,
        exit_code=result.exit_code,
        mode=result.mode.value if result.mode else None,
        counts=result.counts,
        summary={
            "sets": [
                {"name": each.name, "decision": each.decision.value, "counts": each.counts}
                for each in result.sets
            ],
            "tasks": list(result.tasks),
            "migrations": list(result.migrations),
            "warnings": list(result.warnings),
        },
        revisions=(migrated.before, migrated.after),
    )


def _resets(seed_set: SeedSet) -> bool:
    """Whether an update of an unchanged set writes over what people have changed."""
    return seed_set.conflict is Conflict.OVERWRITE or any(
        column.update is Update.ALWAYS for column in seed_set.columns
    )


def _hint(counts: Mapping[str, int], kept: Iterable[RowChange]) -> str | None:
    if counts.get(SetDecision.UNADOPTED.value):
        return (
            "Some tables had rows before seeder: `seeder plan --mode update` shows what adopting"
            " them means, `seeder run --mode update` does it."
        )
    if counts.get("conflicts"):
        return conflict_kinds.hint(kept)
    if counts.get(SetDecision.PENDING.value):
        return (
            "The catalog has changes that wait for an update: name a new release in seeder.toml,"
            " or look at `seeder plan --mode update` and approve it."
        )
    return None


def _with_first(
    first: tuple[SetOutcome, ...], outcomes: tuple[SetOutcome, ...]
) -> tuple[SetOutcome, ...]:
    """What was done to each set, with the rows that went in between migrations."""
    found = {each.name: each for each in outcomes}
    for each in first:
        if not each.counts:
            continue
        now = found.get(each.name)
        if now is None:
            found[each.name] = each
            continue
        counts = dict(Counter(now.counts) + Counter(each.counts))
        found[each.name] = replace(now, counts=counts, kept=(*each.kept, *now.kept))
    return tuple(found.values())
