"""How far a long load is, reported while it runs: rows done of rows in all, rate, time remaining.

A thread of its own tells it, so that the work only counts; it starts with the seeding, and a
step that is over within a second is never mentioned.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from msgspec import Struct

from seeder.runtime.log import Log

PATIENCE = 1.0
"""Seconds of a step that need no explanation."""

_INTERVAL = 0.25
"""Seconds between two looks; how often a log takes a line is its own decision."""

_WARMING_UP = 0.02
"""The part that has to be done before an estimate is worth more than a guess."""


class Step(Struct, kw_only=True):
    """One thing that is being done to one set."""

    what: str
    """`loading`, `comparing`, `writing`."""
    set: str
    started: float
    total: int | None = None
    """Of what `done` counts; None where nobody knows."""
    unit: str = "rows"
    """`rows` or `bytes`."""
    done: int = 0

    def fields(self, now: float) -> Mapping[str, object]:
        """What there is to say, for an event; what is not known is left out."""
        seconds = now - self.started
        told: dict[str, object] = {
            "set": self.set,
            "doing": self.what,
            "seconds": round(seconds, 1),
        }
        if self.done:
            told[self.unit] = self.done
            told[f"{self.unit}_per_s"] = round(self.done / seconds)
        if self.total and self.done:
            told["percent"] = min(100, self.done * 100 // self.total)
        left = self.left(now)
        if left is not None:
            told["left_s"] = round(left, 1)
        return told

    def left(self, now: float) -> float | None:
        """Seconds that it takes yet, going on at this rate."""
        if not self.total or self.done < self.total * _WARMING_UP:
            return None
        return (now - self.started) * max(0, self.total - self.done) / self.done

    def line(self, now: float) -> str:
        """The same for a person: `countries: loading, 45 % of 120 MB, 38 MB/s, 3 s left`."""
        seconds = now - self.started
        parts = [f"{self.set}: {self.what}"]
        if self.done:
            amount = _amount(self.done, self.unit)
            if self.total:
                percent = min(100, self.done * 100 // self.total)
                amount = f"{percent} % of {_amount(self.total, self.unit)}"
            parts += [amount, f"{_amount(round(self.done / seconds), self.unit)}/s"]
        left = self.left(now)
        # A file that is sent is not yet a table that is filled.
        parts.append(f"{seconds:.0f} s" if not left else f"{left:.0f} s left")
        return ", ".join(parts)


class Progress:
    """Reports the current step, as long as it is followed."""

    def __init__(
        self, log: Log | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._log = log
        self._clock = clock
        self._step: Step | None = None

    def step(self, what: str, name: str, *, total: int | None = None, unit: str = "rows") -> Step:
        """Begin the next step, which ends the one before; count in its `done`."""
        self._step = Step(what=what, set=name, started=self._clock(), total=total, unit=unit)
        return self._step

    @contextmanager
    def followed(self) -> Iterator[None]:
        """Tell of the steps until the end of the block."""
        log = self._log
        if log is None:
            yield
            return
        over = threading.Event()

        def tell() -> None:
            while not over.wait(_INTERVAL):
                self.look(log)

        teller = threading.Thread(target=tell, name="progress", daemon=True)
        teller.start()
        try:
            yield
        finally:
            over.set()
            teller.join()
            self._step = None
            log.progress_ended()

    def look(self, log: Log) -> None:
        """Tell of the step if it has been going on for long enough."""
        step, now = self._step, self._clock()
        if step is not None and now - step.started > PATIENCE:
            log.progress("set.progressed", step.line(now), **step.fields(now))


_THOUSAND = 1000


def _amount(number: int, unit: str) -> str:
    """`1,234 rows`, `1.2 MB`."""
    if unit != "bytes":
        return f"{number:,} {unit}"
    size = float(number)
    for name in ("bytes", "kB", "MB"):
        if size < _THOUSAND:
            return f"{size:.0f} {name}" if name == "bytes" or size >= 10 else f"{size:.1f} {name}"
        size /= _THOUSAND
    return f"{size:.1f} GB"
