"""Turn the signals that end a container into an exception that ends the work."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from seeder.errors import DeadlineExceeded, Interrupted

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""A process that runs as PID 1 ignores these unless it has a handler of its own."""


class Interruption:
    """Whether a signal may still interrupt, and which one did."""

    def __init__(self) -> None:
        self._open = True

    def close(self) -> None:
        """Let no signal interrupt from here on: what is left to do is brief and must be done."""
        self._open = False

    def receive(self, number: int, _frame: FrameType | None) -> None:
        """Raise `Interrupted`, the first time; the handler itself."""
        # Once only. A second signal would break into the rollback that the first one began.
        if self._open:
            self._open = False
            raise Interrupted(number)


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """Raise `Interrupted` on the first ending signal inside the block, in the main thread.

    Later signals change nothing, and one that the parent had ignored (`nohup`) stays so.
    On leaving, the former handlers are back.
    """
    interruption = Interruption()
    former = {number: signal.getsignal(number) for number in (*ENDING, signal.SIGALRM)}
    heeded = [number for number, handler in former.items() if handler is not signal.SIG_IGN]
    try:
        for number in heeded:
            signal.signal(number, interruption.receive)
        yield interruption
    finally:
        for number in heeded:
            # None: a handler that Python did not install and cannot put back.
            signal.signal(number, former[number] or signal.SIG_DFL)


@contextmanager
def alarm(seconds: float) -> Iterator[None]:
    """Raise DeadlineExceeded in the block after so many seconds, whatever it is doing.

    A signal, since only a KeyboardInterrupt makes psycopg cancel the statement that runs. It
    counts as the one signal that `interruptible` lets through, and does nothing outside of
    that: an application that calls the job as a library keeps its own signals.
    """
    handler = signal.getsignal(signal.SIGALRM)
    if not isinstance(getattr(handler, "__self__", None), Interruption):
        yield
        return
    started = time.monotonic()
    former, _ = signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001))
    try:
        yield
    except Interrupted as interrupted:
        if interrupted.exit_code != 128 + signal.SIGALRM:
            raise
        raise DeadlineExceeded(
            "The overall deadline passed, and what was going on was cancelled.",
            hint="Finished migrations stay, unfinished work was rolled back. Run the job again, "
            "or give it a later --deadline.",
        ) from None
    finally:
        left = former - (time.monotonic() - started)
        signal.setitimer(signal.ITIMER_REAL, max(left, 0.001) if former else 0)
