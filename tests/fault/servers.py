"""Servers in states that take some making: a standby, one that is not ready, one with TLS."""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import ssl
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from seeder.database.embedded.embedded_files import Account
from tests.support.postgres import OwnServer


def free_port() -> int:
    """A port that nobody listened on a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def run_as(account: Account | None, command: Sequence[str | Path]) -> None:
    """Run a program of the server under the server's account."""
    subprocess.run(
        command,
        check=True,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        **({} if account is None else account.as_subprocess_arguments()),
    )


def start_unready(server: OwnServer, **settings: str) -> None:
    """Start a stopped server without waiting until somebody can log in."""
    running = server.running
    options = {
        "listen_addresses": "",
        "unix_socket_directories": str(running.socket),
        "unix_socket_permissions": "0777",
        **settings,
    }
    words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    program = running.programs / "pg_ctl"
    run_as(
        running.account,
        [
            program,
            "-D",
            running.data,
            "-W",
            "-l",
            running.data / "server.log",
            "-o",
            shlex.join(words),
            "start",
        ],
    )


def promote(server: OwnServer) -> None:
    """Make a standby a primary, although nobody can log in to ask for it."""
    running = server.running
    run_as(running.account, [running.programs / "pg_ctl", "-D", running.data, "promote"])


@contextmanager
def standby_of(primary: OwnServer) -> Iterator[OwnServer]:
    """Run a standby that follows a server, made by pg_basebackup."""
    running = primary.running
    with _directory(running.account) as directory:
        run_as(
            running.account,
            [
                running.programs / "pg_basebackup",
                *("-h", running.socket, "-p", str(running.port), "-U", "postgres"),
                *("-D", directory / "data", "-R", "-X", "stream", "-c", "fast"),
            ],
        )
        for left in (directory / "data").glob(".s.PGSQL*"):  # of the primary's socket
            left.unlink()
        standby = OwnServer(directory, {"unix_socket_permissions": "0777"})
        try:
            yield standby
        finally:
            standby.stop("immediate")


@contextmanager
def certificates() -> Iterator[tuple[ssl.SSLContext, Path, Path]]:
    """TLS for a proxy with a certificate of its own making; that one, and another."""
    with _directory(None) as directory:
        for name in ("server", "other"):
            run_as(
                None,
                [
                    *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
                    *("-subj", "/CN=127.0.0.1", "-out", directory / f"{name}.crt"),
                    *("-keyout", directory / f"{name}.key"),
                ],
            )
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(directory / "server.crt", directory / "server.key")
        yield tls, directory / "server.crt", directory / "other.crt"


@contextmanager
def _directory(account: Account | None) -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="seeder-fault-"))
    try:
        directory.chmod(0o755)
        if account is not None:
            os.chown(directory, account.uid, account.gid)
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
