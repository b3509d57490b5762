from __future__ import annotations

import datetime
import sys
import uuid
from decimal import Decimal

import pytest

ROWS = 'from seeder import rows\n@rows(table="t", key="k")\ndef things(context):\n'


def python(project, body, head=ROWS, file="seeds/core/t.py"):
    return project.write({file: head + body})


def test_a_generator_yields_rows_of_native_values(project):
    moment = datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC)
    python(
        project,
        "    import datetime, decimal, uuid\n"
        "    yield {'k': uuid.UUID(int=7), 'd': decimal.Decimal('1.10'), 'b': b'x',\n"
        "           't': datetime.datetime(2026, 11, 1, tzinfo=datetime.timezone.utc),\n"
        "           'j': {'a': (1, None)}, 'n': None}\n",
    )
    found = project.set("things")
    (row,) = found.rows
    assert row.key == str(uuid.UUID(int=7))
    assert row.values == (uuid.UUID(int=7), Decimal("1.10"), b"x", moment, {"a": [1, None]}, None)
    assert (found.file, row.line) == ("seeds/core/t.py", 2)


def test_the_decorator_takes_the_keys_of_a_seed_file(project):
    python(
        project,
        "    yield {'email': 'a', 'hash': 'x'}\n",
        head="from seeder import rows\n"
        "@rows(table='app.users', key=['org', 'email'], scope={'org': None}, name='staff',\n"
        "      when='missing', removed={'set': {'active': False}}, deleted='gone',\n"
        "      conflict='overwrite', environments=['production'], defaults={'active': True},\n"
        "      columns={'hash': {'secret': True}}, moved=[{'from': 'b', 'to': 'a'}])\n"
        "def people(context):\n",
    )
    found = project.set("staff")
    assert (str(found.table), found.key, found.scope) == ("app.users", ("email",), (("org", None),))
    assert found.removed_values == (("active", False),)
    assert found.column("hash").secret
    assert [move.new for move in found.moved] == ["a"]
    assert [row.values for row in found.rows] == [("a", None, True, "x")]


def test_several_seeders_may_stand_in_one_file_and_share_its_module(project):
    python(
        project,
        "    yield {'k': LATER}\n@rows(table='u', key='k')\ndef others(context):\n"
        "    return [{'k': 1}]\nLATER = 7\n",
    )
    assert [each.name for each in project.load().sets] == ["things", "others"]


def test_a_folder_of_the_project_never_hides_what_is_installed(project):
    sys.modules.pop("colorsys", None)
    project.write({"colorsys/__init__.py": "raise ValueError\n", "roles.py": "OWNER = 'owner'\n"})
    python(project, "    import colorsys, roles\n    yield {'k': roles.OWNER}\n")
    assert [row.values for row in project.load().sets[0].rows] == [("owner",)]


def test_the_context_holds_environment_release_and_declared_variables(project):
    head = ROWS.replace('key="k"', 'key="k", env=["A"]')
    body = "    yield {'k': context.env['A'], 'e': context.environment, 'r': context.release}\n"
    python(project, body, head).write({"seeder.toml": 'release = "1"\n'})
    loaded = project.load("staging", {"A": "x", "B": "y"})
    assert [row.values for row in loaded.sets[0].rows] == [("x", "staging", "1")]
    assert loaded.env_names == ("A",)


def test_variables_of_a_seeder_with_a_secret_column_are_not_remembered(project):
    head = ROWS.replace('key="k"', 'key="k", env=["A"], columns={"s": {"secret": True}}')
    python(project, "    yield {'k': 1, 's': context.env['A']}\n", head)
    assert project.load("staging", {"A": "x"}).env_names == ()


@pytest.mark.parametrize("read", ["context.env['B']", "context.env.get('B')"])
def test_an_undeclared_variable_is_a_problem_even_when_it_is_set(project, read):
    python(project, f"    yield {{'k': {read}}}\n")
    assert project.problem(environ={"B": "s3cret"}) == (
        "t.py:4: `things` reads the environment variable B undeclared. "
        'Write env=["B"] in its @rows.'
    )


def test_a_declared_variable_must_be_set(project):
    head = ROWS.replace('key="k"', 'key="k", env=["A"]')
    python(project, "    yield {'k': context.env['A']}\n", head)
    assert project.problem().startswith("t.py:2: the environment variable A is not set.")


def test_an_exception_is_a_problem_with_the_line_in_that_file(project):
    project.write({"helper.py": "def fail():\n    raise ValueError('no such plan')\n"})
    python(project, "    import helper\n    helper.fail()\n    yield {}\n")
    assert project.problem() == "t.py:5: `things` raised ValueError in helper.py:2."


@pytest.mark.parametrize(
    "raised",
    [
        "ValueError('got ' + context.env['A'])",
        "ValueError('got ' + {'k': 's3cret'}['k'])",
        "SystemExit('s3cret')",
        "TypeError('rows of s3cret')",
        "SyntaxError('s3cret')",
        "ImportError('s3cret')",
        "type('Own', (Exception,), {'__str__': lambda self: 's3cret'})()",
        "ExceptionGroup('s3cret', [ValueError('s3cret')])",
        "ValueError('x') from KeyError('s3cret')",
    ],
)
def test_the_message_of_an_exception_is_not_told_since_it_may_quote_a_row(project, raised):
    head = ROWS.replace('key="k"', 'key="k", env=["A"]')
    python(project, f"    raise {raised}\n    yield\n", head)
    found = project.problem(environ={"A": "s3cret"})
    assert found.startswith("t.py:4: `things` raised ")
    assert "s3cret" not in found


def test_the_message_of_an_exception_at_import_is_not_told_either(project):
    project.write({"seeds/core/t.py": "NUMBER = int('s3cret')\n"})
    assert project.problem() == "t.py:1: importing it raised ValueError."


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("    pass\n", "t.py:2: `things` returned NoneType, not rows. Yield one mapping per row."),
        ("    return 'abc'\n", "t.py:2: `things` returned str, not rows."),
        ("    yield ['a']\n", "t.py:2: `things` yielded list, not a mapping of column names"),
        ("    yield {7: 'a'}\n", "t.py:2: `things` yielded dict, not a mapping of column names"),
        ("    yield {'k': object()}\n", "t.py:2: `things` yields a value of type object for `k`."),
        ("    yield {'k': 1, 'v': {1}}\n", "t.py:2: `things` yields a value of type set for `v`."),
        ("    yield {'k': 'a\\0'}\n", "t.py:2: `things` yields text with a NUL character"),
        ("    yield {'k': 1, 'v': {1: 2}}\n", "t.py:2: `things` yields a mapping with keys that"),
        ("    yield {'k': 1, 'v': [float('nan')]}\n", "t.py:2: `things` yields infinity or NaN"),
        ("    yield {'k': 10**5000}\n", "t.py:2: `things` yields a number that Postgres cannot"),
        (
            "    import decimal\n    yield {'k': decimal.Decimal('1e999999')}\n",
            "t.py:2: `things` yields a number that Postgres cannot hold for `k`.",
        ),
        ("    yield {'v': 1}\n", "t.py:2: the row does not give the key column `k`."),
        ("    yield {'k': 1}\n    yield {'k': 1}\n", "t.py:2: the row `things/1` is already"),
        ("    exit(3)\n    yield\n", "t.py:4: `things` raised SystemExit: 3."),
        ("    yield from things(context)\n", "t.py:4: `things` raised RecursionError"),
        ("    import gone\n    yield\n", "t.py:4: `things` raised ModuleNotFoundError: No module"),
    ],
)
def test_what_a_seeder_does_wrong_is_named(project, body, problem):
    found = python(project, body).problem()
    assert found.startswith(problem), found


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("x = 1\n", "t.py: declares no rows."),
        ("def f(:\n", "t.py:1:7: importing it raised SyntaxError: invalid syntax."),
        (
            "import gone\n",
            "t.py:1: importing it raised ModuleNotFoundError: No module named 'gone'.",
        ),
        ("1 / 0\n", "t.py:1: importing it raised ZeroDivisionError."),
        (
            'from seeder import rows\n@rows(table="t")\ndef f(c): ...\n',
            "t.py:2: importing it raised TypeError: rows() missing 1 required keyword-only",
        ),
        (
            'from seeder import rows\n@rows(table="t", key="k", when="x")\ndef f(c): return []',
            "t.py:2: `when` must be `empty` or `missing`.",
        ),
        (
            'from seeder import rows\n@rows(table=7, key="k")\ndef f(c): yield {"k": 1}',
            "t.py:2: `table` must be the name of a table.",
        ),
        (
            'from seeder import task\n@task(release="1")\ndef f(c): ...\n',
            "t.py:2: the task `f` does not belong here.",
        ),
    ],
)
def test_a_file_that_does_not_work_is_named(project, source, problem):
    found = project.write({"seeds/core/t.py": source}).problem()
    assert found.startswith(problem), found


def test_helpers_beside_seeders_start_with_an_underscore_or_lie_in_the_project(project):
    project.write({"seeds/core/_shared.py": "K = 'a'", "lib/__init__.py": "V = 'b'"})
    python(
        project,
        "    yield {'k': K, 'v': V}\n",
        head="from seeds.core._shared import K\nfrom lib import V\n" + ROWS,
    )
    assert [row.values for row in project.set("things").rows] == [("a", "b")]


def test_loading_leaves_no_modules_paths_or_bytecode_behind(project):
    project.write({"lib.py": "V = 'b'"})
    python(project, "    from lib import V\n    yield {'k': V}\n")
    modules, path = set(sys.modules), list(sys.path)
    project.load()
    assert not {name for name in set(sys.modules) - modules if not name.startswith("seeder.")}
    assert sys.path == path
    assert not list(project.root.rglob("__pycache__"))


def test_dataclasses_work_in_a_seeder(project):
    body = "    yield {'k': Row('a').k}\n"
    head = (
        "from __future__ import annotations\nfrom dataclasses import dataclass\n"
        "@dataclass\nclass Row:\n    k: str\n"
    )
    assert [row.key for row in python(project, body, head + ROWS).set("things").rows] == ["a"]


def test_dev_seeders_are_not_imported_where_the_environment_is_protected(project):
    python(project, "    yield {'k': 1}\n", "import gone\n" + ROWS, "seeds/dev/t.py")
    assert project.load("production").sets == ()
    assert "No module named 'gone'" in project.problem("dev")


def test_dev_seeders_are_at_least_python_everywhere(project):
    project.write({"seeds/dev/t.py": "def f(:\n"})
    found = project.problem("production")
    assert found.startswith("seeds/dev/t.py:1:7: is not valid Python: SyntaxError: invalid syntax.")


def test_a_seeder_for_another_environment_is_not_called(project):
    head = ROWS.replace('key="k"', 'key="k", env=["A"], environments=["staging"]')
    python(project, "    raise ValueError\n    yield\n", head)
    loaded = project.load("production")
    assert loaded.sets == ()
    assert [list(each.rows) for each in loaded.inactive] == [[]]
