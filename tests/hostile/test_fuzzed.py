"""Broken and hostile files: an answer that a person can use, never a traceback or a hang."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.hostile import parsers

ROOT = Path(__file__).parents[2]
RUNS = {"yaml": 40_000, "json": 40_000, "csv": 2_000, "toml": 2_000, "sql": 40_000}
RUNS |= {"seed_file": 500}
MANY = settings(
    max_examples=200,
    deadline=None,  # a hang is what pytest's own timeout ends
    suppress_health_check=[HealthCheck.too_slow],
)


# Guided by what the parsers' code does.


@pytest.mark.parametrize("target", parsers.TARGETS)
def test_a_coverage_guided_fuzzer_finds_no_input_that_a_parser_cannot_answer(
    target: str, tmp_path: Path
) -> None:
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("atheris has no wheel for this Python")
    limits = [f"-runs={RUNS[target]}", "-max_total_time=60", "-seed=1", "-timeout=20"]
    limits += ["-rss_limit_mb=1024", f"-artifact_prefix={tmp_path}/"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.hostile.fuzz", target, *limits],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    found = [path.read_bytes() for path in tmp_path.iterdir()]
    assert done.returncode == 0, (found, done.stderr[-3000:])
    assert "Done " in done.stderr
    assert found == []


# Well-formed files with parts cut out, doubled, exchanged or replaced.

_FRAGMENTS = (
    *(bytes([each]) for each in b"\0\t\n\r\x1b\"'`#%&*!|>-?:,[]{}()<=\\/~^@$"),
    *(b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xc2\x85", "\u2028".encode()),
    *(b"<<: ", b"*x", b"&x ", b"!env ", b"!file ", b"!!python/object:os.system ", b"---\n"),
    *(b"../" * 8, b"/etc/passwd", b"null", b"NO", b"1e999999999", b"0x", b"9" * 5000, b"NaN"),
    *(b'"""', b"'''", b"[[a]]\n", b"\\u0000", b"\\ud800", b"[" * 200, b"{a: " * 200),
)


@st.composite
def mutated(draw: st.DrawFn, target: str) -> bytes:
    """An example with some accidents."""
    raw = draw(st.sampled_from(parsers.EXAMPLES[target]))
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(raw)))
        end = draw(st.integers(start, min(len(raw), start + 40)))
        other = draw(st.sampled_from(_FRAGMENTS) | st.just(raw[start:end] * 2) | st.binary())
        raw = raw[:start] + other + raw[end:]
    return raw


@pytest.mark.parametrize("target", parsers.TARGETS)
@MANY
@given(data=st.data())
def test_damaged_files_are_answered(target: str, data: st.DataObject) -> None:
    parsers.TARGETS[target](data.draw(mutated(target)))


# Files of the right form with anything in them.

_KEYS = """
    table key scope when removed deleted conflict environments defaults columns moved rows
    rows_from code level ref expand update secret was set from to roles
"""
_NAMES = st.sampled_from(_KEYS.split())
_TEXTS = st.text(max_size=30) | st.sampled_from(
    ["roles", "code", "a.b.c", 'x"; DROP TABLE roles; --', "*", "!*", "[", "../../etc/passwd"]
)
_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | _TEXTS
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_NAMES | _TEXTS, inner, max_size=5),
    max_leaves=25,
)


@MANY
@given(st.dictionaries(_NAMES, _VALUES, max_size=8))
def test_declarations_of_any_shape_are_answered(declaration: dict[str, object]) -> None:
    import json

    base = {"table": "others", "key": "code", "rows": [{"code": "a"}]}
    raw = json.dumps({**base, **declaration}).encode()
    parsers.load_project(
        {"seeds/core/roles.yaml": parsers.ROLES, "seeds/core/fuzzed.json": raw, "seeder.toml": b""}
    )


_FILE_NAMES = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=60
)


@MANY
@given(_FILE_NAMES, st.sampled_from([".yaml", ".json", ".csv", ".sql", ".txt", ""]))
def test_files_of_any_name_are_answered(name: str, suffix: str) -> None:
    if name + suffix in (".", ".."):
        return
    for directory in ("core", "dev", "update"):
        parsers.load_project({f"seeds/{directory}/{name}{suffix}": parsers.ROLES})


# Settings.

_VARIABLES = """
    DATABASE_URL DATABASE_URL_FILE SEEDER_DATABASE_URL SEEDER_DATABASE_URL_FILE SEEDER_EMBEDDED
    SEEDER_WAIT_TIMEOUT SEEDER_LOCK_TIMEOUT SEEDER_DDL_LOCK_TIMEOUT SEEDER_DEADLINE SEEDER_MODE
    SEEDER_ENVIRONMENT SEEDER_PROJECT SEEDER_LOG_FORMAT SEEDER_REPORT SEEDER_SET_ROLE SEEDER_PLAN
    SEEDER_LOG_LEVEL SEEDER_SCHEMA SEEDER_ALLOW_MISSING SEEDER_ACTOR SEEDER_ENVIROMENT
"""
_OPTIONS = st.sampled_from(_VARIABLES.split())
# What an environment can hold: any bytes but NUL, decoded as Python decodes them.
_BYTES = st.binary(max_size=80).map(
    lambda raw: raw.replace(b"\0", b"").decode(errors="surrogateescape")
)
_SETTINGS = _BYTES | st.sampled_from(
    [
        *("postgres://u:p@h/d", "postgresql+psycopg://", "nan", "inf", "-1", "1e400", "9" * 5000),
        *("x" * 5000, "dev", "auto", "/dev/null", "/", "json", "\udcff", "/\udcff", "\x1b[2J"),
    ]
)


@MANY
@given(st.dictionaries(_OPTIONS, _SETTINGS, max_size=6))
def test_settings_of_any_value_are_answered(environ: dict[str, str]) -> None:
    parsers.settings(environ)


@MANY
@given(
    st.dictionaries(
        st.sampled_from(["wait_timeout", "project", "mode", "schema", "actor", "plan", "set_role"]),
        _SETTINGS,
        max_size=4,
    )
)
def test_flags_of_any_value_are_answered(flags: dict[str, object]) -> None:
    parsers.settings({"DATABASE_URL": "postgres://u@h/d"}, flags)
