"""Listen to what a job sends, and write it down as a psql script that does the same."""

from __future__ import annotations

import re
import socket
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from benchmarks.bench import Bench


@dataclass(kw_only=True)
class Recording:
    """The messages of one or more connections, in the order in which they came."""

    port: int
    messages: list[tuple[bytes, bytes]] = field(default_factory=list)
    """Type and body, as in the protocol."""

    @property
    def round_trips(self) -> int:
        """How often the client waited for the server, once connected."""
        return sum(kind in (b"Q", b"S") for kind, _ in self.messages)

    def script(self, types: Mapping[int, str]) -> bytes:
        """The same statements for psql, parameters written into them; `types` are names by oid."""
        parts: list[bytes] = []
        parsed: tuple[str, list[int]] = ("", [])
        for kind, body in self.messages:
            match kind:
                case b"Q":
                    parts.append(body.rstrip(b"\0") + b";\n")
                case b"P":
                    parsed = _parsed(body)
                case b"B":
                    parts.append(
                        _with_values(*parsed, _bound(body, parsed[1]), types).encode() + b";\n"
                    )
                case b"d":
                    parts.append(body)
                case b"c":
                    parts.append(b"\\.\n")
        return b"".join(parts)


def _parsed(body: bytes) -> tuple[str, list[int]]:
    _, query, rest = body.split(b"\0", 2)
    (count,) = struct.unpack_from("!h", rest)
    return query.decode(), list(struct.unpack_from(f"!{count}I", rest, 2))


def _bound(body: bytes, oids: list[int]) -> list[str | None]:
    _, _, rest = body.split(b"\0", 2)
    (count,) = struct.unpack_from("!h", rest)
    formats = struct.unpack_from(f"!{count}h", rest, 2)
    at = 2 + 2 * count
    (count,) = struct.unpack_from("!h", rest, at)
    at += 2
    values: list[str | None] = []
    for number in range(count):
        (length,) = struct.unpack_from("!i", rest, at)
        at += 4
        value = rest[at : at + length]
        # No format: all are text; one: it goes for all.
        binary = bool(formats) and formats[number if len(formats) > 1 else 0]
        values.append(None if length < 0 else _text(value, oids[number], binary=bool(binary)))
        at += max(length, 0)
    return values


_INTEGERS = frozenset({20, 21, 23, 26})
"""int8, int2, int4, oid."""
_BOOLEAN, _BYTES = 16, 17


def _text(value: bytes, oid: int, *, binary: bool) -> str:
    if not binary:
        return value.decode()
    if oid == _BOOLEAN:
        return "true" if value[0] else "false"
    if oid == _BYTES:
        return f"\\x{value.hex()}"
    if oid not in _INTEGERS:
        raise ValueError(f"a value of type {oid} in binary form cannot stand in a script")
    return str(int.from_bytes(value, "big", signed=True))


def _with_values(
    query: str, oids: list[int], values: list[str | None], types: Mapping[int, str]
) -> str:
    def literal(match: re.Match[str]) -> str:
        number = int(match[1]) - 1
        value, oid = values[number], oids[number] if number < len(oids) else 0
        text = "NULL" if value is None else "'" + value.replace("'", "''") + "'"
        return f"{text}::{types[oid]}" if oid else text

    return re.sub(r"\$(\d+)", literal, query) if values else query


@contextmanager
def recording(bench: Bench) -> Iterator[Recording]:
    """A port of this machine behind which the server answers, and everything is written down."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        made = Recording(port=listener.getsockname()[1])

        def accept() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    server = socket.create_connection(("127.0.0.1", bench.port))
                    threading.Thread(target=_copy, args=(server, client), daemon=True).start()
                    threading.Thread(
                        target=_record, args=(client, server, made), daemon=True
                    ).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield made
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)


def _record(client: socket.socket, server: socket.socket, into: Recording) -> None:
    with suppress(OSError, EOFError):
        size = _exactly(client, 4)
        server.sendall(size + _exactly(client, int.from_bytes(size, "big") - 4))
        while True:
            head = _exactly(client, 5)
            body = _exactly(client, int.from_bytes(head[1:], "big") - 4)
            into.messages.append((head[:1], body))
            server.sendall(head + body)
    server.close()


def _exactly(source: socket.socket, size: int) -> bytes:
    received = bytearray()
    while len(received) < size:
        part = source.recv(size - len(received))
        if not part:
            raise EOFError
        received += part
    return bytes(received)
