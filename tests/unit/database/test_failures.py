"""Texts that no server of ours can be made to say; the others are provoked for real."""

from __future__ import annotations

import psycopg
import pytest

from seeder.database.connection.failures import connect_failure
from seeder.errors import (
    AccessDenied,
    ConfigurationInvalid,
    DatabaseMissing,
    DatabaseUnavailable,
    SeederError,
    ServerUnsupported,
)

AT = 'connection failed: connection to server at "10.0.0.1", port 5432 failed: '


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SSL error: certificate verify failed", AccessDenied),
        ('root certificate file "/x/root.crt" does not exist', AccessDenied),
        ('server certificate for "a" does not match host name "b"', AccessDenied),
        ("server does not support SSL, but SSL was required", AccessDenied),
        ("FATAL:  Tenant or user not found", AccessDenied),
        ('FATAL:  Peer authentication failed for user "u"', AccessDenied),
        ('FATAL:  no such database: "x"', DatabaseMissing),
        ("FATAL:  unsupported startup parameter: options", ServerUnsupported),
        ("FATAL:  unsupported startup parameter in options: jit", ServerUnsupported),
        ('definition of service "x" not found', ConfigurationInvalid),
        ("FATAL:  the database system is starting up", DatabaseUnavailable),
        ("FATAL:  the database system is in recovery mode", DatabaseUnavailable),
        ("FATAL:  the database system is shutting down", DatabaseUnavailable),
        ("FATAL:  remaining connection slots are reserved", DatabaseUnavailable),
        ("server closed the connection unexpectedly", DatabaseUnavailable),
        ("FATAL:  Passwort-Authentifizierung fehlgeschlagen", DatabaseUnavailable),
        ("something new", DatabaseUnavailable),
    ],
)
def test_connect_texts_are_classified(text: str, expected: type[SeederError]) -> None:
    assert type(connect_failure(psycopg.OperationalError(AT + text))) is expected


def test_a_name_between_quotes_is_not_taken_for_the_server_s_words() -> None:
    text = AT + 'FATAL:  role "database system is starting up" does not exist'
    assert type(connect_failure(psycopg.OperationalError(text))) is AccessDenied


def test_unknown_words_of_the_server_are_reported_without_names() -> None:
    error = psycopg.OperationalError(AT + 'FATAL:  "hunter2" is out of luck')
    assert connect_failure(error).facts["reason"] == '"..." is out of luck'


def test_one_host_that_may_come_up_keeps_the_wait_going() -> None:
    listed = (
        "x\nMultiple connection attempts failed. All failures were:\n"
        "- host: 'a': Connection refused\n"
        "- host: 'b': FATAL:  password authentication failed for user \"u\""
    )
    assert type(connect_failure(psycopg.OperationalError(listed))) is DatabaseUnavailable
