"""A plan as a JSON document: for `--out`, `--json`, and the ledger's pending plan."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from seeder.errors import ConfigurationInvalid, PlanStale
from seeder.merge.plan import ColumnChange, Plan, RowChange, SetPlan

FORMAT = 1
"""Of the document; raised when a field changes its meaning or goes away."""

ROWS = 1_000
"""Of each set, that a stored plan shows; and as many more that are in conflict."""

_TEXT = 2_000
"""Characters of a value that a stored plan shows."""


def to_document(plan: Plan) -> dict[str, object]:
    """The plan as JSON values."""
    # Imported here: a run without a plan does without.
    import msgspec

    content: dict[str, object] = msgspec.to_builtins(plan, enc_hook=_plain)
    return {"format": FORMAT, **content}


def from_document(document: object) -> Plan:
    """The plan of a document.

    Raises:
        ConfigurationInvalid: it is not the document of a plan.
        PlanStale: it is of another format.
    """
    import msgspec

    if not isinstance(document, Mapping) or "format" not in document:
        raise ConfigurationInvalid(
            "This is not a plan.", hint="`seeder plan --out` writes one.", code="plan-unreadable"
        )
    if document["format"] != FORMAT:
        raise PlanStale(
            f"The plan is of format {document['format']!r}, and this seeder reads {FORMAT}.",
            hint="Plan again with the image that is to run it.",
        )
    fields = {name: value for name, value in document.items() if name != "format"}
    try:
        return msgspec.convert(fields, Plan)
    except msgspec.ValidationError:
        # Its message may quote a value.
        raise ConfigurationInvalid(
            "The plan is incomplete or was changed.",
            hint="`seeder plan --out` writes one.",
            code="plan-unreadable",
        ) from None


def shortened(plan: Plan) -> Plan:
    """The plan with long values cut, to be stored; its id and digests stay."""
    return replace(plan, sets=tuple(_shortened_set(each) for each in plan.sets))


def _shortened_set(each: SetPlan) -> SetPlan:
    return replace(each, rows=tuple(_shortened_row(row) for row in each.rows))


def _shortened_row(row: RowChange) -> RowChange:
    return replace(row, columns=tuple(_shortened_column(one) for one in row.columns))


def _shortened_column(column: ColumnChange) -> ColumnChange:
    values = (column.asked, column.stored, column.live, column.desired)
    if all(value is None or len(value) <= _TEXT for value in values):
        return column
    asked, stored, live, desired = (_cut(value) for value in values)
    return replace(column, asked=asked, stored=stored, live=live, desired=desired)


def _cut(value: str | None) -> str | None:
    if value is None or len(value) <= _TEXT:
        return value
    return value[: _TEXT - 1] + "\N{HORIZONTAL ELLIPSIS}"


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise NotImplementedError
