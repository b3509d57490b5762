"""What reads foreign bytes, as functions that a fuzzer can call.

Each one takes bytes and either returns or raises what a person is told; anything else that it
raises is a bug.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from seeder.catalog.formats.csv_files import read_header, read_rows, read_traits
from seeder.catalog.formats.files import Unreadable, decoded
from seeder.catalog.formats.json_reader import read_json
from seeder.catalog.formats.problems import Problems
from seeder.catalog.formats.sql_text import tokens
from seeder.catalog.formats.yaml_reader import read_yaml
from seeder.catalog.loader import load
from seeder.catalog.project.project import FILE, parse_project
from seeder.configuration.settings import read_settings
from seeder.errors import ConfigurationInvalid

ROLES = b"table: roles\nkey: code\nrows:\n  - {code: owner, level: 3}\n  - {code: viewer}\n"


def told(error: ConfigurationInvalid) -> None:
    """Hold a refusal to what every one of them promises."""
    assert error.exit_code == 10
    assert str(error)
    for problem in error.problems:
        text = str(problem)
        assert text.strip()
        text.encode()  # can be written to a log: no half of a surrogate pair


@contextmanager
def directory() -> Iterator[Path]:
    """An empty directory; hypothesis would share a fixture's among all examples."""
    path = Path(tempfile.mkdtemp(prefix="seeder-hostile-"))
    try:
        yield path
    finally:
        shutil.rmtree(path)


def load_project(files: Mapping[str, bytes]) -> None:
    """Read a project of these files as a run does."""
    with directory() as root:
        for name, content in {FILE: b"", **files}.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        try:
            catalog = load(root, environment="dev", environ={"NAME": "value"})
            for each in catalog.sets:
                for row in each.rows:
                    assert len(row.values) == len(each.columns)
        except ConfigurationInvalid as error:
            told(error)


def yaml(raw: bytes) -> None:
    """Parse YAML."""
    _read(read_yaml, raw)


def json(raw: bytes) -> None:
    """Parse JSON."""
    _read(read_json, raw)


def _read(reader: Callable[..., object], raw: bytes) -> None:
    with suppress(Unreadable):
        reader(decoded(raw), file="fuzzed", problems=Problems())


def csv(raw: bytes) -> None:
    """Parse CSV: the scan, the header and the rows."""
    with directory() as root:
        path = root / "fuzzed.csv"
        path.write_bytes(raw)
        assert read_traits(path).size == len(raw)
        with suppress(Unreadable):
            width = len(read_header(path))
            for line, fields in read_rows(path, width=width):
                assert line > 1
                assert len(fields) == width


def toml(raw: bytes) -> None:
    """Parse seeder.toml."""
    with directory() as root:
        (root / FILE).write_bytes(raw)
        problems = Problems()
        if parse_project(root, problems) is None:
            try:
                problems.raise_if_any()
            except ConfigurationInvalid as error:
                told(error)
            else:
                raise AssertionError("a project that cannot be read has a problem")


def sql(raw: bytes) -> None:
    """Read an SQL task as its digest does: without comments and formatting."""
    with suppress(Unreadable):
        tokens(decoded(raw))


def settings(environ: Mapping[str, str], flags: Mapping[str, object] | None = None) -> None:
    """Read flags and environment."""
    try:
        read_settings(flags or {}, environ)
    except ConfigurationInvalid as error:
        told(error)


def seed_file(raw: bytes) -> None:
    """Read a project with one seed set; the file is YAML."""
    load_project({"seeds/core/roles.yaml": ROLES, "seeds/core/fuzzed.yaml": raw})


TARGETS: Mapping[str, Callable[[bytes], None]] = {
    "yaml": yaml,
    "json": json,
    "csv": csv,
    "toml": toml,
    "sql": sql,
    "seed_file": seed_file,
}
"""By name."""

EXAMPLES: Mapping[str, tuple[bytes, ...]] = {
    "yaml": (
        ROLES,
        b"a: &x {b: 1}\nc: [*x, {<<: *x, d: '2'}]\ne: !env N\nf: !json {g: [null, 1.5]}\n",
        b'k: "\\x41\\u00e9"\nl: |\n  text\n  more\nm: >-\n  folded\n',
        b"? complex\n: 010\nno: NO\ndate: 2026-11-01\n--- \n",
    ),
    "json": (
        b'{"table": "t", "key": ["k"], "rows": [{"k": "\\ud83d\\ude00", "n": -1.5e3, "x": null}]}',
        b'[[[]], {"a": {"b": [true, false]}}, "\\"", 12345678901234567890]',
    ),
    "csv": (
        b'code,label\nowner,"say ""hi"""\nviewer,\n"two\nlines",""\n',
        b"code,label\r\na,b\r\n\\.\r\nc,d",
    ),
    "toml": (
        b'release = "2026.11"\n[migrations]\nalembic = "migrations"\ntarget = "heads"\n'
        b'[seeds]\npath = "seeds"\n',
        b'[migrations]\ncommand = ["flask", "db"]\ndigest = ["app/**/*.py"]\n',
    ),
    "sql": (
        b"UPDATE t SET a = 'it''s' /* one /* two */ */ WHERE b = $x$ $y$ $x$; -- end\n",
        b"SELECT E'\\'' || U&'d\\0061' AS \"a\"\"b\";\n",
    ),
    "seed_file": (
        ROLES.replace(b"roles", b"others"),
        b"table: app.grants\nkey: [role_id, name]\nscope: {org: null}\nwhen: missing\n"
        b"removed: {set: {active: false}}\ndeleted: gone\nconflict: overwrite\n"
        b"environments: [dev]\ndefaults: {active: true}\ncolumns:\n"
        b"  role_id: {ref: roles, expand: true}\n  label: {was: title, update: never}\n"
        b"moved: [{from: a, to: b}]\nrows:\n"
        b'  - {role_id: ["*", "!viewer"], name: x, password: !env NAME}\n',
    ),
}
"""Well-formed input of every kind, to start from."""
