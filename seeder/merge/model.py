"""The desired state: seed sets, their rows and their policies, as plain frozen values."""

from __future__ import annotations

import datetime
import decimal
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from pathlib import Path
from typing import Protocol, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

# For who needs the rest as well.
from seeder.merge.given import DISPOSABLE as DISPOSABLE
from seeder.merge.given import Migrations as Migrations
from seeder.merge.given import Mode as Mode
from seeder.merge.given import is_disposable as is_disposable


class When(StrEnum):
    """When an ordinary deploy (mode `init`) inserts rows of a set."""

    EMPTY = "empty"
    MISSING = "missing"


class Removed(StrEnum):
    """What an update does with a row that has left the catalog."""

    KEEP = "keep"
    DELETE = "delete"
    SET = "set"


class Conflict(StrEnum):
    """Which value wins when live, last applied and desired all differ."""

    KEEP = "keep"
    OVERWRITE = "overwrite"


class Nulls(StrEnum):
    """Whether NULL in a key column is a value like any other."""

    DISTINCT = "distinct"
    EQUAL = "equal"


class Update(StrEnum):
    """How an update treats one column."""

    MERGE = "merge"
    ALWAYS = "always"
    NEVER = "never"


class Text(str):
    """A value in Postgres' own text form, cast to the column's type as it stands.

    CSV fields, `!env` and `!file` are of this class: a JSON document in a file is a
    document, while a plain YAML string in a jsonb column is a JSON string.
    """

    __slots__ = ()


class Generator(Enum):
    """What the server makes anew for every row that it inserts."""

    NOW = "now"
    UUID = "uuid"


Cell: TypeAlias = (
    bool
    | int
    | float
    | decimal.Decimal
    | str
    | bytes
    | datetime.date
    | datetime.time
    | datetime.timedelta
    | uuid.UUID
    | list["Cell"]
    | tuple["Cell", ...]
    | Mapping[str, "Cell"]
    | None
)
"""One desired value. Numbers from files are int or Decimal, so that no digit is lost."""


class TableName(Struct, frozen=True, kw_only=True, order=True):
    """A table as a catalog names it; without a schema it is found on the search path."""

    schema: str | None
    name: str

    def __str__(self) -> str:
        return ".".join(self.parts)

    @property
    def parts(self) -> tuple[str, ...]:
        """As an identifier has them: the schema, if there is one, and the name."""
        return (self.name,) if self.schema is None else (self.schema, self.name)


class SetReference(Struct, frozen=True, kw_only=True):
    """A column whose values are row keys of another seed set (`{ref: roles}`)."""

    set: str


class TableReference(Struct, frozen=True, kw_only=True):
    """A column whose values are natural keys in a table that no set owns."""

    table: TableName
    key: str


class Way(StrEnum):
    """How two sides that both changed a document, or a part of one, come together."""

    ATOMIC = "atomic"
    """As a whole."""
    MAP = "map"
    """Key by key, and so on inside."""
    SET = "set"
    """Element by element; order and repetition mean nothing."""
    LIST = "list"
    """Element by element, told apart by the keys that `by` names."""


class Strategy(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far inside a document the merge goes, and how."""

    way: Way = Way.ATOMIC
    by: tuple[str, ...] = ()
    """For a list: the keys of its elements by which they are told apart."""
    moved: tuple[tuple[str, str], ...] = ()
    """For a list: elements whose key changed in the catalog, from and to, as `list_key` writes."""
    paths: tuple[tuple[str, Strategy], ...] = ()
    """For keys that are merged in a way of their own; of a list, keys of its elements."""
    update: Update | None = None
    """How an update treats it, as of a column; None: as what is around it."""
    conflict: Conflict | None = None
    """Which value wins where both sides changed it; None: as around it, in the end as the set."""

    @property
    def shape(self) -> Strategy:
        """Only how far inside it goes, there and back: nothing of who wins where."""
        inside = tuple((name, each.shape) for name, each in self.paths)
        moved = (*self.moved, *((new, old) for old, new in self.moved))
        return Strategy(way=self.way, by=self.by, moved=moved, paths=inside)

    @property
    def keeps(self) -> bool:
        """Whether any part is written on insert only."""
        return self.update is Update.NEVER or any(each.keeps for _, each in self.paths)

    @property
    def reasserts(self) -> bool:
        """Whether any part is written at every update."""
        return self.update is Update.ALWAYS or any(each.reasserts for _, each in self.paths)

    def inside(self, key: str) -> Strategy:
        """The strategy for a key of a mapping: mappings inside are merged as it is, unless said."""
        if not self.paths and self.update is None and self.conflict is None:
            return _INSIDE
        return self._around(dict(self.paths).get(key, _INSIDE))

    def element(self, way: Way = Way.MAP) -> Strategy:
        """The strategy for an element: of a list a mapping, of a set a whole."""
        return self._around(Strategy(way=way, paths=self.paths))

    def _around(self, each: Strategy) -> Strategy:
        return replace(
            each,
            update=self.update if each.update is None else each.update,
            conflict=self.conflict if each.conflict is None else each.conflict,
        )


_INSIDE = Strategy(way=Way.MAP)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedColumn:
    """One column that at least one row of the set gives a value."""

    name: str
    reference: SetReference | TableReference | None = None
    update: Update = Update.MERGE
    secret: bool = False
    was: tuple[str, ...] = ()
    """The column's former names; its ledger values move to the new one."""
    merge: Strategy | None = None
    """How its documents are merged; None: as a whole, like any other value."""
    generator: Generator | None = None
    """Of a column in `SeedSet.generated`."""
    make: Callable[[Cell], Cell] | None = field(default=None, compare=False)
    """The application's function that makes what is inserted of what a row gives."""
    file: str | None = field(default=None, compare=False)
    """Project-relative: where the column is first named."""
    line: int | None = field(default=None, compare=False)


class SeedRow(Struct, frozen=True, kw_only=True):
    """One desired row, aligned with `SeedSet.columns`.

    In a reference column the cell is the row key of the referenced row (or, for a
    `TableReference`, its natural key as text), never a stored id. The cell of a column
    that the row leaves out (see `SeedSet.shapes`) is None and means nothing.
    """

    key: str
    """The row's part of its address: key values as text, joined by commas; a comma or
    backslash inside a value is escaped with a backslash."""
    values: tuple[Cell, ...]
    shape: int = 0
    """Index into `SeedSet.shapes`: which columns this row gives."""
    line: int | None = None
    file: str | None = None
    """Project-relative, where it is not the set's own file."""


Stamp: TypeAlias = tuple[int, int, int]
"""What tells a file from what it was before: its size, time of change (ns) and inode."""


class RowSource(Protocol):
    """Where a set's rows come from; iterating twice gives the same rows."""

    def __iter__(self) -> Iterator[SeedRow]:
        """Yield the rows in file order."""
        ...

    @property
    def csv(self) -> CsvFile | None:
        """The file behind the rows, where its bytes can be copied as they are.

        Only for sets without expansion, whose defaults do not fill any of the file's columns nor
        of the key's. Where a column holds references, no field needs an escape in an address.
        """
        ...


class CsvFile(Struct, frozen=True, kw_only=True):
    """A CSV file that Postgres can read by itself: UTF-8, no BOM, a header line."""

    path: Path
    header: tuple[str, ...]
    stamp: Stamp
    """Of the file as it was when the header was read."""
    newline: str = "\n"
    blank_ends: bool = False
    """A field may end with a blank."""
    verbatim: bool = False
    """No field has a comma or a backslash in it, so that a row's address is what its key says."""
    unique: bool = False
    """Every row was looked at, and no key stands there twice."""
    constants: tuple[tuple[str, Cell], ...] = ()
    """Columns that the file does not give, and what every row has in them."""


class UnfiledRows(Struct, frozen=True):
    """Rows that stand in no file which could be copied as it is."""

    @property
    def csv(self) -> CsvFile | None:
        """No file."""
        return None


class ListedRows(UnfiledRows, frozen=True):
    """Rows held in memory, which are always sent value by value."""

    rows: tuple[SeedRow, ...] = ()

    def __iter__(self) -> Iterator[SeedRow]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


class ChangedRows(UnfiledRows, frozen=True):
    """Rows of another source, each changed on its way; its file does not say to what."""

    rows: RowSource
    change: Callable[[SeedRow], SeedRow]

    def __iter__(self) -> Iterator[SeedRow]:
        return map(self.change, self.rows)


class Move(Struct, frozen=True, kw_only=True):
    """A row whose key changed in the catalog: from the old row key to the new."""

    old: str
    new: str
    old_values: tuple[Cell, ...] = ()
    """Aligned with `SeedSet.key`."""
    new_values: tuple[Cell, ...] = ()


class After(Struct, frozen=True, kw_only=True):
    """The revision behind which the first rows of a set go in."""

    revision: str
    line: int | None = None
    """Where the set's file says so."""


class Former(Struct, frozen=True, kw_only=True):
    """Where the rows of a set were known before: under another table, key or scope."""

    table: TableName | None = None
    """None: the same."""
    key: tuple[str, ...]
    """Without the columns that the scope of that time fixed."""
    scope: tuple[tuple[str, Cell], ...] | None = None
    """None: the same."""


class Policies(Struct, frozen=True, kw_only=True):
    """What a seed set says of itself beside its rows and columns."""

    name: str
    """The file's stem without a leading number; unique in the catalog."""
    file: str
    """Project-relative."""
    table: TableName
    nulls: Nulls = Nulls.DISTINCT
    """Equal: rows may have NULL in columns of their key."""
    when: When = When.EMPTY
    removed: Removed = Removed.KEEP
    deleted: str | None = None
    """A soft-delete column: non-null or true counts as gone."""
    conflict: Conflict = Conflict.KEEP
    together: tuple[tuple[str, ...], ...] = ()
    """Columns that only make sense together: each group is decided as one value."""
    environments: frozenset[str] | None = None
    """None: every environment."""
    after: After | None = None
    secrets: frozenset[str] = frozenset()
    """Columns of the table that any set, past or present, has declared secret."""


class SeedSet(Policies, frozen=True, kw_only=True):
    """A seed set: rows of one table, how they are identified, and the policies."""

    key: tuple[str, ...]
    """Natural key columns, as written. Those that `scope` fixes are not repeated."""
    columns: tuple[SeedColumn, ...]
    """Key columns, scope columns and all others that a row gives; key columns first."""
    rows: RowSource
    shapes: tuple[frozenset[str], ...] = ()
    """Names of the columns that rows of each shape give; empty means that every row
    gives every column."""
    generated: tuple[SeedColumn, ...] = ()
    """Columns that the server fills in, wherever a row leaves them out, when it inserts the
    row, and that nothing changes afterwards; none of the key's."""
    withheld: tuple[SeedColumn, ...] = ()
    """Columns that are declared secret, and that no row gives."""
    scope: tuple[tuple[str, Cell], ...] = ()
    """Constants, sorted by column name; also present in `columns` and in every row."""
    removed_values: tuple[tuple[str, Cell | Generator], ...] = ()
    """For `Removed.SET`: column and value."""
    moved: tuple[Move, ...] = ()
    was: tuple[Former, ...] = ()

    def address(self, key: str) -> str:
        """The address of a row, for people."""
        return f"{self.name}/{key}"

    def with_it(self, name: str) -> tuple[str, ...]:
        """The columns that are decided together with one, that one included."""
        return next((names for names in self.together if name in names), (name,))

    def column(self, name: str) -> SeedColumn:
        """The column of that name; KeyError if no row gives it."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)


class TaskKind(StrEnum):
    """How a task is written."""

    PYTHON = "python"
    SQL = "sql"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A one-off step of a release: once per database, in update mode, after the rows."""

    name: str
    release: str
    kind: TaskKind
    file: str
    digest: str
    """Of its meaning: an edit of comments or formatting leaves it as it is."""
    sql: str | None = None
    call: Callable[..., object] | None = field(default=None, compare=False)
    """For Python tasks: called with a SQLAlchemy connection in the seeding transaction."""
    environments: frozenset[str] | None = None


class Catalog(Struct, frozen=True, kw_only=True):
    """Everything a project directory asks for, checked as far as files alone allow."""

    project: Path
    identity: str | None = None
    """Which project it is, whatever its directory; None: seeder.toml does not say."""
    release: str | None
    supersedes: tuple[str, ...] = ()
    """Releases that it builds on, where their names do not tell."""
    environment: str
    migrations: Migrations
    sets: tuple[SeedSet, ...]
    """Sets of this environment, referenced sets before those that refer to them."""
    inactive: tuple[SeedSet, ...] = ()
    """Sets that another environment would have."""
    tasks: tuple[Task, ...] = ()
    warnings: tuple[str, ...] = ()
    env_names: tuple[str, ...] = ()
    """Environment variables that non-secret values were taken from."""
    digest: str = ""
    """SHA-256, hex, over the bytes of seeder.toml, seeds and migrations."""


NULL = "\\N"
"""What stands in an address for a NULL."""


def row_key(values: tuple[str | None, ...]) -> str:
    """Join key values into the row's part of its address.

    >>> row_key(("org_owner", "inventory.view"))
    'org_owner,inventory.view'
    """
    return ",".join(
        NULL if v is None else v.replace("\\", "\\\\").replace(",", "\\,") for v in values
    )


def key_values(key: str) -> tuple[str | None, ...]:
    """Split what `row_key` joined.

    >>> key_values(row_key(("a,b", "c")))
    ('a,b', 'c')
    """
    values: list[str | None] = [""]
    letters = iter(key)
    for letter in letters:
        if letter == ",":
            values.append("")
            continue
        escaped = next(letters, "") if letter == "\\" else None
        values[-1] = None if escaped == "N" else (values[-1] or "") + (escaped or letter)
    return tuple(values)
