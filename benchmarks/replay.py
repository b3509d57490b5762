"""What a run cannot do without: the statements that it sends, and the imports that it needs."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks import systems
from benchmarks.bench import PYTHON, SEEDER, Bench
from benchmarks.measure import ROOT, Case, environment, once
from benchmarks.recorder import Recording, recording


def script(
    bench: Bench, recorded: Recording, name: str, prepare: Callable[[], Mapping[str, str]]
) -> Case:
    """The very same SQL in one psql script."""
    file = bench.files / f"{name}.sql"
    file.write_bytes(recorded.script(_types(bench)))
    return Case(
        name="psql script",
        # Without stopping: the first statement asks for a ledger that is not there yet.
        command=systems.psql(bench, "-v", "ON_ERROR_STOP=0", "-f", str(file)),
        prepare=prepare,
    )


def recorded(bench: Bench, template: str, root: Path) -> Recording:
    """Run seeder once on a copy of the template, and write down what it sends."""
    name = bench.fresh(template)
    with recording(bench) as made:
        url = (
            f"postgresql://postgres@127.0.0.1:{made.port}/{name}?sslmode=disable&gssencmode=disable"
        )
        once(
            Case(
                name="recorded",
                command=(*SEEDER, "run", "--project", str(root)),
                prepare=lambda: {"DATABASE_URL": url},
            )
        )
    return made


def _types(bench: Bench) -> Mapping[int, str]:
    with bench.connect() as connection:
        found = connection.execute("SELECT oid, format_type(oid, NULL) FROM pg_type").fetchall()
    return {int(oid): str(name) for oid, name in found}


def imports(bench: Bench, template: str, root: Path) -> str:
    """A program that imports what such a run imports, and does nothing else."""
    listing = (
        "import sys; from seeder.__main__ import main; main();"
        "print('MODULES', *sorted(m for m in sys.modules if sys.modules[m]))"
    )
    done = subprocess.run(
        [*PYTHON, "-c", listing, "run", "--project", str(root)],
        env=environment() | {"DATABASE_URL": bench.url(bench.fresh(template))},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    modules = done.stdout.rpartition("MODULES ")[2].split()
    names = [name for name in modules if name not in ("__main__", "__mp_main__")]
    return (
        "import importlib, contextlib\n"
        f"for name in {names!r}:\n"
        "    with contextlib.suppress(ImportError): importlib.import_module(name)\n"
    )
