"""Work that goes on in a thread while the main one does something else."""

from __future__ import annotations

import contextvars
import sys
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Background(Generic[T]):
    """A function that is running; `result` waits for its end.

    Worth it where both sides wait: for files, for the server, or in C code that lets other
    threads run. A process that ends does not wait for it.
    """

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._results: list[T] = []
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._results.append(self._work())
        except BaseException as error:  # noqa: BLE001 - raised again where the result is wanted
            self._failure = error

    def result(self) -> T:
        """Return what the function returned, or raise what it raised."""
        self._thread.join()
        if self._failure is not None:
            raise self._failure
        return self._results[0]


def outside_of_event_loops(work: Callable[[], T]) -> T:
    """Call a function that may call asyncio.run, and return what it returns.

    asyncio.run refuses to run where a loop runs already: in an application that starts, in a
    notebook, in a test beside Playwright. There the function gets a thread of its own, which the
    caller waits for; it sees the caller's context variables.
    """
    asyncio = sys.modules.get("asyncio")  # who has a loop has imported it
    try:
        if asyncio is not None:
            asyncio.get_running_loop()
    except RuntimeError:  # none runs
        asyncio = None
    if asyncio is None:
        return work()
    context = contextvars.copy_context()
    return Background(lambda: context.run(work)).result()
