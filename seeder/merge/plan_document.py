"""A plan as a JSON document: for `--out`, `--json`, and the ledger's pending plan."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from seeder.errors import ConfigurationInvalid, PlanStale
from seeder.merge.plan import Plan, RowChange

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
    sets = [replace(each, rows=tuple(map(_shortened, each.rows))) for each in plan.sets]
    return replace(plan, sets=tuple(sets))


def _shortened(row: RowChange) -> RowChange:
    columns = [
        replace(
            each,
            asked=_cut(each.asked),
            stored=_cut(each.stored),
            live=_cut(each.live),
            desired=_cut(each.desired),
        )
        for each in row.columns
    ]
    return replace(row, columns=tuple(columns))


def _cut(value: str | None) -> str | None:
    if value is None or len(value) <= _TEXT:
        return value
    return value[: _TEXT - 1] + "\N{HORIZONTAL ELLIPSIS}"


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise NotImplementedError
