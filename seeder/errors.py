"""Every way a run can fail, one class per exit code.

Codes 10-19 are permanent (a retry cannot help), 30-34 transient. The split is
what `podFailurePolicy` on Kubernetes needs, see docs/reference/exit-codes.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar


def writable(text: str) -> str:
    """The text as any file can hold it: what the system gave us as bytes that are no text, in
    arguments, variables and file names, is shown as escapes.
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong in a file or a setting, and what would be right."""

    message: str
    remedy: str | None = None
    file: str | None = None
    """Path relative to the project directory."""
    line: int | None = None
    """One-based."""
    column: int | None = None
    """One-based."""
    address: str | None = None
    """`set/key` of the row, where one row is meant."""
    quotable: bool = True
    """Whether the line may be shown: it holds no value of a secret column."""

    def __post_init__(self) -> None:
        for name in ("message", "remedy", "file", "address"):
            text = getattr(self, name)
            if text is not None:
                object.__setattr__(self, name, writable(text))

    @property
    def place(self) -> str | None:
        """`file:line:column` as far as it is known."""
        if self.file is None:
            return self.address
        parts = [self.file, *(str(n) for n in (self.line, self.column) if n is not None)]
        return ":".join(parts)

    def __str__(self) -> str:
        text = f"{self.place}: {self.message}" if self.place else self.message
        return f"{text} {self.remedy}" if self.remedy else text


class SeederError(Exception):
    """A failure that a person can act on: what happened, and what to do about it."""

    exit_code: ClassVar[int] = 1

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        problems: tuple[Problem, ...] = (),
        code: str | None = None,
        **facts: object,
    ) -> None:
        super().__init__(writable(message))
        self.message = writable(message)
        self.hint = None if hint is None else writable(hint)
        self.problems = problems
        self.facts = facts
        """Loggable fields. Never a URL, password or row value."""
        self.code = code or _kebab(self.documented_class)
        """Stable, a heading of docs/reference/errors.md; of the class where none is closer."""

    @property
    def documented_class(self) -> str:
        """Its class in the table of exit codes; a closer distinction is the code's own."""
        return next(each.__name__ for each in type(self).__mro__ if "exit_code" in vars(each))


def _kebab(name: str) -> str:
    return "".join(f"-{c.lower()}" if c.isupper() else c for c in name).lstrip("-")


class ConfigurationInvalid(SeederError):
    """Settings, catalog or a secret are invalid; `problems` lists all of them."""

    exit_code = 10


class AccessDenied(SeederError):
    """Authentication, privilege or TLS trust."""

    exit_code = 11


class DatabaseMissing(SeederError):
    """The server answers and the database does not exist."""

    exit_code = 12


class ServerUnsupported(SeederError):
    """A transaction pooler, or a server of an unsupported version."""

    exit_code = 13


class MigrationsInvalid(SeederError):
    """Several heads, a broken chain, a revision file that does not load."""

    exit_code = 14


class RevisionUnknown(SeederError):
    """The database came to its revision by another history than this image's."""

    exit_code = 15


class MigrationFailed(SeederError):
    """A revision failed and was rolled back; earlier ones stay applied."""

    exit_code = 16


class MigrationPartial(SeederError):
    """A migration left a partial state behind, such as an invalid index."""

    exit_code = 17


class SeedingFailed(SeederError):
    """Seeding failed or was refused; nothing of it was applied."""

    exit_code = 18


class PlanStale(SeederError):
    """What the plan touches has changed since it was made."""

    exit_code = 19


class DatabaseUnavailable(SeederError):
    """Not reachable, or read-only, until the deadline."""

    exit_code = 30


class LockNotAcquired(SeederError):
    """Another job held the advisory lock for the whole of the lock timeout."""

    exit_code = 31


class RetriesExhausted(SeederError):
    """Lock or serialization conflicts persisted through every retry."""

    exit_code = 32


class ConnectionLost(SeederError):
    """The connection, and with it the advisory lock, was lost in mid-run."""

    exit_code = 33


class DeadlineExceeded(SeederError):
    """The overall deadline passed."""

    exit_code = 34


class Interrupted(KeyboardInterrupt):
    """A signal asked the job to stop.

    A `KeyboardInterrupt`, because psycopg cancels the running statement for that
    class alone; any other exception from a signal handler leaves it running.
    """

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.exit_code = 128 + signal_number
        self.facts: dict[str, Any] = {}
        """As of `SeederError`."""
        self.documented_class = type(self).__name__
        """As of `SeederError`."""
