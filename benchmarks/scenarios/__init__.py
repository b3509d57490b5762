"""The targets, each a module with `run(bench) -> Outcome`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from benchmarks.bench import Bench, Outcome
from benchmarks.scenarios import (
    clones,
    curves,
    documents,
    first_load,
    ledger,
    live,
    memory,
    migrations,
    small_sets,
    unchanged,
    update,
    variants,
    work,
)

ALL: Mapping[str, Callable[[Bench], Outcome]] = {
    "unchanged": unchanged.run,
    "first-load": first_load.run,
    "row-by-row": first_load.row_by_row,
    "update": update.run,
    "variants": variants.run,
    "ledger": ledger.run,
    "work": work.run,
    "documents": documents.run,
    "small-sets": small_sets.run,
    "memory": memory.run,
    "live": live.run,
    "migrations": migrations.run,
    "clones": clones.run,
    "curves": curves.run,
}
"""By the name that `--only` takes."""

ONCE = frozenset({"curves"})
"""Hours of it, for what one server shows."""
