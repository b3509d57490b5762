"""The embedded server of a directory, which several commands may use at once: the last stops it.

Each holds a shared lock on the file `users` while it uses the server. The system drops that lock
with the process, however it ends, so whoever gets the file for itself alone is the last. Coming
and going is done one at a time, under the lock of the file `turn`: nobody comes to a server that
is being stopped.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from seeder.database.embedded import embedded_server
from seeder.database.embedded.embedded_server import EmbeddedServer, exclusive, lock_file


@contextmanager
def shared_server(
    directory: Path, *, settings: Mapping[str, str] | None = None
) -> Iterator[EmbeddedServer]:
    """Use the server of `directory`; stop it afterwards, unless another command still uses it.

    A server that was started by other means is left running. `settings` are for a server that
    is started here.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with lock_file(directory / "users") as users:
        with exclusive(directory / "turn"):
            fcntl.flock(users, fcntl.LOCK_SH)
            # Empty when the last user left in order. After a kill it still says which server was
            # there before: any other is ours, also one that a killed command was just starting.
            if not os.pread(users, 1, 0):
                os.pwrite(users, _identity(directory / "data"), 0)
            server = embedded_server.start(directory, settings=settings)
        try:
            yield server
        finally:
            with exclusive(directory / "turn"):
                if _is_last(users):
                    if os.pread(users, 200, 0) != _identity(server.data):
                        server.stop()
                    os.truncate(users, 0)


def _is_last(users: int) -> bool:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _identity(data: Path) -> bytes:
    """Process id and start of the server, or words that say there is none; never empty."""
    try:
        lines = (data / "postmaster.pid").read_bytes().splitlines()
    except FileNotFoundError:
        return b"none"
    return b" ".join(lines[0:3:2])
