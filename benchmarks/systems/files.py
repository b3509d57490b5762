"""The rows of a CSV file, for the systems written in Python."""

from __future__ import annotations

import csv
import decimal
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def typed_rows(path: str) -> Iterator[dict[str, Any]]:
    """Rows with values of the columns' types."""
    with Path(path).open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            yield {
                **row,
                "amount": decimal.Decimal(row["amount"]),
                "active": row["active"] == "true",
            }
