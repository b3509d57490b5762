"""`seeder export TABLE...`: seed sets from a live database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from seeder.catalog.authoring import writer
from seeder.configuration.settings import Settings
from seeder.errors import ConfigurationInvalid
from seeder.merge.model import SetReference, TableName, TableReference
from seeder.merge.settled import ExportedSet
from seeder.runtime.log import Log
from seeder.settle.recorded import held

if TYPE_CHECKING:
    from seeder.database.settling.export import ExportCell, ExportColumn, ExportTable


def table_name(text: str) -> TableName:
    """A table as written on the command line: `roles` or `app.roles`."""
    schema, _, name = text.rpartition(".")
    return TableName(schema=schema or None, name=name)


def export(
    settings: Settings,
    *,
    log: Log,
    tables: Sequence[str],
    keys: Mapping[str, tuple[str, ...]],
    out: Path | None = None,
) -> tuple[ExportedSet, ...]:
    """Read tables and write each as a seed set; below `out`, or as text only.

    `keys` gives natural keys by table, for those whose unique indexes do not tell. Raises
    ConfigurationInvalid for unknown tables, missing keys, and files that exist already.
    """
    from seeder.database.connection.failures import translated
    from seeder.database.settling.export import read_exports

    names = [table_name(each) for each in dict.fromkeys(tables)]
    with (
        held(settings, log=log, reading=True) as opened,
        translated(doing="reading the tables"),
        opened.connection.transaction(),
    ):
        opened.connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        found = read_exports(
            opened.connection,
            opened.ledger,
            names,
            {table_name(each): key for each, key in keys.items()},
        )
    sets = tuple(_exported(each, out) for each in found)
    if out is not None:
        _write(sets, out)
    return sets


def _exported(each: ExportTable, out: Path | None) -> ExportedSet:
    written = [{c.name: _cell(c, row[c.name]) for c in each.columns} for row in each.rows]
    defaults = _defaults(each, written)
    return ExportedSet(
        name=each.name,
        table=str(each.given),
        rows=len(each.rows),
        text=writer.seed_file(
            table=str(each.given),
            key=each.identity.key,
            nulls_equal=each.identity.nulls_equal,
            scope=dict.fromkeys(each.identity.scope, "null"),
            deleted=each.identity.deleted,
            columns={
                **{c.name: rule for c in each.columns if written and (rule := _rule(c))},
                **dict.fromkeys(each.secrets, "{secret: true}"),
            },
            defaults=defaults,
            rows=[
                {name: cell for name, cell in row.items() if name not in defaults}
                for row in written
            ],
            remarks=(*each.comments, *each.remarks),
        ),
        file=None if out is None else out / f"{each.name}.yaml",
        remarks=tuple(each.remarks),
    )


def _rule(column: ExportColumn) -> str | None:
    never = ", update: never" if column.insert_only else ""
    match column.reference:
        case None:
            return "{update: never}" if never else None
        case SetReference(set=name):
            return f"{{ref: {writer.scalar(name)}{never}}}"
        case TableReference(table=table, key=key):
            target = f"table: {writer.scalar(str(table))}, key: {writer.scalar(key)}"
            return f"{{ref: {{{target}}}{never}}}"
    assert_never(column.reference)


def _defaults(each: ExportTable, rows: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Values that all rows share, where that saves anything."""
    if len(rows) < 2:
        return {}
    return {
        column.name: rows[0][column.name]
        for column in each.columns
        if column.name not in each.identity.key
        and column.reference is None
        and all(row[column.name] == rows[0][column.name] for row in rows)
    }


def _cell(column: ExportColumn, value: ExportCell) -> str:
    from seeder.database.settling.export import Kind

    if value is None:
        return "null"
    if isinstance(value, tuple):
        parts = ", ".join("null" if part is None else writer.scalar(part) for part in value)
        return parts if len(value) == 1 else f"[{parts}]"
    match column.kind:
        case Kind.BOOLEAN:
            return value
        case Kind.NUMBER:
            return writer.number(value)
        case Kind.JSON:
            return writer.document(value)
        case Kind.LIST:
            return writer.flow(value)
        case Kind.TEXT:
            return writer.scalar(value)
    assert_never(column.kind)


def _write(sets: Sequence[ExportedSet], out: Path) -> None:
    taken = [str(each.file) for each in sets if each.file is not None and each.file.exists()]
    if taken:
        raise ConfigurationInvalid(
            f"Already there: {', '.join(taken)}.",
            hint="Nothing was written. Export to another directory and compare.",
            code="file-exists",
        )
    try:
        out.mkdir(parents=True, exist_ok=True)
        for each in sets:
            if each.file is not None:
                with each.file.open("x", encoding="utf-8") as file:  # through no link
                    file.write(each.text)
    except OSError as error:
        raise ConfigurationInvalid(
            f"Cannot write to {out}: {error.strerror}.", code="file-not-written"
        ) from None
