"""seeder: a one-shot release job for Postgres."""

from __future__ import annotations

# As type checkers know it: importing typing takes as long as `seeder --version` should.
TYPE_CHECKING = False

__version__ = "0.1.0"

__all__ = ["rows", "task"]

if TYPE_CHECKING:
    from seeder.catalog.api import rows, task
else:

    def __getattr__(name: str) -> object:
        # Imported when asked for: a web process that mounts the panel pays for nothing else.
        if name in ("rows", "task"):
            from seeder.catalog import api

            return getattr(api, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
