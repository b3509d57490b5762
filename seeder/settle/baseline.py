"""`seeder baseline REVISION --database NAME`: this schema is the one that a revision leaves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from seeder.catalog import read_project
from seeder.configuration.settings import Settings
from seeder.errors import ConfigurationInvalid, RevisionUnknown
from seeder.merge.ownership import Image
from seeder.merge.settled import Settlement
from seeder.runtime.log import Log
from seeder.settle.recorded import Done, held

if TYPE_CHECKING:
    from seeder.database.migrations.lineage import Lineage
    from seeder.database.migrations.revisions import RevisionGraph


def baseline(
    settings: Settings, *, log: Log, revisions: tuple[str, ...], database: str
) -> Settlement:
    """Record that a database's schema is what this image's `revisions` leave; none is run.

    For a history that was rewritten after it was applied. From then on it is the image's own
    that the next runs are held against.

    Raises ConfigurationInvalid unless `database` is the name of the connected one, for
    revisions that this image does not have or that build on one another, and where the
    database is in this image's history as it is.
    """
    from seeder.database.migrations.revisions import read_graph

    project = read_project(settings.project)
    if project.migrations.alembic is None:
        raise ConfigurationInvalid(
            "Seeder does not run this project's migrations, so it keeps no history of them.",
            hint="Record it with the tool that runs them, such as `alembic stamp`.",
        )
    graph = read_graph(project.migrations)
    _require_fitting(revisions, graph)
    image = Image(identity=project.identity)
    with held(settings, log=log) as opened:
        from seeder.database.ledger.tables import projects
        from seeder.database.migrations.lineage import Lineage
        from seeder.database.migrations.version_table import current, write_revisions

        connection = opened.connection
        opened.require_database(database, why="what is recorded here is never run here.")
        live = current(connection, project.migrations)
        exists = opened.ledger.exists(connection)
        if exists:
            opened.meta()
        ledger = projects.opened(connection, opened.ledger, image)
        known = ledger.revisions(connection) if exists else {}
        _require_another_history(live, revisions, Lineage(live, graph, known=known))

        def work(run: int) -> Done:
            ledger = projects.opened(connection, opened.ledger, image)
            write_revisions(connection, project.migrations, revisions)
            connection.execute(ledger.sql("DELETE FROM {s}.revisions WHERE project = {p}"))
            news = Lineage(revisions, graph, known={}).news()
            ledger.record_revisions(connection, news, run=run)
            connection.execute(
                ledger.sql(
                    "UPDATE {s}.runs SET revisions_before = %s, revisions_after = %s WHERE id = %s"
                ),
                [list(live), list(revisions), run],
            )
            pending = graph.pending(revisions)
            told = f"The next run applies {', '.join(pending)}." if pending else "None is pending."
            before = ", ".join(live) or "none"
            return Done(
                counts={"baseline": 1},
                notes=(f"Before, the database was at revision {before}. {told}",),
            )

        return opened.settle(
            "baseline",
            work,
            subject=f"{database} at {', '.join(revisions)}",
            summary={"before": list(live), "after": list(revisions)},
            enrols=image,
        )


def _require_fitting(revisions: Sequence[str], graph: RevisionGraph) -> None:
    unknown = [each for each in revisions if each not in graph.revisions]
    if unknown:
        raise ConfigurationInvalid(
            f"This image has no revision {', '.join(unknown)}.",
            hint=f"Its head is {', '.join(graph.heads) or 'none'}.",
        )
    for each in revisions:
        below = graph.ancestors([each]) - {each}
        if below & set(revisions):
            raise ConfigurationInvalid(
                f"Revision {each} builds on {', '.join(sorted(below & set(revisions)))}.",
                hint="Name the last revision of each branch alone.",
            )


def _require_another_history(
    live: tuple[str, ...], revisions: Sequence[str], lineage: Lineage
) -> None:
    try:
        standing = lineage.standing()
    except RevisionUnknown:
        return
    if live and not standing.warnings:
        raise ConfigurationInvalid(
            f"The database came to revision {', '.join(live)} by this image's history.",
            hint="Nothing was changed. `seeder run` applies what is pending; `alembic downgrade`"
            " goes back.",
        )
    if live and set(revisions) != set(live):
        raise ConfigurationInvalid(
            f"The database is at revision {', '.join(live)}, which this image has.",
            hint="Nothing was changed. Name that revision, to have what was edited taken for what"
            " was applied.",
        )
