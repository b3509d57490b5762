from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from seeder.catalog import fingerprint
from seeder.errors import ConfigurationInvalid

SET = "table: t\nkey: k\nrows: []\n"


@pytest.fixture
def full(project):
    return project.core(t=SET).write(
        {
            "seeds/core/data.csv": "a\n1\n",
            "migrations/env.py": "",
            "migrations/versions/1.py": "",
            "helpers/shared.py": "X = 1",
            "README.md": "",
        }
    )


@pytest.mark.parametrize(
    "name",
    [
        "seeder.toml",
        "seeds/core/t.yaml",
        "seeds/core/data.csv",
        "seeds/core/new.txt",
        "migrations/env.py",
        "migrations/versions/1.py",
        "migrations/versions/new.sql",
        "helpers/shared.py",
    ],
)
def test_an_edit_of_what_the_catalog_is_made_of_changes_it(full, name):
    before = fingerprint(full.root)
    full.write({name: "# edited\n"})
    assert fingerprint(full.root) != before


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        ".git/x.py",
        "seeds/core/.hidden.yaml",
        "seeds/core/__pycache__/x.pyc",
        "migrations/versions/__pycache__/1.cpython-311.pyc",
        "node_modules/x/setup.py",
    ],
)
def test_an_edit_of_anything_else_leaves_it(full, name):
    before = fingerprint(full.root)
    full.write({name: "# edited\n"})
    assert fingerprint(full.root) == before


def test_a_virtual_environment_in_the_project_is_left_out(full):
    before = fingerprint(full.root)
    full.write({"env/pyvenv.cfg": "", "env/lib/x.py": ""})
    assert fingerprint(full.root) == before


def test_renaming_a_file_changes_it(full):
    before = fingerprint(full.root)
    (full.root / "seeds/core/t.yaml").rename(full.root / "seeds/core/u.yaml")
    assert fingerprint(full.root) != before


def test_moving_bytes_from_one_file_to_the_next_changes_it(project):
    one = fingerprint(project.write({"seeds/core/a.md": "xy", "seeds/core/b.md": "z"}).root)
    assert fingerprint(project.write({"seeds/core/a.md": "x", "seeds/core/b.md": "yz"}).root) != one


def test_it_does_not_depend_on_where_the_project_lies(full, tmp_path_factory):
    copy = tmp_path_factory.mktemp("elsewhere") / "copy"
    shutil.copytree(full.root, copy)
    assert fingerprint(copy) == fingerprint(full.root)


def test_globs_of_a_command_are_covered(project):
    project.write({"seeder.toml": '[migrations]\ncommand = ["x"]\ndigest = ["sql/**"]\n'})
    before = fingerprint(project.write({"sql/a/1.sql": "1"}).root)
    assert fingerprint(project.write({"sql/a/1.sql": "2"}).root) != before


def test_it_is_the_digest_of_the_loaded_catalog(full):
    full.root.joinpath("seeds/core/data.csv").unlink()
    assert full.load().digest == fingerprint(full.root)


def test_directories_that_are_links_inside_the_project_are_followed(project):
    project.write({"seeds/..data/core/t.yaml": SET})
    (project.root / "seeds/core").symlink_to(project.root / "seeds/..data/core")
    before = fingerprint(project.root)
    assert [each.name for each in project.load().sets] == ["t"]
    project.write({"seeds/..data/core/t.yaml": SET + "# edited\n"})
    assert fingerprint(project.root) != before


def test_a_loop_of_links_ends(project):
    project.core(t=SET)
    (project.root / "seeds/core/loop").symlink_to(project.root / "seeds/core")
    assert [each.name for each in project.load().sets] == ["t"]


def test_a_broken_seeder_toml_is_a_configuration_error(project):
    with pytest.raises(ConfigurationInvalid):
        fingerprint(project.write({"seeder.toml": "="}).root)


def test_an_unreadable_file_is_a_configuration_error(full, request):
    (full.root / "seeds/core/t.yaml").chmod(0)
    request.getfixturevalue("ordinary_user")
    with pytest.raises(ConfigurationInvalid) as caught:
        fingerprint(full.root)
    assert "permission denied" in str(caught.value.problems[0])


def test_nothing_heavy_is_imported_for_it(full):
    code = (
        "import sys; from pathlib import Path; from seeder.catalog import fingerprint\n"
        f"fingerprint(Path({str(full.root)!r}))\n"
        "print([m for m in ('yaml', 'msgspec', 'sqlalchemy', 'alembic', 'difflib') "
        "if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_importing_the_package_imports_nothing_of_it():
    code = "import sys, seeder; print([m for m in sys.modules if m.startswith('seeder.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
