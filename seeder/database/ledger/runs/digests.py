"""What a set asks for, as one hash: equal digests ask for the same."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from seeder.merge.model import SeedSet

FIRST_ROWS = "first rows"
"""In the place of a digest: rows went in behind a revision, and the next seeding goes on."""

_CHUNK = 1 << 20


def digest_of(seed_set: SeedSet) -> str:
    """SHA-256, hex, over policies and rows; neither secrets nor places in files count."""
    policies = (
        str(seed_set.table),
        seed_set.key,
        sorted((c.name, repr(c.reference), c.update.value, c.secret) for c in seed_set.columns),
        seed_set.scope,
        seed_set.when.value,
        seed_set.removed.value,
        seed_set.removed_values,
        seed_set.deleted,
        seed_set.conflict.value,
        seed_set.moved,
    )
    found = hashlib.sha256(repr(policies).encode())
    for column in sorted(seed_set.columns, key=lambda column: column.name):
        if column.merge is not None:
            found.update(column.name.encode() + msgspec.json.encode(column.merge))
    if seed_set.together:
        found.update(repr(seed_set.together).encode())
    source = seed_set.rows.csv
    if source is not None:
        if source.constants:
            found.update(repr(source.constants).encode())
        with Path(source.path).open("rb") as file:
            while chunk := file.read(_CHUNK):
                found.update(chunk)
        return found.hexdigest()
    names = [column.name for column in seed_set.columns]
    shown = [n for n, c in enumerate(seed_set.columns) if not c.secret]
    for row in seed_set.rows:
        given = seed_set.shapes[row.shape] if seed_set.shapes else names
        values = [(names[n], row.values[n]) for n in shown if names[n] in given]
        found.update(repr((row.key, values)).encode())
    return found.hexdigest()
