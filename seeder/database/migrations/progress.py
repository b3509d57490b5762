"""How far an upgrade came."""

from __future__ import annotations

from msgspec import Struct, field


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
