"""The `seeder` command, and `python -m seeder`."""

from __future__ import annotations

import gc
import os
import sys

from seeder import __version__


def main() -> int:
    """Return the exit code of the command line."""
    if sys.argv[1:] == ["--version"]:
        # Before any import: this is what people time, and what a smoke test of an image calls.
        return _print_version()
    _end_quietly_when_told()
    # Imports and catalogs make many objects and next to no cycles, for which Python by itself looks
    # after every few hundred of them, or few thousand, by its version.
    gc.set_threshold(200_000)
    from seeder import cli

    code = cli.main(alone=True)
    # The process ends: nothing is left to be looked through once more.
    gc.freeze()
    return code


def _print_version() -> int:
    try:
        print(f"seeder {__version__}", flush=True)
    except BrokenPipeError:  # nobody reads it
        os._exit(0)
    except OSError as error:
        print(f"seeder: stdout: {error.strerror}", file=sys.stderr)
        os._exit(1)  # not by way of one more flush
    return 0


def _end_quietly_when_told() -> None:
    """Let a signal end the process while it imports what it needs; `cli` then takes over.

    Without a handler process 1 would not hear SIGTERM, and Ctrl-C would show a traceback.
    """
    import signal

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        # What the parent ignores (`nohup`) stays ignored.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda number, _frame: os._exit(128 + number))


if __name__ == "__main__":
    sys.exit(main())
