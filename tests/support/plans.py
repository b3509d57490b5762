"""Plans for tests, made of what differs from an ordinary one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from seeder.merge.model import Mode
from seeder.merge.plan import (
    ColumnCase,
    ColumnChange,
    Plan,
    RowAction,
    RowChange,
    SetDecision,
    SetPlan,
)
from seeder.merge.plan_id import RowsDigest, plan_id


def a_column(name: str = "label", **fields: Any) -> ColumnChange:
    known = {
        "case": ColumnCase.UPDATE,
        "reason": "unchanged since seeder wrote it",
        "asked": "Viewer",
        "stored": "Viewer",
        "live": "Viewer",
        "desired": "Reader",
    }
    return ColumnChange(name=name, **(known | fields))


def a_row(address: str = "roles/viewer", **fields: Any) -> RowChange:
    known = {
        "action": RowAction.UPDATE,
        "reason": "the catalog has changed",
        "columns": (a_column(),),
    }
    return RowChange(address=address, **(known | fields))


def rows_digest(rows: Iterable[RowChange]) -> str:
    """The digest of a set's rows."""
    digest = RowsDigest()
    for row in rows:
        digest.add(row)
    return digest.hexdigest()


def a_set(name: str = "roles", *rows: RowChange, **fields: Any) -> SetPlan:
    rows = rows or (a_row(f"{name}/viewer"),)
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.action.value] = counts.get(row.action.value, 0) + 1
        if row.conflict:
            counts["conflicts"] = counts.get("conflicts", 0) + 1
    known = {
        "table": f"public.{name}",
        "decision": SetDecision.MERGE,
        "reason": "an update merges it",
        "rows": rows,
        "counts": counts,
        "digest": rows_digest(rows),
    }
    return SetPlan(name=name, **(known | fields))


def a_plan(**fields: Any) -> Plan:
    known = {
        "id": "",
        "mode": Mode.UPDATE,
        "reason": "release 2 is new here",
        "release": "2",
        "environment": "production",
        "catalog": "c" * 64,
        "revisions": ("0002",),
        "heads": ("0002",),
        "provisional": False,
        "sets": (a_set(),),
    }
    made = Plan(**(known | fields))
    return replace(made, id=plan_id(made))
