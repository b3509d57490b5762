"""The summary that Kubernetes shows for a finished container, and `run.finished` logs."""

from __future__ import annotations

import json
import os
from pathlib import Path

from seeder.merge.result import Failure, RunResult

LIMIT = 2048
"""Bytes; the summary stays below."""


def summary(result: RunResult | Failure) -> dict[str, object]:
    """Return the fields that every ending has; no row values, and nothing secret."""
    fields: dict[str, object] = {"result": str(result.result), "exit_code": result.exit_code}
    if isinstance(result, RunResult):
        named = {
            "mode": None if result.mode is None else str(result.mode),
            "release": result.release,
            "environment": result.environment,
            "run": result.run_id,
        }
        fields |= {name: value for name, value in named.items() if value is not None}
    else:
        fields |= {"error": result.error, "code": result.code, "message": result.message}
    fields["phases"] = {name: round(seconds, 3) for name, seconds in result.phases.items()}
    fields["counts"] = dict(result.counts)
    if isinstance(result, RunResult) and result.left:
        fields["left"] = dict(result.left)
    fields["hint"] = result.hint
    return fields


def write(path: Path, result: RunResult | Failure) -> None:
    """Write the summary, and the problems as far as there is room; raises OSError.

    Only where the file exists and can be written, that is, in a pod: the kubelet mounts
    it, and it must be written in place.
    """
    if path.exists() and os.access(path, os.W_OK):
        path.write_bytes(message(result))


def message(result: RunResult | Failure) -> bytes:
    """Return the summary and the problems as one line of JSON below LIMIT bytes."""
    fields = summary(result)
    problems = [str(each) for each in result.problems] if isinstance(result, Failure) else []
    for shown in range(min(len(problems), 40), -1, -1):
        document = _encode({**fields, **_listed(problems, shown)})
        if len(document) < LIMIT:
            return document
    # Texts first: the code and the class of the error say most in the fewest bytes.
    for length in (400, 200, 50):
        shortened = {
            name: _shortened(value, length) for name, value in fields.items() if name != "counts"
        }
        document = _encode(shortened)
        if len(document) < LIMIT:
            return document
    return _encode({name: fields[name] for name in ("result", "exit_code")})


def _listed(problems: list[str], shown: int) -> dict[str, object]:
    if not problems:
        return {}
    listed: dict[str, object] = {"problems": problems[:shown]}
    if shown < len(problems):
        listed["problems_left_out"] = len(problems) - shown
    return listed


def _shortened(value: object, length: int) -> object:
    if isinstance(value, str) and len(value) > length:
        return value[: length - 1] + "\N{HORIZONTAL ELLIPSIS}"
    return value


def _encode(fields: dict[str, object]) -> bytes:
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", errors="replace")
