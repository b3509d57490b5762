"""Keep what this version leaves in a database, for the versions to come.

`python -m tests.hostile.store` writes the ledger's format, as it is now, to `stored/`: a project
and a dump of the database that two releases of it, and people in between, have made. To be run
once for each format, before the format changes; what is stored stays.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from seeder import cli
from seeder.database.embedded import embedded_server
from seeder.database.ledger.tables.ledger import FORMAT
from tests.fault.walk import PEOPLE, write_new, write_old
from tests.support.postgres import Database, Server
from tests.support.revisions import Scripts
from tests.support.shop import Shop

STORED = Path(__file__).parent / "stored"
DATABASE = "stored"


def main() -> None:
    """Make the database, dump it, and keep the project beside the dump."""
    with embedded_server.throwaway() as running, tempfile.TemporaryDirectory() as temporary:
        server = Server(running.conninfo())
        server.execute(f"CREATE DATABASE {DATABASE}")
        directory = Path(temporary) / "project"
        directory.mkdir()
        shop = Shop(
            directory=directory,
            database=Database(server, DATABASE),
            scripts=Scripts(directory),
        )
        write_old(shop)
        _succeed(shop, "run")
        shop.database.execute(PEOPLE)
        write_new(shop)
        _succeed(shop, "run")
        target = STORED / str(FORMAT)
        shutil.copytree(directory, target / "project", ignore=shutil.ignore_patterns("__pycache__"))
        dump = subprocess.run(
            [running.programs / "pg_dump", "--inserts", "--no-owner", server.url(DATABASE)],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        # Settings of one version's session, and psql's own commands.
        lines = [line for line in dump.splitlines() if not line.startswith(("SET ", "\\", "--"))]
        (target / "database.sql").write_text("\n".join(line for line in lines if line) + "\n")


def _succeed(shop: Shop, *arguments: str) -> None:
    if cli.main(list(arguments), shop.variables()) != 0:
        raise SystemExit(f"{arguments} failed")


if __name__ == "__main__":
    main()
