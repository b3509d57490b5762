"""Reports as files: in the form that their name asks for, and whole or not at all."""

from __future__ import annotations

import datetime
import os
from pathlib import Path

from seeder.merge.result import Failure, RunResult

_HTML = frozenset({".html", ".htm"})


def write_report(path: Path, result: RunResult | Failure) -> None:
    """Write the report of a run: HTML where the file is called so, else JSON; raises OSError."""
    if path.suffix.lower() in _HTML:
        from seeder.report import html

        text = html.run(result, made=datetime.datetime.now(datetime.UTC))
        write_whole(path, text.encode(errors="replace"))
        return
    from seeder.report import json_report

    write_whole(path, json_report.document(result))


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees all of it or nothing; raises OSError.

    What is not an ordinary file (a pipe, /dev/stdout) is written to as it stands. A link in its
    place is replaced, not followed.
    """
    if path.exists() and not path.is_file():
        with path.open("wb") as file:
            file.write(content)
        return
    if path.is_relative_to("/dev"):  # standard output that is a file
        path = path.resolve()
    # Beside the target, since a rename is atomic within one file system only. Not from
    # tempfile: its files are readable for their owner alone, and would stay so.
    draft = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    try:
        with draft.open("xb") as file:
            file.write(content)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
