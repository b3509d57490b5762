"""Variables and the files that stand for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from seeder.configuration.environ import LIMIT, Environ
from seeder.errors import ConfigurationInvalid


def test_a_file_stands_for_its_variable(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("two words\n")
    environ = Environ({"DEV_PASSWORD_FILE": str(tmp_path / "secret"), "HOME": "/"})
    assert environ.get("DEV_PASSWORD") == "two words"
    assert environ.get("HOME") == "/"
    assert environ.get("OTHER") is None


def test_what_is_set_is_passed_on_as_it_was(tmp_path: Path) -> None:
    given = {"DEV_PASSWORD_FILE": str(tmp_path / "secret")}
    assert dict(Environ(given)) == given


def test_both_forms_at_once_are_refused(tmp_path: Path) -> None:
    environ = Environ({"A": "x", "A_FILE": str(tmp_path)})
    with pytest.raises(ConfigurationInvalid, match="both set"):
        environ.get("A")


def test_an_unreadable_file_is_refused_without_its_content(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"hunter2\xff")
    for file in (tmp_path / "missing", tmp_path / "secret"):
        with pytest.raises(ConfigurationInvalid) as caught:
            Environ({"A_FILE": str(file)}).get("A")
        assert "hunter2" not in f"{caught.value!r}{caught.value.hint}"


def test_a_file_without_end_is_refused() -> None:
    with pytest.raises(ConfigurationInvalid, match="more than 1,048,576 characters"):
        Environ({"A_FILE": "/dev/zero"}).get("A")


def test_a_value_may_be_as_large_as_a_kubernetes_secret(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x" * LIMIT)
    assert Environ({"A_FILE": str(tmp_path / "secret")})["A"] == "x" * LIMIT
    (tmp_path / "secret").write_text("x" * (LIMIT + 1))
    with pytest.raises(ConfigurationInvalid):
        Environ({"A_FILE": str(tmp_path / "secret")}).get("A")
