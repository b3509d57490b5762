"""The job from Python: `seeder.plan()` and `seeder.run()`, with results as values.

Nothing is printed, no signal handler is set, no logging is configured. The migrations of a
project may need the working directory, `os.environ`, `sys.path` and the standard streams as
`alembic upgrade` has them; those are put back afterwards, and the calls of one process take turns.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypedDict, Unpack

from seeder.configuration.settings import Settings, read_settings
from seeder.errors import SeederError
from seeder.runtime import log as logs
from seeder.runtime.log import Log, LogFormat

if TYPE_CHECKING:
    from sqlalchemy import URL

    from seeder.merge.plan import Plan
    from seeder.merge.result import RunResult

Event: TypeAlias = Mapping[str, object]
"""The fields of one line of the JSON log: `timestamp`, `level`, `event` and its facts."""

_turn = threading.Lock()


class Options(TypedDict, total=False):
    """Options of `seeder run`, as its flags spell and describe them.

    What is left out comes from the environment (`SEEDER_MODE`...), as on the command line.
    """

    mode: str
    environment: str
    set_role: str
    schema: str
    allow_missing: Iterable[str]
    wait_timeout: float
    lock_timeout: float
    ddl_lock_timeout: float
    deadline: float


def plan(
    project: str | os.PathLike[str] | None = None,
    *,
    database: str | URL | None = None,
    environ: Mapping[str, str] | None = None,
    on_event: Callable[[Event], object] | None = None,
    **options: Unpack[Options],
) -> Plan:
    """Say what `run` would do now; takes no lock and writes nothing.

    The arguments are those of `run`. Raises SeederError, as the run would.
    """
    from seeder.phases import planning

    with _prepared(project, database, environ, on_event, options) as (settings, log):
        return planning.plan(settings, log=log)


def run(
    project: str | os.PathLike[str] | None = None,
    *,
    database: str | URL | None = None,
    environ: Mapping[str, str] | None = None,
    on_event: Callable[[Event], object] | None = None,
    plan: str | os.PathLike[str] | None = None,
    **options: Unpack[Options],
) -> RunResult:
    """Wait for the database, lock it, migrate, seed what it still needs, and return what was done.

    `project` is the directory of seeder.toml; None: as on the command line, the nearest from the
    working directory up. `database` is a URL, of SQLAlchemy if you like; None: as in `environ`,
    which is `os.environ` unless it is given. `plan` is a file of `seeder plan --out`, to be done
    exactly. `on_event` is called for each event, in the thread of the call.

    Raises SeederError: `exit_code` is the job's, `message`, `hint` and `problems` say what is
    wrong. Nothing is seeded then, and migrations that were applied stay.
    """
    from seeder import job

    given = {**options, "plan": None if plan is None else os.fspath(plan)}
    with _prepared(project, database, environ, on_event, given) as (settings, log):
        return job.run(settings, log=log)


@contextmanager
def _prepared(
    project: str | os.PathLike[str] | None,
    database: str | URL | None,
    environ: Mapping[str, str] | None,
    on_event: Callable[[Event], object] | None,
    options: Mapping[str, object],
) -> Iterator[tuple[Settings, Log]]:
    settings = settings_of(project, database, environ, options)

    def redacted(text: str) -> str:
        return logs.redact(text, settings.confidential)

    stream = StringIO() if on_event is None else _Told(on_event)
    try:
        with _turn:
            yield settings, logs.configure(LogFormat.JSON, stream=stream, redacted=redacted)
    except SeederError as error:
        from seeder.report.failure import describe

        # What a caller shows or logs is not to have what the command line would keep to itself.
        told = describe(error, redacted)
        error.message, error.hint, error.problems = told.message, told.hint, told.problems
        error.args = (told.message,)
        raise


def settings_of(
    project: str | os.PathLike[str] | None,
    database: str | URL | None,
    environ: Mapping[str, str] | None = None,
    options: Mapping[str, object] | None = None,
) -> Settings:
    """The settings of a call; raises ConfigurationInvalid with every problem there is."""
    for name in options or ():
        if name not in {*Options.__annotations__, "plan"}:
            raise TypeError(f"{name!r} is not an option of `seeder run` for Python.")
    variables = dict(os.environ if environ is None else environ)
    if database is not None:
        url = database
        if not isinstance(url, str):
            url = url.render_as_string(hide_password=False)
        for name in ("SEEDER_DATABASE_URL_FILE", "SEEDER_EMBEDDED"):
            variables.pop(name, None)
        variables["SEEDER_DATABASE_URL"] = url
    flags = {**(options or {}), "project": None if project is None else os.fspath(project)}
    for name, value in flags.items():
        if not isinstance(value, str) and isinstance(value, Iterable):
            flags[name] = tuple(value)
    # Where the environment names a report for the command line, a call writes none.
    return read_settings(flags, variables, directory=Path.cwd(), ignored=("report",))


class _Told(StringIO):
    """Where the log writes its lines, each of which becomes a call."""

    def __init__(self, on_event: Callable[[Event], object]) -> None:
        super().__init__()
        self._on_event = on_event

    def write(self, text: str) -> int:
        self._on_event(json.loads(text))
        return len(text)
