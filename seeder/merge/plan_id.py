"""The identity of a plan: equal ids mean that the same is to happen to the same rows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from operator import itemgetter

from seeder.merge.plan import Plan, RowChange, SetOutcome


class RowsDigest:
    """A hash over the rows of one set, fed row by row so that no set need fit into memory."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def add(self, row: RowChange) -> None:
        """Take in the next row: address, action, and what every column was, is and becomes."""
        columns = [
            (
                column.name,
                column.case,
                column.asked_known,
                column.asked,
                column.stored,
                column.live,
                column.desired,
            )
            for column in row.columns
        ]
        self._hash.update(
            _encode((row.address, row.action, row.conflict, sorted(columns, key=itemgetter(0))))
        )

    def hexdigest(self) -> str:
        """The hash of the rows so far."""
        return self._hash.hexdigest()


def plan_id(plan: Plan) -> str:
    """SHA-256, hex, over all that makes a plan this plan; the order of sets does not count.

    Reasons and warnings are left out, and so are secrets, which no plan holds.
    """
    found = hashlib.sha256()
    found.update(
        _encode(
            (
                plan.catalog,
                sorted(plan.heads),
                sorted(plan.revisions),
                plan.migrations,
                plan.provisional,
                plan.environment,
                plan.mode,
                plan.adopt,
                plan.release,
                plan.tasks,
            )
        )
    )
    for each in sorted(plan.sets, key=lambda one: one.name):
        found.update(_encode((each.name, each.table, each.decision, each.digest)))
    return found.hexdigest()


def moved(shown: Plan, now: Plan) -> tuple[str, ...]:
    """What differs between a plan and the same plan made again, in words; empty if nothing."""
    before, after = _parts(shown), _parts(now)
    names = sorted(before.keys() | after.keys(), key=lambda name: (name.startswith("set "), name))
    return tuple(name for name in names if before.get(name) != after.get(name))


def _parts(plan: Plan) -> dict[str, object]:
    return {
        "the catalog": plan.catalog,
        "the environment": plan.environment,
        "the migrations": (sorted(plan.heads), sorted(plan.revisions), plan.migrations),
        "the mode": (plan.mode, plan.adopt),
        "the release": plan.release,
        "the tasks": plan.tasks,
        **{f"set {each.name}": (each.table, each.decision, each.digest) for each in plan.sets},
    }


def not_as_planned(plan: Plan, outcomes: Iterable[SetOutcome]) -> tuple[str, ...]:
    """Names of sets to which a run did something else than the plan says."""
    done = {each.name: (each.decision, dict(each.counts)) for each in outcomes}
    return tuple(
        each.name for each in plan.sets if done.get(each.name) != (each.decision, dict(each.counts))
    )


def _encode(value: object) -> bytes:
    # JSON lists: unlike joined text they cannot be read in two ways.
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"
