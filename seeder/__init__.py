"""seeder: a one-shot release job for Postgres."""

from __future__ import annotations

# As type checkers know it: importing typing takes as long as `seeder --version` should.
TYPE_CHECKING = False

__version__ = "0.1.0"

__all__ = ["Plan", "RunResult", "SeederError", "plan", "rows", "run", "task"]

if TYPE_CHECKING:
    from seeder.catalog.project.api import rows, task
    from seeder.errors import SeederError
    from seeder.library import plan, run
    from seeder.merge.plan import Plan
    from seeder.merge.result import RunResult
else:
    _HOMES = {
        "Plan": "seeder.merge.plan",
        "RunResult": "seeder.merge.result",
        "SeederError": "seeder.errors",
        "plan": "seeder.library",
        "rows": "seeder.catalog.project.api",
        "run": "seeder.library",
        "task": "seeder.catalog.project.api",
    }

    def __getattr__(name: str) -> object:
        # Imported when asked for: a web process that mounts the panel pays for nothing else.
        if name in _HOMES:
            from importlib import import_module

            return getattr(import_module(_HOMES[name]), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
