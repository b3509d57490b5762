"""What a run would do, or did: values that reports render and that jobs compare."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct, field

from seeder.merge.model import Mode

REFERENCE = "-> "
"""What stands before the key of a row that a value refers to."""


class SetDecision(StrEnum):
    """What a run does with a whole set."""

    INSERT = "insert"
    """The table is empty (in scope) and was never seeded: insert every row."""
    MERGE = "merge"
    """Row by row, by the rules."""
    INSERT_MISSING = "insert-missing"
    """`when: missing` on an ordinary deploy: only rows never seeded before."""
    ADOPT = "adopt"
    """First contact with rows that are already there: adopt by key, insert the rest."""
    REFRESH = "refresh"
    """Every row to its desired value."""
    UNCHANGED = "unchanged"
    """Seeded before, and the catalog asks for nothing new."""
    UNADOPTED = "unadopted"
    """Never seeded, with rows: left alone until someone adopts or updates."""
    PENDING = "pending"
    """The catalog has changed; an update would apply it."""
    AWAITING_TABLE = "awaiting-table"
    """The table, or columns of it, do not exist before the pending migrations."""


class RowAction(StrEnum):
    """What happens to one row."""

    INSERT = "insert"
    UPDATE = "update"
    ADOPT = "adopt"
    DELETE = "delete"
    REMOVE = "remove"
    """Gone from the catalog: the columns of `removed: {set: ...}` are written."""
    RELEASE = "release"
    """Gone from the catalog and kept: seeder looks after it no longer."""
    RESTORE = "restore"
    """Back in the catalog after seeder itself had removed it."""
    MOVE = "move"
    """The key changed in the catalog; identity and key follow."""
    RECORD = "record"
    """Only the ledger changes: live already is what is desired."""
    KEEP = "keep"
    """A person's change, deletion or conflict stands; nothing is written to the table."""
    SKIP = "skip"
    """Refers to a row that is not there."""


class Why(StrEnum):
    """What a row of the catalog waits for."""

    REFERENCE = "reference"
    """A row that it refers to is not there."""
    VALUE = "value"
    """A row that stays as it is holds a unique value that it wants."""


class ColumnCase(StrEnum):
    """The verdict on one column."""

    NOTHING = "nothing"
    UPDATE = "update"
    SETTLE = "settle"
    """Live already is what is desired; only the ledger learns it."""
    CONFLICT = "conflict"
    OVERWRITE = "overwrite"
    HELD = "held"
    """A conflict reported earlier; live is kept in silence."""
    ALWAYS = "always"
    LET_GO = "let-go"
    """The row no longer gives it, and its default varies: the live value stays."""
    MERGE = "merge"
    """The document is merged inside; each part has a case of its own."""
    CHANGED = "changed"
    """A person changed it since it was last applied, and it stays; nothing else is asked for."""
    MARK = "mark"
    """The row has left the catalog: the value of `removed: {set: ...}` is written."""


CHANGED = "changed here since"
"""The reason of a column that a person changed after it was last applied."""


class ColumnChange(Struct, frozen=True, kw_only=True):
    """One column of a changed row; values are canonical text, None is NULL.

    Of a document that is merged inside, one part: values are JSON, or `absent`.
    """

    name: str
    """The column's; of a part with its path behind: `settings.limits.seats`, `grants[a.view]`."""
    case: ColumnCase
    reason: str
    """Why, for people; nothing is decided by its wording."""
    rule: str = ""
    """The name of the rule that decided, where one did."""
    asked: str | None = None
    """Last applied, as it was asked for."""
    stored: str | None = None
    """Last applied, as the table stored it."""
    live: str | None = None
    desired: str | None = None
    asked_known: bool = True
    secret: bool = False
    """Values of secret columns are always None."""
    bare: bool = False
    """Values stand without quotes: numbers, truth values, parts of documents."""


COUNTED = 1000
"""Rows of a table that refer to a row are counted up to here; one more stands for more."""


class Referring(Struct, frozen=True, kw_only=True):
    """Rows of one table that refer to a row."""

    table: str
    rows: int
    """At most one more than `COUNTED`."""


class RowChange(Struct, frozen=True, kw_only=True):
    """One row that a run writes, records, keeps against the catalog or skips."""

    address: str
    action: RowAction
    reason: str
    """Why, for people; nothing is decided by its wording."""
    rule: str = ""
    """The name of the rule that decided, where one did."""
    columns: tuple[ColumnChange, ...] = ()
    conflict: bool = False
    """True when a person should look at it."""
    holder: str | None = None
    """The live row that holds a unique value which this one wants: `public.plans (id 7)`."""
    referring: tuple[Referring, ...] = ()
    """Of a row that stays since others refer to it: which."""
    missing: str | None = None
    """Of a row that waits: what it refers to and is not there: `roles/admin`."""


class SetPlan(Struct, frozen=True, kw_only=True):
    """What happens to one seed set."""

    name: str
    table: str
    decision: SetDecision
    reason: str
    rows: tuple[RowChange, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    """Rows by `RowAction`, and `conflicts`; of all rows."""
    digest: str = ""
    """Of all rows, in order; see `plan_id.RowsDigest`."""
    left_out: int = 0
    """How many rows `rows` leaves out, to stay small."""


class Plan(Struct, frozen=True, kw_only=True):
    """What a run would do."""

    id: str
    """What `plan_id.plan_id` makes of the rest: equal plans have equal ids."""
    mode: Mode
    reason: str = ""
    """Why it is this mode, in words."""
    adopt: bool = False
    """Rows that were here before seeder are adopted: an update by hand or by request."""
    release: str | None
    environment: str
    catalog: str = ""
    """The catalog's digest."""
    revisions: tuple[str, ...] = ()
    """The database's migration heads."""
    heads: tuple[str, ...] = ()
    """The image's."""
    provisional: bool
    """Migrations are pending, so the schema may still change; cannot be approved."""
    migrations: tuple[str, ...] = ()
    """Revisions that would be applied, in order."""
    sets: tuple[SetPlan, ...] = ()
    tasks: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    standing: int = 0
    """Rows in conflict that earlier runs reported, and that nobody has settled."""
    skipped: int = 0
    """Rows that earlier runs skipped, and that still wait for rows that are not there."""

    @property
    def conflicts(self) -> int:
        """Rows that a person should look at."""
        return sum(each.counts.get("conflicts", 0) for each in self.sets)

    @property
    def changes(self) -> int:
        """Rows that would be written, or whose ledger entry would be."""
        return sum(each.counts.get(action, 0) for each in self.sets for action in _CHANGING)

    @property
    def waiting(self) -> tuple[str, ...]:
        """Sets whose changes this run would leave to another."""
        return tuple(each.name for each in self.sets if each.decision in _WAITING)


_CHANGING = tuple(action for action in RowAction if action not in (RowAction.KEEP, RowAction.SKIP))
_WAITING = (SetDecision.UNADOPTED, SetDecision.PENDING, SetDecision.AWAITING_TABLE)


class SetOutcome(Struct, frozen=True, kw_only=True):
    """What a finished run did to one set."""

    name: str
    table: str
    decision: SetDecision
    counts: Mapping[str, int] = field(default_factory=dict)
    """Rows by `RowAction`, and `conflicts`; zero counts are left out."""
    kept: tuple[RowChange, ...] = ()
    """Rows that need a person: conflicts, skips, ambiguities (at most 100)."""
    rows: tuple[RowChange, ...] = ()
    """All rows as they were judged, the first of them, where a report asks for them."""
