"""The `seeder` command, and `python -m seeder`."""

from __future__ import annotations

import sys

from seeder import __version__


def main() -> int:
    """Return the exit code of the command line."""
    if sys.argv[1:] == ["--version"]:
        # Before any import: this is what people time, and what a smoke test of an image calls.
        print(f"seeder {__version__}")
        return 0
    from seeder import cli

    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
