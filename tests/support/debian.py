"""Servers of Debian's Postgres, which is built with ICU and libxml; that of the wheel is not.

- `debian_server`: as it comes.
- `odd_server`: its databases are in LATIN1 and German, sorted by ICU, with amounts of money as
  Germans write them, and jobs log in as a role that has every setting the other way round.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg import sql

from seeder.database.embedded import embedded_server
from tests.support.postgres import Server

VERSIONS = Path("/usr/lib/postgresql")


def debian_programs() -> Path:
    """The `bin` directory of the newest version that is installed, or the test is not run."""
    found = [each.parent for each in VERSIONS.glob("*/bin/postgres")]
    if not found:
        pytest.skip("not run: Postgres as Debian packages it is not installed")
    return max(found, key=lambda each: int(each.parent.name))


@pytest.fixture(scope="session")
def debian_server() -> Iterator[Server]:
    """A server with ICU and libxml."""
    with embedded_server.throwaway(programs=debian_programs()) as running:
        yield Server(running.conninfo())


@pytest.fixture(scope="session")
def odd_server() -> Iterator[Server]:
    """A server whose databases and whose job's role are as unlike the usual as they can be."""
    with tempfile.TemporaryDirectory(prefix="seeder-odd-") as directory:
        home = Path(directory)
        home.chmod(0o755)
        with embedded_server.throwaway(
            settings={"lc_monetary": "de_DE", "lc_numeric": "de_DE", "lc_time": "de_DE"},
            programs=_with_german(home),
        ) as running:
            made = Server(
                running.conninfo(),
                new_database="TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'de_DE'"
                " LOCALE_PROVIDER icu ICU_LOCALE 'de-DE'",
                role="odd",
            )
            turn_round(made, "odd")
            yield made


def _with_german(home: Path) -> Path:
    """Debian's programs, told of a locale that nobody has to install for the whole machine."""
    source = Path("/usr/share/i18n/locales/de_DE")
    if not source.exists():
        pytest.skip("not run: the sources of locales are not installed")
    locales, programs = home / "locales", home / "bin"
    locales.mkdir()
    subprocess.run(
        ["localedef", "-i", source, "-f", "ISO-8859-1", locales / "de_DE"], check=True, timeout=60
    )
    programs.mkdir()
    for program in debian_programs().iterdir():
        script = programs / program.name
        script.write_text(f'#!/bin/sh\nLOCPATH={locales} exec {program} "$@"\n')
        script.chmod(0o755)
    return programs


ODD = {
    "DateStyle": "SQL, DMY",
    "TimeZone": "Asia/Kathmandu",
    "client_encoding": "LATIN1",
    "extra_float_digits": "-15",
    "search_path": "nowhere, public",
    "statement_timeout": "10s",
    "lock_timeout": "1s",
    "idle_in_transaction_session_timeout": "100ms",
    "idle_session_timeout": "1s",
    "work_mem": "64kB",
    "temp_buffers": "800kB",
    "from_collapse_limit": "1",
    "join_collapse_limit": "1",
    "default_statistics_target": "1",
    "default_text_search_config": "german",
    "timezone_abbreviations": "India",
    "application_name": "it's odd",
}
"""What is neither on nor off, nor one of several words."""

LEFT = {
    "default_transaction_read_only": "the job says that the database can only be read",
    "session_replication_role": "a superuser's way to leave triggers and foreign keys out",
    "zero_damaged_pages": "of damaged files",
    "ignore_checksum_failure": "of damaged files",
    "force_parallel_mode": "starts processes for each query",
    "exit_on_error": "any error ends the session, those that are expected as well",
    "transaction_deferrable": "of a transaction, not of a role",
    "transaction_isolation": "of a transaction, not of a role",
    "transaction_read_only": "of a transaction, not of a role",
    "jit_dump_bitcode": "writes files",
}
"""Settings that stay, and why."""


def turn_round(server: Server, role: str) -> None:
    """Make a superuser with every setting of a session the other way round."""
    with server.connect() as connection:
        connection.execute(sql.SQL("CREATE ROLE {} SUPERUSER LOGIN").format(sql.Identifier(role)))
        words = connection.execute(
            "SELECT name, CASE WHEN vartype = 'bool' THEN CASE boot_val WHEN 'on' THEN 'off'"
            " ELSE 'on' END ELSE (SELECT v FROM unnest(enumvals) v"
            " WHERE v NOT IN (boot_val, 'on') ORDER BY v LIMIT 1) END FROM pg_settings"
            " WHERE context IN ('user', 'superuser') AND vartype IN ('bool', 'enum')"
            " AND name !~ '^(log|debug|trace|track)_'"
        ).fetchall()
        settings = {name: value for name, value in words if name not in LEFT} | ODD
        for name, value in settings.items():
            connection.execute("BEGIN")
            connection.execute("SELECT set_config(%s, %s, true)", (name, value))
            connection.execute(
                sql.SQL("ALTER ROLE {} SET {} FROM CURRENT").format(
                    sql.Identifier(role), sql.Identifier(name)
                )
            )
            connection.execute("COMMIT")
