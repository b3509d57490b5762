"""What a driver error means: the one place that judges psycopg's exceptions.

Errors while connecting carry no SQLSTATE, only libpq's text; what that text does not say
plainly counts as "not available yet". Messages are built from fixed words, SQLSTATE and the
names of schema objects. They never quote what stands between quotation marks in libpq's text
(a mistyped URL puts parts of a password there) nor, after a statement, row values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from typing import Any

import psycopg

from seeder.errors import (
    AccessDenied,
    ConfigurationInvalid,
    ConnectionLost,
    DatabaseMissing,
    DatabaseUnavailable,
    RetriesExhausted,
    SeederError,
    ServerUnsupported,
)

_FILE_UNUSABLE = "a file with a certificate or key cannot be used"
_UNKNOWN = "an answer that seeder does not know"
_IS_IT_POSTGRES = "Check host and port of the database URL: is it a Postgres that listens there?"

_CONNECT_RULES: tuple[tuple[str, type[SeederError], str, str | None], ...] = (
    # Pattern, class, what happened, hint; the first match wins.
    (
        r"(open|read|load|locate|stat|use) (\w+ )*(certificate|key|revocation list)( \w+)* file"
        r"|certificate present, but not|private key file|root certificate file"
        r"|certificate does not match",
        AccessDenied,
        _FILE_UNUSABLE,
        "Check sslcert, sslkey and sslrootcert; where they are not given, libpq looks in"
        " .postgresql below HOME.",
    ),
    (
        r"certificate verify failed|root certificate|does not match host name|certificate for",
        AccessDenied,
        "the server's TLS certificate is not trusted",
        "Check sslmode and sslrootcert: a file with the authority's certificate, such as"
        " /etc/ssl/certs/ca-certificates.crt, or system.",
    ),
    (
        r"server does not support SSL|could not load .*certificate",
        AccessDenied,
        "TLS as the URL demands it is not possible",
        "Check sslmode, sslcert and sslkey.",
    ),
    (
        r"unsupported startup parameter",
        ServerUnsupported,
        "a connection pooler refuses a startup parameter",
        "Use the direct URL of the database, or remove `options` from the URL.",
    ),
    (
        r"no password supplied",
        AccessDenied,
        "the server wants a password and none is given",
        "Add the password to the URL, or set PGPASSWORD or a passfile.",
    ),
    (
        r"no pg_hba\.conf entry|pg_hba\.conf rejects",
        AccessDenied,
        "the server's pg_hba.conf admits no such connection",
        "Check user, database and sslmode, and the server's access rules.",
    ),
    (
        r"FATAL:\s+permission denied for database",
        AccessDenied,
        "the role lacks the CONNECT privilege on the database",
        "GRANT CONNECT ON DATABASE ... TO the role.",
    ),
    (
        r"authentication failed|FATAL:\s+role \"\.\.\.\" does not exist|not permitted to log in"
        r"|no such user|Tenant or user not found|authentication method requirement"
        r"|channel binding (is )?required|SASL authentication",
        AccessDenied,
        "the server refuses this role or its password",
        "Check user and password of the database URL.",
    ),
    (
        r"database \"\.\.\.\" does not exist|FATAL:\s+no such database",
        DatabaseMissing,
        "the database does not exist",
        "Create it, or correct the name in the database URL.",
    ),
    (
        r"invalid \w+ value|definition of service|unrecognized configuration parameter"
        r"|invalid connection option|invalid integer value|invalid port number",
        ConfigurationInvalid,
        "an option of the database URL is invalid",
        "Check the options of the URL, PGOPTIONS and PGSERVICE.",
    ),
    (r"starting up|not yet accepting connections", DatabaseUnavailable, "starting up", None),
    (r"shutting down", DatabaseUnavailable, "shutting down", None),
    (r"in recovery mode", DatabaseUnavailable, "recovering from a crash", None),
    (
        r"too many (clients|connections)|remaining connection slots|max_client_conn",
        DatabaseUnavailable,
        "no free connection slot",
        "Raise max_connections, or give the job's role slots of its own.",
    ),
    (
        r"failed to resolve host|could not translate host name",
        DatabaseUnavailable,
        "the host name does not resolve",
        "Check the host of the database URL.",
    ),
    (
        r"Connection refused|No such file or directory",
        DatabaseUnavailable,
        "nothing listens at the address",
        "Check host and port of the database URL.",
    ),
    (r"timeout expired|timed out", DatabaseUnavailable, "no answer in time", _IS_IT_POSTGRES),
    (r"read-only|in hot standby mode|in recovery", DatabaseUnavailable, "not writable", None),
    (r"closed the connection unexpectedly", DatabaseUnavailable, "connection cut", None),
)

_CERTIFICATE = re.compile(r'file "(/[^"\n]+)"')
"""A path, which is neither a name of the server's nor a part of a password."""
_QUOTED = re.compile(r'"[^"\n]*"')


def connect_failure(error: psycopg.Error) -> SeederError:
    """What a failed attempt to connect means; `facts["reason"]` says it in a few words.

    With several hosts the gravest answer counts only if all of them gave it: while one may
    still come up, the database is unavailable.
    """
    attempts = _attempts(str(error))
    verdicts = [_connect_verdict(text) for text in attempts]
    last = verdicts[-1]
    transient = [verdict for verdict in verdicts if isinstance(verdict, DatabaseUnavailable)]
    return transient[-1] if transient else last


def _attempts(text: str) -> list[str]:
    """Split psycopg's report on several addresses into one text for each."""
    _, marker, listed = text.partition("All failures were:\n")
    return re.split(r"^- ", listed, flags=re.MULTILINE)[1:] if marker else [text]


def _connect_verdict(text: str) -> SeederError:
    file = _CERTIFICATE.search(text)
    text = _QUOTED.sub('"..."', text)  # names must neither be shown nor be taken for words
    words = _server_words(text)
    unknown = ("", DatabaseUnavailable, words or _UNKNOWN, None if words else _IS_IT_POSTGRES)
    rules = (rule for rule in _CONNECT_RULES if re.search(rule[0], text))
    _, kind, reason, hint = next(rules, unknown)
    if file and reason == _FILE_UNUSABLE:
        reason = f"{reason}: {file[1]}"
    return kind(f"Cannot connect to the database: {reason}.", hint=hint, reason=reason)


def _server_words(text: str) -> str | None:
    fatal = re.search(r"FATAL:\s+(.+)", text)
    return fatal[1][:200] if fatal else None


class Kind(Enum):
    """What a failed statement asks for."""

    LOST = "connection lost"
    RETRYABLE = "lock or serialization conflict"
    DENIED = "privilege missing"
    READ_ONLY = "server became read-only"
    OTHER = "other"


_HINTS = {
    "53200": "The server's memory or its table of locks is full: see its log, and raise"
    " max_locks_per_transaction if that says so.",
}

_RETRYABLE = frozenset({"40001", "40P01", "55P03"})
_LOST = frozenset({"57P01", "57P02", "57P03", "57P04", "57P05", "25P03", "25P04"})
_DENIED = frozenset({"42501", "28000", "28P01"})


def kind_of(error: psycopg.Error) -> Kind:
    """What kind of failure a statement on an open connection met."""
    state = error.sqlstate
    if state is None:
        # psycopg's own: "the connection is closed", "consuming input failed" and the like.
        lost = isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError))
        return Kind.LOST if lost else Kind.OTHER
    if state in _LOST or state.startswith("08"):
        return Kind.LOST
    if state in _RETRYABLE:
        return Kind.RETRYABLE
    if state in _DENIED:
        return Kind.DENIED
    return Kind.READ_ONLY if state == "25006" else Kind.OTHER


def driver_error(error: BaseException) -> psycopg.Error | None:
    """The psycopg error itself or inside SQLAlchemy's wrapper (its `orig`)."""
    inner = getattr(error, "orig", error)
    return inner if isinstance(inner, psycopg.Error) else None


def names_of(error: psycopg.Error) -> dict[str, str]:
    """SQLSTATE and the names that Postgres gave, as loggable facts."""
    diag = error.diag
    found = {
        "sqlstate": error.sqlstate,
        "schema": diag.schema_name,
        "table": diag.table_name,
        "column": diag.column_name,
        "constraint": diag.constraint_name,
        "datatype": diag.datatype_name,
    }
    return {name: value for name, value in found.items() if value}


def of_another(error: psycopg.Error, connection: psycopg.Connection[Any]) -> str | None:
    """What to say of a connection that the project's code opened itself, and that failed.

    None where the error may be of `connection` itself: it is gone, or the error is one of a
    statement.
    """
    if kind_of(error) is not Kind.LOST:
        return None
    if not connection.closed:
        with suppress(psycopg.Error):  # in a failed transaction it answers no better
            connection.execute("SELECT 1")
    if connection.closed:
        return None
    why = describe(error) if error.sqlstate else connect_failure(error).facts["reason"]
    return f"a connection that it opened itself failed: {why}"


_SPEAKS_OF_SCHEMA_ONLY = re.compile(r"42|0A|25|2B|3[DF]|53|54|55|57|58")
"""SQLSTATEs whose message names schema objects and limits, never values."""


OF_DDL = "raised in answer to DDL"
"""A note on an exception that the database raised then: `connect` adds it."""


def describe(error: psycopg.Error) -> str:
    """Say what happened without any row value: condition, names, and safe messages.

    >>> describe(psycopg.errors.UniqueViolation())
    'UniqueViolation (23505)'
    """
    names = names_of(error)
    state = names.pop("sqlstate", None)
    text = type(error).__name__
    if state:
        text += f" ({state})"
    message = error.diag.message_primary
    of_schema = state and _SPEAKS_OF_SCHEMA_ONLY.match(state)
    if message and (of_schema or OF_DDL in getattr(error, "__notes__", ())):
        # 42601 quotes the SQL text, which may hold a literal.
        text += ": " + (_QUOTED.sub('"..."', message) if state == "42601" else message)
    elif names:
        text += ": " + ", ".join(f"{name} {value}" for name, value in names.items())
    return text


@contextmanager
def translated(*, doing: str, otherwise: type[SeederError] = SeederError) -> Iterator[None]:
    """Raise driver errors of the block as SeederErrors; see `as_seeder_error`."""
    try:
        yield
    except psycopg.Error as error:
        raise as_seeder_error(error, doing=doing, otherwise=otherwise) from None


def as_seeder_error(
    error: psycopg.Error, *, doing: str, otherwise: type[SeederError]
) -> SeederError:
    """The SeederError for a failed statement; raise it `from None`.

    `doing` completes "Failed while ...".
    """
    kind = kind_of(error)
    facts: dict[str, Any] = {"reason": kind.value, **names_of(error)}
    message = f"Failed while {doing}: {describe(error)}."
    match kind:
        case Kind.LOST:
            return ConnectionLost(
                f"The connection was lost while {doing}, and the advisory lock with it.",
                hint="Run the job again; what was not committed was rolled back. If it is lost at"
                " the same step again, something on the way may cut connections that are silent for"
                " a while: connect to the server directly.",
                **facts,
            )
        case Kind.RETRYABLE:
            hint = "Another session held a conflicting lock; run the job again."
            return RetriesExhausted(message, hint=hint, **facts)
        case Kind.DENIED:
            hint = "Grant the job's role what it lacks, or use --set-role."
            return AccessDenied(message, hint=hint, **facts)
        case Kind.READ_ONLY:
            hint = "The server is a standby or was made read-only; run the job again."
            return DatabaseUnavailable(message, hint=hint, **facts, code="database-read-only")
        case Kind.OTHER:
            return otherwise(message, hint=_HINTS.get(error.sqlstate or ""), **facts)
