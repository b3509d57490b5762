"""What every report says of a failure, whoever raised it."""

from __future__ import annotations

import dataclasses
import signal
import traceback
from collections.abc import Iterator, Mapping
from typing import Any

from seeder.errors import (
    Interrupted,
    Problem,
    SeederError,
)
from seeder.merge.result import Failure, Result
from seeder.runtime.log import Redact, redact


def describe(error: BaseException, redact: Redact = redact) -> Failure:
    """Put an exception into the words of a report, with nothing secret in them.

    `phases` and `counts` among a SeederError's facts become those of the failure.
    """
    if isinstance(error, SeederError):
        return _known(error, redact)
    if isinstance(error, KeyboardInterrupt):
        return _interrupted(error)
    return _bug(error, redact)


def _known(error: SeederError, redact: Redact) -> Failure:
    facts: dict[str, Any] = dict(error.facts)
    return Failure(
        result=Result.FAILED,
        exit_code=error.exit_code,
        error=error.documented_class,
        code=error.code,
        message=redact(error.message),
        hint=redact(error.hint) if error.hint else None,
        problems=tuple(_redacted(each, redact) for each in error.problems),
        phases=facts.pop("phases", {}),
        counts=facts.pop("counts", {}),
        facts=facts,
    )


def _redacted(problem: Problem, redact: Redact) -> Problem:
    return dataclasses.replace(
        problem,
        message=redact(problem.message),
        remedy=redact(problem.remedy) if problem.remedy else None,
        address=redact(problem.address) if problem.address else None,
    )


def _interrupted(error: KeyboardInterrupt) -> Failure:
    # Without our handler, Python itself raises KeyboardInterrupt, and for SIGINT alone.
    code = error.exit_code if isinstance(error, Interrupted) else 128 + signal.SIGINT
    facts = error.facts if isinstance(error, Interrupted) else {}
    return Failure(
        result=Result.INTERRUPTED,
        exit_code=code,
        error=Interrupted.__name__,
        code="interrupted",
        message=f"Interrupted by {signal.Signals(code - 128).name}.",
        hint="Finished migrations stay, unfinished seeding was rolled back; run it again.",
        phases=facts.get("phases", {}),
    )


def _bug(error: BaseException, redact: Redact) -> Failure:
    message = "" if _is_from_driver(error) else redact(str(error))
    return Failure(
        result=Result.FAILED,
        exit_code=SeederError.exit_code,
        error=_class(error),
        code="internal-error",
        message=message or "An error that seeder does not know.",
        hint="This is a bug in seeder, or in code of the project that it ran.",
        trace=tuple(_trace(error)),
    )


_DRIVERS = frozenset({"psycopg", "psycopg_binary", "sqlalchemy"})
_FRAMES = 50
"""Per exception, the innermost: a runaway recursion has a thousand."""


def _is_from_driver(error: BaseException) -> bool:
    """Whether the message may hold row values, as integrity errors do, or a connection string."""
    roots = {each.__module__.partition(".")[0] for each in type(error).__mro__}
    return not roots.isdisjoint(_DRIVERS)


def _class(error: BaseException) -> str:
    module = type(error).__module__
    name = type(error).__qualname__
    return name if module == "builtins" else f"{module}.{name}"


def _trace(error: BaseException) -> Iterator[str]:
    # Places only: source lines and locals can hold what must not be shown.
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        if seen:
            yield f"caused by {_class(each)}"
        seen.add(id(each))
        frames = [
            (frame, line)
            for frame, line in traceback.walk_tb(each.__traceback__)
            if not frame.f_globals.get("__name__", "").startswith("click.")
        ]
        for frame, line in frames[-_FRAMES:]:
            yield f"{frame.f_code.co_filename}:{line} in {frame.f_code.co_qualname}"
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)


def log_fields(failure: Failure) -> Mapping[str, object]:
    """Return the fields of the event that reports a failure."""
    fields: dict[str, object] = {
        name: value for name, value in failure.facts.items() if name not in _RESERVED
    }
    fields |= {"error": failure.error, "code": failure.code, "message": failure.message}
    if failure.hint:
        fields["hint"] = failure.hint
    if failure.problems:
        fields["problems"] = [str(each) for each in failure.problems]
    if failure.trace:
        fields["trace"] = failure.trace
    return fields


_RESERVED = frozenset({"event", "level", "timestamp"})
