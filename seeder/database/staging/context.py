"""The state of one seeding: its orders, what the ledger knows, and the sets at work."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from seeder.database.connection.connect import Connection
from seeder.database.ledger.tables.ledger import Ledger
from seeder.database.schema.tables import Table
from seeder.database.staging.recorded_keys import RecordedKeys
from seeder.database.staging.work import SetWork
from seeder.merge.model import Catalog, Mode, SeedSet, TableName
from seeder.merge.plan import RowChange, SetDecision
from seeder.runtime.progress import Progress

MERGING = (
    SetDecision.MERGE,
    SetDecision.INSERT_MISSING,
    SetDecision.ADOPT,
    SetDecision.REFRESH,
)
FINDING = (SetDecision.MERGE, SetDecision.REFRESH)
"""Decisions by which rows are found again that count as deleted, and those that have left."""
WRITTEN = (SetDecision.INSERT, *MERGING)


class Orders(Struct, frozen=True, kw_only=True):
    """What this run may do, decided before any set is looked at."""

    mode: Mode
    """`init`, `update` or `refresh`."""
    adopt: bool = False
    """Rows that were here before seeder are adopted (an update by hand)."""
    allow_missing: frozenset[str] = frozenset()
    created: frozenset[str] | None = None
    """Qualified names of tables that stood before this release's migrations; None: any
    table may have been here before."""
    migrations_pending: bool = False
    """For a survey: sets that do not fit the schema yet await the migrations."""
    reported: int = 0
    """How many rows of a set its outcome shows, whatever happened to them."""
    first: bool = False
    """First rows behind a revision: what was seeded before is left to the seeding to come."""
    staged: bool = False
    """No file is copied straight into its base: triggers may have made rows that it holds."""
    few: bool = False
    """For a few rows: no move is followed, and rows go by their keys in the ledger."""
    foresee: bool = False
    """An attempt was `Unforeseen`: find out what stays before anything is written."""
    staying: frozenset[tuple[str, str]] = frozenset()
    """Set and row key of rows that leave the catalog and are found to stay in their tables."""
    obstructed: Mapping[str, Mapping[str, str]] = {}
    """By set and row key: rows to which triggers give a unique value that another row holds, as a
    former attempt has found, each with that other row."""


class Unforeseen(Exception):  # no failure: the attempt is made again
    """Whether a row gives up its unique value depends on rows that are judged only later.

    Raised before anything of its table is written.
    """


class Known(Struct, frozen=True, kw_only=True):
    """A set as the ledger knows it."""

    id: int
    table: TableName
    key: tuple[str, ...]
    scope: str
    name: str
    digest: str
    base: int
    secrets: frozenset[str]
    """Columns of the table that a set of its base has declared secret."""
    columns: tuple[str, ...]
    """All that its base has, under the names that they had when it was last opened."""
    given: tuple[str, ...]
    """Those that its own rows gave when it was last applied."""
    waits: bool = False
    """Rows of it wait for other rows."""
    lined: bool = False
    """The ledger has the lines of its file."""


class Left(Struct, frozen=True, kw_only=True):
    """What became of rows of one set that have left the catalog."""

    set: str
    counts: Mapping[str, int]
    kept: tuple[RowChange, ...]
    """Those that need a person."""
    rows: tuple[RowChange, ...]
    """As many as an outcome shows."""


class Seeding(Struct, kw_only=True):
    """The state of one seeding while it goes on."""

    connection: Connection
    ledger: Ledger
    catalog: Catalog
    orders: Orders
    run: int
    """Zero: survey only."""
    progress: Progress = field(default_factory=Progress)
    tables: Mapping[TableName, Table] = field(default_factory=dict)
    known: tuple[Known, ...] = ()
    elsewhere: tuple[Known, ...] = ()
    """What other projects' records in the ledger know; of interest for what is secret."""
    secrets: Mapping[TableName, frozenset[str]] = field(default_factory=dict)
    """By qualified table: columns that any set, past or present, has declared secret."""
    rescoped: dict[str, Known] = field(default_factory=dict)
    """By name: sets that the ledger knows in another scope, and as what."""
    renamed: dict[int, Known] = field(default_factory=dict)
    """By the number of the base: tables and keys that have others now, and one of their sets as
    the ledger has it."""
    stale: set[str] = field(default_factory=set)
    """Sets whose renaming the ledger has not followed yet."""
    works: dict[str, SetWork] = field(default_factory=dict)
    decisions: dict[str, tuple[SetDecision, str]] = field(default_factory=dict)
    waiting: set[str] = field(default_factory=set)
    """Sets of which rows wait for other rows."""
    complete: set[str] = field(default_factory=set)
    """Sets that were compared and none of whose entries had left the catalog."""
    resolving: frozenset[str] = frozenset()
    """Sets whose rows are written into their bases with what their references lead to."""
    warnings: list[str] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    keys: RecordedKeys | None = None
    """Where `orders.few`: what the ledger calls the rows."""
    imaged: set[str] = field(default_factory=set)
    """Sets of which what is overwritten is on record."""
    contested: set[int] = field(default_factory=set)
    """Tables of which leaving rows may hold unique values that others want."""
    aside: list[str] = field(default_factory=list)
    """Sets with leaving rows that have stepped aside."""

    @property
    def writes(self) -> bool:
        """Whether this is a run and not a survey."""
        return self.run > 0


def set_named(seeding: Seeding, name: str) -> SeedSet:
    """The active set of that name."""
    return next(each for each in seeding.catalog.sets if each.name == name)
