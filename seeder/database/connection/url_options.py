"""Options of a database URL that are not libpq's: whose they are, and what to write instead."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from urllib.parse import parse_qsl

from psycopg import pq

_LEAVE_OUT = "leave it out"
_SEARCH_PATH = (
    "leave it out, and give the role or the database its search_path:"
    " ALTER ROLE ... SET search_path = ..."
)
_TLS = "write sslmode=require, or sslmode=verify-full with sslrootcert"
_TIMEOUT = "write connect_timeout, in seconds"

_INSTEAD: Mapping[str, str] = {
    # Prisma
    "schema": _SEARCH_PATH,
    "pgbouncer": "leave it out; seeder needs the direct URL, not that of a transaction pooler",
    "connection_limit": _LEAVE_OUT,
    "pool_timeout": _LEAVE_OUT,
    "socket_timeout": _LEAVE_OUT,
    "statement_cache_size": _LEAVE_OUT,
    "sslaccept": _TLS,
    "sslidentity": "write sslcert and sslkey",
    # JDBC
    "currentSchema": _SEARCH_PATH,
    "ApplicationName": "write application_name",
    "connectTimeout": _TIMEOUT,
    "loginTimeout": _TIMEOUT,
    "socketTimeout": _LEAVE_OUT,
    "prepareThreshold": _LEAVE_OUT,
    "reWriteBatchedInserts": _LEAVE_OUT,
    "stringtype": _LEAVE_OUT,
    "tcpKeepAlive": "write keepalives=1",
    # node-postgres, and what provider consoles add for it
    "ssl": _TLS,
    "uselibpqcompat": _LEAVE_OUT,
    # Doctrine, Rails, asyncpg, SQLAlchemy
    "serverVersion": _LEAVE_OUT,
    "charset": "write client_encoding, or leave it out",
    "encoding": "write client_encoding, or leave it out",
    "pool": _LEAVE_OUT,
    "prepared_statements": _LEAVE_OUT,
    "prepared_statement_cache_size": _LEAVE_OUT,
    "async_fallback": _LEAVE_OUT,
    # pgx
    "default_query_exec_mode": _LEAVE_OUT,
    "statement_cache_capacity": _LEAVE_OUT,
    "description_cache_capacity": _LEAVE_OUT,
    "binary_parameters": _LEAVE_OUT,
    "search_path": _SEARCH_PATH,
}
_OF_POOLS = re.compile(r"pool_\w+|max_overflow")
_NAME = re.compile(r"[A-Za-z_]\w{0,40}")
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")


def complaints(query: str) -> Iterator[str]:
    """What is wrong with each option of a URL, and what to write; quotes names, never values.

    An option that may be a part of a mistyped password is not named.
    """
    known = {option.keyword.decode() for option in pq.Conninfo.get_defaults()} | {"ssl"}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name == "ssl" or name not in known:
            yield _complaint(name, known)
        elif name == "sslmode" and value not in _SSL_MODES:
            yield (
                "sslmode=no-verify is of another driver: write sslmode=require"
                if value == "no-verify"
                else f"sslmode is none of {', '.join(_SSL_MODES)}"
            )


def _complaint(name: str, known: set[str]) -> str:
    instead = _INSTEAD.get(name) or (_LEAVE_OUT if _OF_POOLS.fullmatch(name) else None)
    if instead is not None:
        return f"{name} is of another driver: {instead}"
    near = get_close_matches(name, known, n=1, cutoff=0.8)
    if near and _NAME.fullmatch(name):
        return f"libpq has no option {name}: did you mean {near[0]}?"
    return "libpq does not know an option of it"
