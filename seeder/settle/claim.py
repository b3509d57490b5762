"""`seeder claim --database NAME`: whose record the ledger of this database is from now on."""

from __future__ import annotations

from msgspec.structs import replace

from seeder.catalog import read_project
from seeder.configuration.settings import Settings
from seeder.errors import ConfigurationInvalid
from seeder.merge.ownership import Recorded, called
from seeder.merge.settled import Settlement
from seeder.runtime.log import Log
from seeder.settle.recorded import Done, Held, held


def claim(
    settings: Settings,
    *,
    log: Log,
    database: str,
    beside: bool = False,
    former: str | None = None,
) -> Settlement:
    """Hand the record of a database over to this project, in the schema that is reached now.

    With `beside` this project gets a record of its own. `former` is the identity whose record
    is meant, where there are several.

    Raises ConfigurationInvalid unless `database` is the name of the connected one, where
    seeder.toml has no identity, and where no record is meant or several may be.
    """
    from seeder.database.ledger.tables import projects

    identity = read_project(settings.project).identity
    if identity is None:
        raise ConfigurationInvalid(
            "seeder.toml has no identity, by which the ledger could know this project.",
            hint='Add a line such as identity = "shop-3f9c21ab" at its top.',
            code="project-mismatch",
        )
    with held(settings, log=log) as opened:
        opened.meta()
        opened.require_database(database, why="a claim decides whose rows these are.")
        reached = projects.reached(opened.connection)
        if not reached:
            raise ConfigurationInvalid(
                "The search_path of this session leads to no schema that exists.",
                hint="Set it on the role or in the URL to the schema of the project's tables.",
            )
        known = projects.recorded(opened.connection, opened.ledger)
        own = [each for each in known if each.identity == identity]
        settled = any(each.place == reached[0] for each in own)
        record = None
        if not settled and not beside:
            record = _meant(own or list(known), former, identity)

        def work(run: int) -> Done:
            if settled:
                return Done(counts={}, notes=(f"It is {called(identity)}'s already.",))
            if record is None:
                projects.add(opened.connection, opened.ledger, identity, here=True)
                note = f"{identity} has a record of its own now, and works in {reached[0]}."
                return Done(counts={"claim": 1}, notes=(note, *_shared(known)))
            there = replace(opened, ledger=replace(opened.ledger, project=record.id))
            return _take_over(there, record, identity, reached[0], run=run)

        return opened.settle(
            "claim", work, subject=f"{database} for {identity}", summary={"identity": identity}
        )


def _meant(known: list[Recorded], former: str | None, identity: str) -> Recorded | None:
    wanted = [each for each in known if former in (None, each.identity)]
    if len(wanted) == 1 or not known:
        return wanted[0] if wanted else None
    names = ", ".join(called(each.identity) for each in known)
    raise ConfigurationInvalid(
        f"The ledger of this database has records of {names}.",
        hint=f"Say which one is handed over to {identity} with --from, or give it one of its own"
        " with --beside.",
        code="project-mismatch",
    )


def _shared(known: tuple[Recorded, ...]) -> tuple[str, ...]:
    if not known:
        return ()
    others = " and ".join(called(each.identity) for each in known)
    return (
        f"Beside it: {others}. Each needs a version table of its own; see"
        " docs/several-projects.md.",
    )


def _take_over(opened: Held, record: Recorded, identity: str, place: str, *, run: int) -> Done:
    from seeder.database.ledger.tables.maintenance import void_requests

    connection, ledger = opened.connection, opened.ledger
    connection.execute(
        ledger.sql(
            "UPDATE {s}.projects SET identity = %s, began_nameless = false,"
            " search_path = pg_catalog.current_schemas(false) WHERE id = {p}"
        ),
        [identity],
    )
    moved = 0
    if record.place is not None and record.place != place:
        # Tables that ALTER TABLE ... SET SCHEMA has taken along: what is known of them stays.
        moved = connection.execute(
            ledger.sql(
                "UPDATE {s}.bases SET table_schema = %(to)s WHERE project = {p}"
                " AND table_schema = %(from)s"
                " AND pg_catalog.to_regclass("
                "pg_catalog.format('%%I.%%I', %(from)s::text, table_name)) IS NULL"
                " AND pg_catalog.to_regclass("
                "pg_catalog.format('%%I.%%I', %(to)s::text, table_name)) IS NOT NULL"
            ),
            {"from": record.place, "to": place},
        ).rowcount
    void = void_requests(connection, ledger, run=run)
    notes = [f"The record of {called(record.identity)} is {identity}'s now, in the schema {place}."]
    if moved:
        notes.append(f"Tables whose record came along from {record.place}: {moved}.")
    if void:
        notes.append(f"Open requests that are void now: {void}.")
    return Done(counts={"claim": 1, "void": void}, notes=tuple(notes))
