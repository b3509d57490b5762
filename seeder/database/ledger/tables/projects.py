"""The projects that seed one database, each with a record of its own in the ledger."""

from __future__ import annotations

from msgspec.structs import replace

from seeder.database.connection.answers import answer, records
from seeder.database.connection.connect import Connection
from seeder.database.ledger.tables.ledger import Ledger
from seeder.errors import ConfigurationInvalid
from seeder.merge.ownership import Image, Recorded, own_record


def opened(connection: Connection, ledger: Ledger, image: Image) -> Ledger:
    """The ledger as the record of the image's project; of none, where nobody has one yet.

    Raises ConfigurationInvalid where the database is another project's, or this one works in
    another schema.
    """
    meta = ledger.meta(connection)
    return ledger if meta is None or not meta.readable else _found(connection, ledger, image)


def _found(connection: Connection, ledger: Ledger, image: Image) -> Ledger:
    known = recorded(connection, ledger)
    record = own_record(image, known, reached=reached(connection) if known else ())
    return ledger if record is None else replace(ledger, project=record.id)


def enrolled(connection: Connection, ledger: Ledger, image: Image) -> Ledger:
    """The same, of a ledger that is there and readable; a project that has no record gets one.

    A record without an identity gets the project's.
    """
    found = _found(connection, ledger, image)
    if not found.project:
        return add(connection, ledger, image.identity)
    if image.identity is not None:
        connection.execute(
            found.sql("UPDATE {s}.projects SET identity = %s WHERE id = {p} AND identity IS NULL"),
            [image.identity],
        )
    return found


def add(
    connection: Connection,
    ledger: Ledger,
    identity: str | None,
    *,
    here: bool = False,
) -> Ledger:
    """Enter a project into the list; `here` says that it works where this session works."""
    number = answer(
        connection,
        ledger.sql(
            "INSERT INTO {s}.projects (identity, began_nameless, search_path)"
            " VALUES (%s, %s, CASE WHEN %s THEN pg_catalog.current_schemas(false) END) RETURNING id"
        ),
        [identity, identity is None, here],
    )
    return replace(ledger, project=number)


def recorded(connection: Connection, ledger: Ledger) -> tuple[Recorded, ...]:
    """The ledger's list."""
    found = connection.execute(
        ledger.sql(
            "SELECT p.id, p.identity, p.began_nameless, p.search_path,"
            " ARRAY(SELECT r.revision FROM {s}.revisions r WHERE r.project = p.id) AS revisions,"
            " ARRAY(SELECT s.name FROM {s}.sets s JOIN {s}.bases b ON b.id = s.base"
            " WHERE b.project = p.id) AS sets FROM {s}.projects p ORDER BY p.id"
        )
    )
    return records(found, Recorded)


def reached(connection: Connection) -> tuple[str, ...]:
    """The schemas in which this session finds a table by its bare name, in order."""
    return tuple(answer(connection, "SELECT pg_catalog.current_schemas(false)::text[]"))


def of_run(connection: Connection, ledger: Ledger, run: int) -> Ledger:
    """The record of the project whose run it is; raises ConfigurationInvalid without one."""
    statement = ledger.sql("SELECT coalesce(project, 0) FROM {s}.runs WHERE id = %s")
    project = answer(connection, statement, [run])
    if project is None:
        raise ConfigurationInvalid(
            f"There is no run {run} in the ledger of this database.",
            hint="`seeder history` lists the runs.",
            code="run-unknown",
        )
    return replace(ledger, project=project)
