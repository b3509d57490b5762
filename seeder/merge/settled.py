"""What the commands that look back and settle things found or did."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct, field

from seeder.merge.documents import ABSENT, within
from seeder.merge.plan import RowChange


class Settlement(Struct, frozen=True, kw_only=True):
    """What `undo`, `restore`, `resolve`, `adopt`, `mark` or `prune` did."""

    command: str
    run: int | None = None
    """The run that records it; None when nothing was to be done, or only shown."""
    subject: str = ""
    """What it was about, for the headline: `run 12`, `roles/viewer`."""
    dry_run: bool = False
    rows: tuple[RowChange, ...] = ()
    """Rows that were settled, and rows that were left with the reason; at most `SHOWN`."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """Rows by `RowAction`, all of them; for `prune`, what was forgotten."""
    notes: tuple[str, ...] = ()
    """What the command does not touch, and what comes next."""


SHOWN = 1000
"""How many rows a settlement or the details of a run name."""


class SetRecord(Struct, frozen=True, kw_only=True):
    """What a run did to one set."""

    name: str
    decision: str
    counts: Mapping[str, int] = field(default_factory=dict)


class RunRecord(Struct, frozen=True, kw_only=True):
    """A run as the ledger remembers it."""

    id: int
    started_at: datetime.datetime
    finished_at: datetime.datetime | None = None
    """None while it runs, and for a run that was killed."""
    result: str
    exit_code: int | None = None
    mode: str
    environment: str
    project: str | None = None
    """Its identity; None: of a project that has none, or of all."""
    release: str | None = None
    seeder_version: str
    actor: str | None = None
    plan_id: str | None = None
    revisions_before: tuple[str, ...] = ()
    revisions_after: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    sets: tuple[SetRecord, ...] = ()
    tasks: tuple[str, ...] = ()
    migrations: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class History(Struct, frozen=True, kw_only=True):
    """Runs, newest first."""

    runs: tuple[RunRecord, ...] = ()
    more: bool = False
    """There are older ones."""


class RowRecord(Struct, frozen=True, kw_only=True):
    """What a run did to one row; values are canonical text, None is NULL."""

    address: str
    action: str
    reason: str
    before: Mapping[str, str | None] = field(default_factory=dict)
    """By column, or part of a document: of an updated row what was written of it, of a deleted
    row the whole row."""
    after: Mapping[str, str | None] = field(default_factory=dict)
    """By column; of an inserted row what was asked for, as far as the ledger still says so."""
    bare: tuple[str, ...] = ()
    """Columns and parts whose values are shown without quotes: numbers, truth values, JSON."""


def in_parts(
    before: Mapping[str, str | None] | None,
    after: Mapping[str, str | None] | None,
    merged: Mapping[str, Mapping[str, Mapping[str, tuple[str, str]]]] | None,
) -> tuple[dict[str, str | None], dict[str, str | None]]:
    """Images as the ledger has them, with the written parts of documents in place of wholes."""
    sides = dict(before or {}), dict(after or {})
    for column, found in (merged or {}).items():
        parts = found.get("parts")
        if not parts or any(column not in side for side in sides):
            continue
        for n, side in enumerate(sides):
            del side[column]
            side |= {
                within(column, part): texts[n]
                for part, texts in parts.items()
                if texts[n] != ABSENT
            }
    return sides


class RunDetails(Struct, frozen=True, kw_only=True):
    """A run and the rows that it wrote."""

    run: RunRecord
    rows: tuple[RowRecord, ...] = ()
    """At most `SHOWN`: written ones first, in the order of writing, then inserted ones."""
    total: int = 0
    """How many there are."""


class ExportedSet(Struct, frozen=True, kw_only=True):
    """A seed set made from a live table."""

    name: str
    table: str
    rows: int
    text: str
    """The content of its file."""
    file: Path | None = None
    """Where it was written; None when it is for stdout."""
    remarks: tuple[str, ...] = ()
    """What could not be put into the file as it is."""
