"""A proxy between a job and its server that reads the protocol, counts, and breaks things.

It listens on a port of this machine and understands just enough of Postgres' protocol to know
where a statement begins: a Query, a Parse (psycopg sends one per statement with parameters) or
the end of a COPY. Before each of them it calls `before`, and forwards it afterwards.
"""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from psycopg.conninfo import conninfo_to_dict

from tests.support.postgres import url_of

_CANCEL, _TLS, _GSS = 80877102, 80877103, 80877104
_STATEMENTS = frozenset(b"QPc")


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A statement on its way to the server."""

    number: int
    """From one, over all connections of the proxy."""
    text: str
    """SQL; empty for the end of a COPY."""
    backend: int | None
    """Process id of the server's side."""


@dataclass
class Proxy:
    """A running proxy; see `proxied`."""

    conninfo: str
    port: int
    before: Callable[[Statement], None] = lambda statement: None  # a default
    """Called in a thread of the proxy before a statement goes on."""
    tls: ssl.SSLContext | None = None
    """What it offers to clients that ask for TLS; the server behind it speaks without."""
    version: str | None = None
    """What it lets the server say of its own version."""
    statements: list[Statement] = field(default_factory=list)
    connections: int = 0
    _open: list[socket.socket] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _silent: threading.Event = field(default_factory=threading.Event)
    _closed: bool = False

    def url(self, database: str, **parts: str) -> str:
        """A URL of a database of the server, through the proxy."""
        given = {"dbname": database, "sslmode": "disable", "gssencmode": "disable"} | parts
        return url_of(self.conninfo, host="127.0.0.1", port=str(self.port), **given)

    def silence(self) -> None:
        """Forward nothing any more, and close nothing either."""
        self._silent.set()

    def cut(self) -> None:
        """Break every connection, as a network that answers with RST."""
        with self._lock:
            for each in self._open:
                with contextlib.suppress(OSError):
                    each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    each.shutdown(socket.SHUT_RDWR)
            self._open.clear()

    # -- the two directions -------------------------------------------------------------

    def serve(self, client: socket.socket) -> None:
        """Connect a client to the server and forward both ways; returns at once."""
        self.connections += 1
        try:
            server = _connect(self.conninfo)
        except OSError:
            client.close()
            return
        with self._lock:
            self._open += [client, server]
        link = _Link(proxy=self, client=client, server=server)
        for run in (link.forward, link.answer):
            threading.Thread(target=run, daemon=True).start()

    def note(self, text: str, backend: int | None) -> None:
        """Count a statement and let the test do what it wants to do."""
        with self._lock:
            statement = Statement(number=len(self.statements) + 1, text=text, backend=backend)
            self.statements.append(statement)
        self.before(statement)

    def wait_if_silent(self) -> None:
        """Keep a silent connection from going on."""
        while self._silent.is_set() and not self._closed:
            threading.Event().wait(0.05)

    def close(self) -> None:
        """End all connections."""
        self._closed = True
        self.cut()


@dataclass
class _Link:
    proxy: Proxy
    client: socket.socket
    server: socket.socket
    backend: int | None = None

    def forward(self) -> None:
        """From the client to the server, message by message."""
        with contextlib.suppress(OSError, EOFError), _closing(self.client, self.server):
            if not self._start():
                return
            while True:
                head = _exactly(self.client, 5)
                body = _exactly(self.client, int.from_bytes(head[1:], "big") - 4)
                if head[0] in _STATEMENTS:
                    self.proxy.note(_text(head[0], body), self.backend)
                self.proxy.wait_if_silent()
                self.server.sendall(head + body)

    def _start(self) -> bool:
        """Pass the start-up message on; False for a request to cancel, which is all there is."""
        while True:
            size = _exactly(self.client, 4)
            body = _exactly(self.client, int.from_bytes(size, "big") - 4)
            code = int.from_bytes(body[:4], "big")
            if code == _TLS and self.proxy.tls is not None:
                self.client.sendall(b"S")
                self.client = self.proxy.tls.wrap_socket(self.client, server_side=True)
                continue
            if code in (_TLS, _GSS):
                self.client.sendall(b"N")
                continue
            self.proxy.wait_if_silent()
            self.server.sendall(size + body)
            return code != _CANCEL

    def answer(self) -> None:
        """From the server to the client, noting which process answers."""
        with contextlib.suppress(OSError, EOFError), _closing(self.client, self.server):
            while True:
                head = _exactly(self.server, 5)
                body = _exactly(self.server, int.from_bytes(head[1:], "big") - 4)
                if head[:1] == b"K":
                    self.backend = int.from_bytes(body[:4], "big")
                if head[:1] == b"S" and body.startswith(b"server_version\0") and self.proxy.version:
                    body = b"server_version\0" + self.proxy.version.encode() + b"\0"
                    head = b"S" + (len(body) + 4).to_bytes(4, "big")
                self.proxy.wait_if_silent()
                self.client.sendall(head + body)


@contextmanager
def _closing(client: socket.socket, server: socket.socket) -> Iterator[None]:
    try:
        yield
    finally:
        for each in (client, server):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


def _exactly(source: socket.socket, size: int) -> bytes:
    received = bytearray()
    while len(received) < size:
        part = source.recv(size - len(received))
        if not part:
            raise EOFError
        received += part
    return bytes(received)


def _text(kind: int, body: bytes) -> str:
    parts = body.split(b"\0")
    text = parts[0] if kind == ord("Q") else parts[1] if kind == ord("P") else b""
    return text.decode(errors="replace")


def _connect(conninfo: str) -> socket.socket:
    given = conninfo_to_dict(conninfo)
    host, port = str(given["host"]), int(given.get("port") or 5432)
    if not host.startswith("/"):
        return socket.create_connection((host, port), timeout=None)
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(os.fspath(host) + f"/.s.PGSQL.{port}")
    return connection


@contextmanager
def proxied(conninfo: str, *, port: int = 0) -> Iterator[Proxy]:
    """Run a proxy in front of a server; at a free port, if none is named."""
    with socket.create_server(("127.0.0.1", port), backlog=100) as listener:
        proxy = Proxy(conninfo, listener.getsockname()[1])

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    proxy.serve(client)

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield proxy
        finally:
            # Closing alone does not wake a thread that accepts.
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            proxy.close()
