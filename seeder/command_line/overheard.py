"""What others print: libpq, children, the project's own code. It becomes events of the log.

Between lines of JSON it would break whoever reads them, on stdout the document that was asked
for. A terminal is left as it is.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO

_PATIENCE = 0.5
"""Seconds at the end for what is still on its way; a child may hold its end open for ever."""


class Overheard:
    """Takes the place of this process's stdout and stderr, which go on as `stdout` and `stderr`."""

    def __init__(self, tell: Callable[[str], object]) -> None:
        """Begin; `tell` is called with each line, in a thread of its own."""
        self._tell = tell
        self._reading, writing = os.pipe()
        self._kept: dict[int, int] = {}
        self.stdout = self._take(sys.stdout, writing)
        self.stderr = self._take(sys.stderr, writing)
        os.close(writing)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _take(self, stream: TextIO, writing: int) -> TextIO:
        stream.flush()
        number = stream.fileno()
        if os.isatty(number):
            return stream
        self._kept[number] = os.dup(number)
        os.dup2(writing, number)
        return open(  # for as long as the process lives
            self._kept[number],
            "w",
            encoding=stream.encoding,
            errors=stream.errors,
            closefd=False,
        )

    def _read(self) -> None:
        with os.fdopen(self._reading, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if self._tell is _nobody:
                    return
                if text := line.rstrip():
                    self._tell(text)

    def end(self) -> None:
        """Give the streams back, once all that was printed is told."""
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        for number, kept in self._kept.items():
            os.dup2(kept, number)
        self._thread.join(timeout=_PATIENCE)
        self._tell = _nobody


def _nobody(_: str) -> None:
    """Stand in for a log that has had its last line."""


def stands_apart() -> bool:
    """Whether stdout and stderr are those of the process, and not somebody's in their place."""
    with suppress(AttributeError, OSError, ValueError):
        return (sys.stdout.fileno(), sys.stderr.fileno()) == (1, 2)
    return False
