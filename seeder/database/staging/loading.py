"""Loading: the rows of a set are copied into its stage, and values that do not fit are named."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set, Sized
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import psycopg
from psycopg import sql

from seeder.database.connection.connect import Connection
from seeder.database.connection.failures import Kind, kind_of
from seeder.database.schema.equality import NotRepresentable, copy_text, staged_type
from seeder.database.schema.tables import Column, Table
from seeder.database.staging.stage import Stage, copied_as_file, copied_key
from seeder.database.staging.work import constant
from seeder.errors import ConfigurationInvalid, Problem
from seeder.merge import moments
from seeder.merge.model import Cell, CsvFile, SeedColumn, SeedRow, SeedSet, TableName, Text
from seeder.runtime.progress import Progress

_CHUNK = 1 << 20

_COUNTED = 1024
"""Rows between two looks at how far a load is."""


def load(connection: Connection, stage: Stage, *, progress: Progress) -> None:
    """Copy the set's rows into the stage.

    Raises:
        ConfigurationInvalid: values do not fit their columns; all such values are named,
            by file, line and address, never by value.
    """
    try:
        with connection.transaction():
            _copy(connection, stage, progress)
    except (psycopg.Error, NotRepresentable) as error:
        problems = tuple(_rejected(connection, stage)) if _is_of_a_value(error) else ()
        if not problems:
            raise
        raise ConfigurationInvalid(
            f"Values of set {stage.seed_set.name} do not fit the table {stage.table}.",
            problems=problems,
            set=stage.seed_set.name,
            code="values-unfit",
        ) from None


def load_together(
    connection: Connection, stages: Sequence[Stage], *, progress: Progress
) -> int | None:
    """Copy the rows of several sets, all of them or none.

    Returns the place of the first stage with a value that does not fit; what it is and where
    it stands, `load` can tell.
    """
    fitting = 0
    try:
        with connection.transaction():
            for stage in stages:
                _copy(connection, stage, progress)
                fitting += 1
    except (psycopg.Error, NotRepresentable) as error:
        if not _is_of_a_value(error):
            raise
        return fitting
    return None


def _is_of_a_value(error: psycopg.Error | NotRepresentable) -> bool:
    """Whether a value that does not fit its column may have raised it.

    Types raise errors of every class: a bad ltree is a syntax error, a geometry an internal one.
    """
    return isinstance(error, NotRepresentable) or kind_of(error) is Kind.OTHER


_MOVING_BYTES = [word.encode() for word in moments.WORDS]


def _text_of(value: Cell, live: Column) -> str | None:
    """The text that the column takes.

    Raises NotRepresentable, also where it would mean another moment in every run.
    """
    if live.kind.holds_moments and (word := moments.moving_word(value)):
        raise NotRepresentable(moments.refusal(word))
    return copy_text(value, live)


def _moments(stage: Stage, source: CsvFile) -> list[int]:
    """The places of columns of moments that the file gives."""
    return [
        number
        for number, column in enumerate(stage.seed_set.columns)
        if column.name in source.header and stage.table.columns[column.name].kind.holds_moments
    ]


def _has_moving(stage: Stage, places: Sequence[int]) -> bool:
    values = (row.values[number] for row in stage.seed_set.rows for number in places)
    return any(moments.moving_word(value) for value in values)


def _copy(connection: Connection, stage: Stage, progress: Progress) -> None:
    source = copied_as_file(stage)
    if source is not None:
        _copy_file(connection, stage, source, progress)
    else:
        _copy_rows(connection, stage, progress)


def _copy_file(connection: Connection, stage: Stage, source: CsvFile, progress: Progress) -> None:
    as_address = copied_key(stage)
    columns = sql.SQL(", ").join(
        sql.Identifier("addr" if name == as_address else stage.sent_as(name))
        for name in source.header
    )
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv, HEADER true)").format(
        stage.relation, columns
    )
    with (
        connection.cursor() as cursor,
        cursor.copy(statement) as copy,
        Path(source.path).open("rb") as file,
    ):
        _require_same(stage, source, file)
        size = source.stamp[0]
        step = progress.step("loading", stage.seed_set.name, total=size, unit="bytes")
        places = _moments(stage, source)
        doubtful, tail = False, b""
        part = stage.lines.part if stage.lines is not None else None
        for chunk in _whole(file) if part is None else _parts(file, part.ranges):
            step.done = file.tell()
            copy.write(chunk)
            if places and not doubtful:
                text = tail + chunk.lower()
                doubtful, tail = any(word in text for word in _MOVING_BYTES), text[-9:]
        _require_same(stage, source, file)
        if doubtful and _has_moving(stage, places):
            raise NotRepresentable("a moment moves")


def _whole(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK):
        yield chunk


def _parts(file: BinaryIO, ranges: Iterable[tuple[int, int]]) -> Iterator[bytes]:
    """What stands in these ranges, as few pieces; each is much shorter than the file."""
    piece = bytearray()
    for start, end in ranges:
        file.seek(start)
        while start < end and (chunk := file.read(min(_CHUNK, end - start))):
            start += len(chunk)
            piece += chunk
            if len(piece) >= _CHUNK:
                yield bytes(piece)
                piece.clear()
    yield bytes(piece)


def _require_same(stage: Stage, source: CsvFile, file: BinaryIO) -> None:
    """Refuse a file that is no longer what the catalog was read from."""
    status = os.fstat(file.fileno())
    if (status.st_size, status.st_mtime_ns, status.st_ino) == source.stamp:
        return
    seed_set = stage.seed_set
    raise ConfigurationInvalid(
        f"The CSV file of set {seed_set.name} has changed while it was read.",
        hint="Run again.",
        problems=(Problem(message="has changed while it was read.", file=seed_set.file),),
        set=seed_set.name,
    )


def _copied_columns(stage: Stage) -> list[sql.Composable]:
    columns: list[sql.Composable] = [sql.Identifier("addr")]
    if len(stage.seed_set.shapes) > 1:
        columns.append(sql.Identifier("shape"))
    for number, column in enumerate(stage.sent, start=1):
        columns.append(sql.Identifier(f"{'d' if column.reference is None else 'r'}{number}"))
        if column.name in stage.lookups:
            columns.append(sql.Identifier(f"q{number}"))
    return columns


def _copy_rows(connection: Connection, stage: Stage, progress: Progress) -> None:
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        stage.relation, sql.SQL(", ").join(_copied_columns(stage))
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        rows = stage.seed_set.rows
        total = len(rows) if isinstance(rows, Sized) else None
        step = progress.step("loading", stage.seed_set.name, total=total)
        for number, row in enumerate(rows, start=1):
            copy.write_row(_fields(stage, row))
            if not number % _COUNTED:
                step.done = number


def _fields(stage: Stage, row: SeedRow) -> list[str | None]:
    fields: list[str | None] = [row.key]
    if len(stage.seed_set.shapes) > 1:
        fields.append(str(row.shape))
    given = stage.seed_set.shapes[row.shape] if stage.left_out else None
    for column, value in zip(stage.sent, row.values, strict=True):
        if given is not None and column.name not in given:
            fields.append(stage.left_out.get(column.name))
        elif column.reference is not None:
            fields.append(None if value is None else str(value))
            if column.name in stage.lookups:
                fields.append(fields[-1])
        else:
            fields.append(_text_of(value, stage.table.columns[column.name]))
    return fields


# -- constants that do not fit ------------------------------------------------------------


def unfit_constants(
    connection: Connection, sets: Iterable[SeedSet], tables: Mapping[TableName, Table]
) -> dict[str, list[Problem]]:
    """By set, what `scope` and `removed` give that its column does not take.

    They stand in statements of all kinds, which would end in the server's own words.
    """
    found = [
        (each, what, name, constant(value, live))
        for each in sets
        for what, constants in (("scope", each.scope), ("removed", each.removed_values))
        for name, value in constants
        if isinstance(value, str | int)
        and (live := tables[each.table].columns[name]).base not in _TEXTS
    ]
    if not found or _are_taken(connection, [value for *_, value in found]):
        return {}
    problems: dict[str, list[Problem]] = {}
    for each, what, name, value in found:
        if not _are_taken(connection, [value]):
            kind = tables[each.table].columns[name].type
            message = f"Set {each.name}: what `{what}` gives the column {name} is no {kind}."
            problems.setdefault(each.name, []).append(Problem(message=message, file=each.file))
    return problems


_TEXTS = ("text", "character varying", "character")


def _are_taken(connection: Connection, values: Iterable[sql.Composable]) -> bool:
    try:
        with connection.transaction():
            connection.execute(sql.SQL("SELECT {}").format(sql.SQL(", ").join(values)))
    except psycopg.Error as error:
        if not _is_of_a_value(error):
            raise
        return False
    return True


# -- naming every value that does not fit ------------------------------------------------

_REPORTED = 50

_FITS = """
CREATE OR REPLACE FUNCTION pg_temp.seeder_fits(value text) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    -- Not a cast: an explicit one cuts a text that is too long.
    EXECUTE pg_catalog.format('INSERT INTO pg_temp.seeder_probe VALUES (%L)', value);
    RETURN true;
EXCEPTION WHEN OTHERS THEN  -- all but a cancellation
    RETURN false;
END $$
"""


def _rejected(connection: Connection, stage: Stage) -> Iterator[Problem]:
    """Try each value on its own, a block of rows at a time, and name those that fail."""
    connection.execute(_FITS)
    found = 0
    rows = iter(stage.seed_set.rows)
    while found < _REPORTED and (block := list(islice(rows, 1000))):
        for problem in islice(_rejected_in(connection, stage, block), _REPORTED - found):
            found += 1
            yield problem


def _rejected_in(connection: Connection, stage: Stage, block: list[SeedRow]) -> Iterator[Problem]:
    for number, column in enumerate(stage.sent):
        live = stage.lookups.get(column.name) or stage.table.columns[column.name]
        probed = column.reference is None or column.name in stage.lookups
        texts: list[str | None] = []
        for row in block:
            try:
                value = row.values[number] if probed else None
                texts.append(_text_of(value if column.reference is None else _text(value), live))
            except NotRepresentable as reason:
                texts.append(None)
                yield _problem(stage, column, row, str(reason))
        lacking = {n for n, text in enumerate(texts) if text and "\0" in text}
        unencodable = _unencodable(connection, texts, lacking)
        lacking |= unencodable
        connection.execute(
            sql.SQL("CREATE TEMP TABLE seeder_probe (v {})").format(
                staged_type(live) if live.base == "money" else sql.SQL(live.type)
            )
        )
        refused = connection.execute(
            "SELECT n FROM pg_catalog.unnest(%s::text[]) WITH ORDINALITY v(value, n)"
            " WHERE value IS NOT NULL AND NOT pg_temp.seeder_fits(value) ORDER BY n",
            [[None if n in lacking else text for n, text in enumerate(texts)]],
        ).fetchall()
        connection.execute("DROP TABLE pg_temp.seeder_probe")
        for (n,) in refused:
            yield _problem(stage, column, block[n - 1], _does_not_cast(live))
        for row, text in zip(block, texts, strict=True):
            if text and "\0" in text:
                yield _problem(stage, column, row, "the value contains a NUL character")
        for n in sorted(unencodable):
            message = "the value has a character that the database's encoding lacks"
            yield _problem(stage, column, block[n], message)


def _text(value: Cell) -> Text | None:
    return None if value is None else Text(value)


def _does_not_cast(live: Column) -> str:
    if live.base == "money":
        return "the value is no plain number; what `1,50` and `$2` mean differs between servers"
    return f"the value does not cast to {live.type}"


def _unencodable(
    connection: Connection, texts: Sequence[str | None], without: Set[int]
) -> set[int]:
    """The places of texts that the server cannot even take in."""
    sent = [None if n in without else text for n, text in enumerate(texts)]
    if _arrives(connection, sent):
        return set()
    return {n for n, text in enumerate(sent) if text and not _arrives(connection, [text])}


def _arrives(connection: Connection, texts: Sequence[str | None]) -> bool:
    try:
        with connection.transaction():
            connection.execute("SELECT %s::text[]", [texts])
    except psycopg.errors.UntranslatableCharacter:
        return False
    return True


def _problem(stage: Stage, column: SeedColumn, row: SeedRow, message: str) -> Problem:
    seed_set = stage.seed_set
    return Problem(
        message=f"{seed_set.address(row.key)}, column {column.name}: {message}.",
        file=row.file or seed_set.file,
        line=row.line,
        address=seed_set.address(row.key),
    )
