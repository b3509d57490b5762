"""What a run is given beside rows: its mode, the environment, the way of the migrations.

Apart from `model`, since a deploy that has nothing to do needs this and none of that: on its
path every data class counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Mode(StrEnum):
    """What a run may do with seed data; `auto` is decided per database."""

    AUTO = "auto"
    INIT = "init"
    UPDATE = "update"
    REFRESH = "refresh"
    NONE = "none"


DISPOSABLE = frozenset({"dev", "test"})
"""Environments whose databases may be rewritten freely; all others are protected."""


def is_disposable(environment: str) -> bool:
    """Whether a database marked with this environment may be rewritten freely."""
    return environment in DISPOSABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Migrations:
    """How the migrations of a project run; exactly one of the three ways."""

    alembic: Path | None = None
    """The Alembic script directory, absolute."""
    command: tuple[str, ...] | None = None
    command_digest: tuple[str, ...] = ()
    """Globs whose bytes stand for the command's effect, for the unchanged path."""
    project_env: bool = False
    """Run the project's own env.py instead of seeder's runner."""
    config: Path | None = None
    """Alembic's configuration, absolute; None: found where Alembic and Flask-Migrate put it."""
    section: str | None = None
    """Its main section; None: `alembic`."""
    options: tuple[tuple[str, str], ...] = ()
    """What revisions and env.py find as -x arguments and in `config.attributes`."""
    imports: tuple[str, ...] = ()
    """Modules that add operations to `op`."""
    flask: str | None = None
    """The Flask application that env.py asks for, as FLASK_APP names it."""
    version_table: str = "alembic_version"
    version_table_schema: str | None = None
    target: str = "head"

    @property
    def none(self) -> bool:
        """True when the project has no migrations of its own."""
        return self.alembic is None and self.command is None
