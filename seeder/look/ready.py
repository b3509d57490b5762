"""Whether an application of this image may start: its schema and its defaults are there."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import tenacity
from msgspec import Struct, field

from seeder.catalog import Project, read_project
from seeder.configuration.settings import Settings
from seeder.errors import (
    ConfigurationInvalid,
    ConnectionLost,
    DatabaseUnavailable,
    DeadlineExceeded,
    RevisionUnknown,
    SeederError,
)
from seeder.merge.found import Readiness
from seeder.merge.ownership import Image
from seeder.phases.opening import connected, require_same_environment, target_of
from seeder.runtime.log import Log
from seeder.runtime.retry import News, attempts

if TYPE_CHECKING:
    from seeder.database.connection.connect import Connection
    from seeder.database.connection.target import Target
    from seeder.database.ledger.tables.ledger import Ledger
    from seeder.database.migrations.revisions import RevisionGraph

_PAUSE = tenacity.wait_fixed(1.0)


def ready(
    settings: Settings,
    *,
    log: Log,
    release: bool = False,
) -> Readiness:
    """Wait, `wait_timeout` seconds in all, until this image's head and first sets are there.

    With `release` also until the catalog's release is applied. Reads seeder.toml and the
    revisions, not the seeds, whose secrets a web process need not have; a standby will do.

    Raises:
        DatabaseUnavailable: it is not ready in time; `facts["reason"]` says why.
        ConfigurationInvalid: `release` is asked for, and seeder.toml names none; or the database
            is another project's, marked with another environment, or works in another schema.
    """
    from seeder.database.migrations.revisions import read_graph

    started = time.monotonic()
    project = read_project(settings.project)
    if release and project.release is None:
        raise ConfigurationInvalid(
            "seeder.toml names no release to wait for.",
            hint='Give it one (release = "2026.11"), or leave out --release.',
        )
    waiting = _Waiting(
        settings=settings,
        project=project,
        image=Image(identity=project.identity, whole=False),
        graph=read_graph(project.migrations),
        release=project.release if release else None,
        log=log,
        limit=started + min(settings.wait_timeout, settings.deadline),
        at_deadline=settings.deadline < settings.wait_timeout,
    )
    with target_of(settings) as target:
        return waiting.wait(target)


class _Waiting(Struct, kw_only=True):
    """One wait while it goes on."""

    settings: Settings
    project: Project
    image: Image
    graph: RevisionGraph
    release: str | None
    log: Log
    limit: float
    at_deadline: bool
    reason: str = ""
    """Why it is not ready."""
    is_news: News = field(default_factory=News)

    def wait(self, target: Target) -> Readiness:
        """Look again and again, on a new connection where one was lost."""
        for _ in self.attempts():
            left = max(0.001, self.limit - time.monotonic())
            try:
                with connected(
                    replace(self.settings, wait_timeout=left),
                    target,
                    log=self.log,
                    deadline=self.limit + 1.0,  # so that the wait's own timeout comes first
                    writable=False,
                ) as connection:
                    return self.poll(connection)
            except ConnectionLost:
                self.tell("the connection was lost")
        raise self.given_up()

    def attempts(self) -> Iterator[int]:
        return attempts(lambda: self.limit - time.monotonic(), pause=_PAUSE)

    def poll(self, connection: Connection) -> Readiness:
        from seeder.database.connection.failures import translated
        from seeder.database.ledger.tables import projects
        from seeder.database.ledger.tables.ledger import Ledger

        ledger = Ledger(schema=self.settings.schema)
        for _ in self.attempts():
            with (
                translated(doing="looking whether it is ready", otherwise=DatabaseUnavailable),
                connection.transaction(),
            ):
                connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                found = self.look(connection, projects.opened(connection, ledger, self.image))
            if isinstance(found, Readiness):
                return found
            self.tell(found)
        raise self.given_up()

    def look(self, connection: Connection, ledger: Ledger) -> Readiness | str:
        """Return how ready it is, or why it is not."""
        from seeder.database.ledger.past import history
        from seeder.database.ledger.runs.conflicts import left_open
        from seeder.database.ledger.runs.releases import read_order
        from seeder.database.migrations.lineage import Lineage, MigrationState
        from seeder.database.migrations.version_table import current

        meta = ledger.meta(connection)
        if meta is None:
            return "no run of seeder has begun on this database"
        require_same_environment(meta.environment, self.settings)
        if meta.readable and not ledger.project:
            return "no run of this project has begun on this database"
        live = current(connection, self.project.migrations)
        if not meta.readable:
            # A newer seeder has run here, and this image's own job leaves it at that.
            return Readiness(
                revision_live=live,
                revision_head=self.graph.heads,
                ahead=True,
                release=self.release,
            )
        older = False
        if self.project.migrations.alembic is not None:
            try:
                lineage = Lineage(live, self.graph, known=ledger.revisions(connection))
                state = lineage.standing().state
            except RevisionUnknown as error:
                return error.message.removesuffix(".")
            if state is MigrationState.UPGRADED:
                return _not_applied(self.graph.pending(live))
            older = state is MigrationState.OLDER_IMAGE
        if meta.completed_run is None:
            return "no run has completed: the first seeds are not there"
        if self.project.migrations.alembic is not None and not older:
            behind = set(live).symmetric_difference(meta.revisions)
            if behind:
                return (
                    f"no run has completed at revision {', '.join(live) or 'none'}: what it seeds"
                    " is not there"
                )
        if self.release is not None:
            order = read_order(connection, ledger, self.release, self.project.supersedes)
            if order.taken_back:
                return f"release {order.taken_back} took back what {self.release} had brought"
            if self.release not in order.here:
                return f"release {self.release} is not applied"
        rows = left_open(connection, ledger)
        return Readiness(
            revision_live=live,
            revision_head=self.graph.heads,
            ahead=older,
            release=self.release,
            conflicts=rows.conflicts,
            skipped=rows.skipped,
            **history.waiting_sets(connection, ledger),
        )

    def tell(self, reason: str) -> None:
        self.reason = reason
        if self.is_news(reason):
            self.log.awaited("readiness.awaited", f"Not ready yet: {reason}", reason=reason)

    def given_up(self) -> SeederError:
        kind = DeadlineExceeded if self.at_deadline else DatabaseUnavailable
        return kind(
            f"The database is not ready: {self.reason}.",
            hint="Is `seeder run` of this image still to come, or did it fail? `seeder status`"
            " shows the last runs.",
            reason=self.reason,
        )


def _not_applied(revisions: Sequence[str]) -> str:
    noun, verb = ("revision", "is") if len(revisions) == 1 else ("revisions", "are")
    return f"{noun} {', '.join(revisions)} {verb} not applied"
