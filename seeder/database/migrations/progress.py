"""What an upgrade works with, and how far it came."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from seeder.database.connection.connect import Connection
from seeder.database.migrations.revisions import RevisionGraph
from seeder.merge.model import Migrations
from seeder.runtime.log import Log


class Progress(Struct):
    """How far an upgrade came; the one thing here that changes."""

    applied: list[str] = field(default_factory=list)
    """Revisions that were committed."""
    running: str | None = None
    file: str | None = None
    autocommit: bool = False
    """Whether the running revision is inside an autocommit block."""
    recorded: bool = False
    """Whether the running revision is in the version table, and only to be committed."""
    used_autocommit: bool = False
    """Whether the running revision has committed a part of itself."""
    concurrently: list[str] = field(default_factory=list)
    """What the running revision did CONCURRENTLY, as SQL."""
    started: float = 0.0


class Upgrade(Struct, frozen=True, kw_only=True):
    """What revisions are applied with, up to one target."""

    connection: Connection
    migrations: Migrations
    graph: RevisionGraph
    progress: Progress
    lock_key: int
    log: Log
    ddl_lock_timeout: float
    environment: Mapping[str, str] | None
    deadline: float | None
