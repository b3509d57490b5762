"""The full result as JSON, for `--report` and for `--json`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from seeder.merge.found import CheckResult, Conflicts, Readiness, Requests, Status
from seeder.merge.plan import Plan
from seeder.merge.plan_document import to_document
from seeder.merge.result import Failure, RunResult
from seeder.merge.settled import History, RunDetails, Settlement

FORMAT = 1
"""Of the document; raised when a field changes its meaning or goes away."""


Document: TypeAlias = (
    RunResult
    | Failure
    | CheckResult
    | Status
    | Conflicts
    | Readiness
    | Requests
    | Settlement
    | History
    | RunDetails
)


def document(result: Document) -> bytes:
    """Render a result as indented JSON, with a newline at its end."""
    # Imported here: a run without --report does without.
    import msgspec

    content = {"format": FORMAT, **msgspec.to_builtins(result, enc_hook=_plain)}
    return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"


def plan_document(plan: Plan) -> bytes:
    """Render a plan as `run --plan` reads it, with a newline at its end."""
    import msgspec

    return msgspec.json.format(msgspec.json.encode(to_document(plan)), indent=2) + b"\n"


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Path):
        return str(value)
    return f"<{type(value).__name__}>"
