"""Which database is meant: a URL or conninfo, checked, and never shown again."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import psycopg
from psycopg.conninfo import conninfo_to_dict

from seeder import __version__
from seeder.database.connection.url_options import complaints
from seeder.errors import ConfigurationInvalid

_DEFAULTS: Mapping[str, str] = {
    "fallback_application_name": f"seeder/{__version__}",
    "client_encoding": "UTF8",
    "keepalives": "1",
    "keepalives_idle": "20",
    "keepalives_interval": "5",
    "keepalives_count": "4",
    "tcp_user_timeout": "40000",  # ms: a vanished network ends a run, not the platform's patience
}
"""What a URL may override."""

_SCHEME = re.compile(r"^(postgres(?:ql)?)(\+\w+)?://", re.IGNORECASE)
_HOST = re.compile(r"[A-Za-z0-9._:%-]*|/[^@]*|@[^@]*")
_PORT = re.compile(r"\d{0,5}")
_ENCODE = (
    "Percent-encode special characters of user and password, such as @ (%40), / (%2F) and ? (%3F)."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A database to connect to. Neither `str` nor `repr` shows user or password."""

    parameters: Mapping[str, str] = field(repr=False)
    """For libpq, with the password: never to be logged."""
    text: str = field(default="", repr=False, compare=False)
    """What it was read from, for child processes; without `+driver`. Never to be logged."""

    source: Callable[[], str] | None = field(default=None, repr=False, compare=False)
    """Where the text may be read anew."""

    @classmethod
    def parse(cls, text: str, *, source: Callable[[], str] | None = None) -> Target:
        """Read `postgres://`, `postgresql[+driver]://` or a libpq conninfo string.

        What the text leaves out, libpq's defaults and PG* variables supply. Raises
        ConfigurationInvalid, whose message quotes nothing of the text.
        """
        text = text.strip()
        if not text:
            raise _invalid("The database URL is empty.")
        scheme = _SCHEME.match(text)
        if scheme:
            text = f"{scheme[1].lower()}://{text[scheme.end() :]}"
            _check_url(text)
        elif "://" in text.partition("=")[0]:
            raise _invalid(
                "The database URL is not one of Postgres.",
                hint="It starts with postgres:// or postgresql://.",
            )
        try:
            given = {name: str(value) for name, value in conninfo_to_dict(text).items()}
        except psycopg.Error:
            raise _invalid(
                "The database URL or conninfo cannot be read.",
                hint=f"{_ENCODE} Options must be ones that libpq knows.",
            ) from None
        _check(given)
        return cls(
            parameters={**_DEFAULTS, **given, **_authorities(given)}, text=text, source=source
        )

    def current(self) -> Target:
        """The same database, with the user and password that its source names now."""
        if self.source is None or (text := self.source()) == self.text:
            return self
        try:
            now = Target.parse(text, source=self.source)
        except ConfigurationInvalid:
            return self
        return now if now._place == self._place else self

    @property
    def _place(self) -> tuple[str | None, ...]:
        return tuple(self.parameters.get(name) for name in ("host", "hostaddr", "port", "dbname"))

    @property
    def host(self) -> str | None:
        """Host names or socket directories, joined by commas; None: libpq's default."""
        return self.parameters.get("host") or self.parameters.get("hostaddr")

    @property
    def database(self) -> str | None:
        """Name of the database; None: libpq's default, which is the user's name."""
        return self.parameters.get("dbname")

    @property
    def addresses(self) -> int:
        """How many hosts libpq tries, each with its own connect timeout."""
        return (self.host or "").count(",") + 1

    def __str__(self) -> str:
        return f"database {self.database or '(default)'} on {self.host or '(default host)'}"

    def __repr__(self) -> str:
        return f"<Target {self}>"


_AUTHORITIES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Alpine, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, RHEL
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/ssl/cert.pem",  # Alpine, BSD, macOS
    "/opt/seeder/share/ca-certificates.crt",  # comes with seeder's own image
)
"""Files with a system's certificate authorities, the machine's before our own."""


def _authorities(given: Mapping[str, str]) -> dict[str, str]:
    """A file for `sslrootcert=system`, for which libpq's own OpenSSL looks where it was built.

    As there, nothing but sslmode=verify-full goes with it. Empty where the environment says where
    to look, and where no file is found: libpq then tells what is missing.
    """
    if given.get("sslrootcert") != "system" or given.get("sslmode", "verify-full") != "verify-full":
        return {}
    if os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR"):
        return {}
    file = next((each for each in _AUTHORITIES if os.access(each, os.R_OK)), None)
    return {} if file is None else {"sslrootcert": file, "sslmode": "verify-full"}


def _check_url(url: str) -> None:
    """Refuse a URL that libpq would cut at the wrong place, putting secrets into names."""
    rest, _, query = url.partition("://")[2].partition("?")
    authority, _, path = rest.partition("/")
    if authority.count("@") > 1 or "@" in path:
        raise _invalid("The database URL has a misplaced @.", hint=_ENCODE)
    if "@" in query:  # most likely a part of the password
        raise _invalid("The database URL has a misplaced ? or @.", hint=_ENCODE)
    found = list(dict.fromkeys(complaints(query)))
    if found:
        raise _invalid(
            f"The database URL has options that libpq cannot take: {'; '.join(found)}.",
            hint="The options are those of libpq:"
            " https://www.postgresql.org/docs/current/libpq-connect.html",
        )


def _check(parameters: Mapping[str, str]) -> None:
    hosts = parameters.get("host", "").split(",")
    ports = parameters.get("port", "").split(",")
    if not all(_HOST.fullmatch(host) for host in hosts):
        raise _invalid("The database URL has an invalid host.", hint=_ENCODE)
    if not all(_PORT.fullmatch(port) and int(port or 1) in range(1, 65536) for port in ports):
        raise _invalid("The database URL has an invalid port.", hint=_ENCODE)
    if "@" in parameters.get("dbname", "") and "://" in parameters.get("dbname", ""):
        raise _invalid("The conninfo's dbname is a URL.", hint="Give the URL alone.")
    if not re.fullmatch(r"-?\d{0,9}", parameters.get("connect_timeout", "")):
        raise _invalid("connect_timeout of the database URL is not a number.")


def _invalid(message: str, *, hint: str | None = None) -> ConfigurationInvalid:
    return ConfigurationInvalid(message, hint=hint, code="database-url-invalid")
