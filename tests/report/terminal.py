"""A command on a terminal: what it shows there, escape sequences and all."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Mapping


def on_a_terminal(
    arguments: list[str], environ: Mapping[str, str], *, events: bool = True, typed: str = ""
) -> tuple[int, str]:
    """Run seeder with a terminal for all three streams; gives its exit code and the text.

    Without `events`, stderr leads nowhere. What is `typed` waits for whoever reads it.
    """
    leader, follower = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "seeder", *arguments],
        env={"TERM": "xterm", "COLUMNS": "100", "PYTHONUTF8": "1", **environ},
        stdin=follower,
        stdout=follower,
        stderr=follower if events else subprocess.DEVNULL,
    )
    os.close(follower)
    os.write(leader, typed.encode())
    shown = b""
    while True:
        try:
            part = os.read(leader, 65536)
        except OSError:  # Linux says so when the other side is closed
            break
        if not part:
            break
        shown += part
    os.close(leader)
    return child.wait(), shown.decode().replace("\r\n", "\n")
