"""`seeder db`: psql on the database, or its URL."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping

from seeder.configuration.options import EMBEDDED_DIRECTORY
from seeder.configuration.settings import Settings
from seeder.errors import ConfigurationInvalid
from seeder.phases.opening import target_of

_NAMING = ("SEEDER_DATABASE_URL", "DATABASE_URL")


def embedded_by_default(
    flags: Mapping[str, object], environ: Mapping[str, str]
) -> Mapping[str, object]:
    """The flags, with the usual directory of the embedded server where no database is named."""
    named = ("SEEDER_EMBEDDED", *_NAMING, *(f"{name}_FILE" for name in _NAMING))
    if flags.get("embedded") or any(environ.get(name) for name in named):
        return flags
    return {**flags, "embedded": EMBEDDED_DIRECTORY}


def url(settings: Settings) -> str:
    """The URL of the database; an embedded server is started, and goes on after this command."""
    if settings.embedded is None:
        assert settings.database is not None  # noqa: S101  # read_settings requires one
        return settings.database.reveal()
    from seeder.database.embedded import embedded_server

    return embedded_server.start(settings.embedded).conninfo()


def stop(settings: Settings) -> None:
    """Stop the embedded server, whoever uses it; raises ConfigurationInvalid where it is none."""
    if settings.embedded is None:
        raise ConfigurationInvalid(
            "--stop is for the embedded server.", hint="Give --embedded, or unset DATABASE_URL."
        )
    from seeder.database.embedded import embedded_server

    if (settings.embedded / "data").exists():
        embedded_server.start(settings.embedded).stop()


def psql(settings: Settings) -> int | None:
    """Open psql and return its exit code; None where there is no psql."""
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    program = shutil.which("psql")
    if program is None and settings.embedded is not None:
        from seeder.database.embedded.embedded_files import find_programs

        program = shutil.which("psql", path=find_programs(None))
    if program is None:
        return None
    with target_of(settings) as target:
        given = conninfo_to_dict(target.text)
        password = given.pop("password", None)
        # Not among the arguments, which other accounts can read.
        secret = {} if password is None else {"PGPASSWORD": str(password)}
        child = subprocess.Popen(
            [program, make_conninfo("", **given)], env={**os.environ, **secret}
        )
        # Ctrl-C cancels a query of psql's, and is not for us.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            return child.wait()
        finally:
            signal.signal(signal.SIGINT, before)
