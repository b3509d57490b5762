"""The environment as a catalog sees it: a variable, or the file that NAME_FILE names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from seeder.errors import ConfigurationInvalid

LIMIT = 1024 * 1024
"""Characters of a file that a variable names; no Kubernetes Secret holds more."""


class Environ(Mapping[str, str]):
    """Environment variables, where NAME_FILE names a file with the value of NAME.

    A file is read when its value is asked for: only the catalog knows which variables it
    wants. Iteration yields what was really set. Looking up a value raises
    ConfigurationInvalid if its file cannot be read, or if both forms are set.
    """

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = given
        self.taken: set[str] = set()
        """Values that went to a catalog, which no message and no log shows."""

    def __getitem__(self, name: str) -> str:
        file = self._given.get(f"{name}_FILE")
        if not file:
            return self._given[name]
        if self._given.get(name):  # empty counts as unset beside a file, as with the settings
            raise ConfigurationInvalid(
                f"{name} and {name}_FILE are both set.", hint="Unset one.", code="settings-invalid"
            )
        try:
            return value_in(Path(file))
        except TooLarge:
            raise ConfigurationInvalid(
                f"{name}_FILE names a file of more than {LIMIT:,} characters.",
                hint="Name the file that holds the value and nothing else.",
                code="settings-invalid",
            ) from None
        except (OSError, ValueError):
            # Without the cause: it may quote what it could not decode.
            raise ConfigurationInvalid(
                f"{name}_FILE names a file that cannot be read as text.",
                hint="Name a UTF-8 file that seeder's user may read.",
                code="settings-invalid",
            ) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._given)

    def __len__(self) -> int:
        return len(self._given)


class Confided(Environ):
    """Variables for a catalog: each value that it looks up is remembered as `taken`."""

    def __init__(self, environ: Environ) -> None:
        super().__init__(environ._given)
        self.taken = environ.taken

    def __getitem__(self, name: str) -> str:
        value = super().__getitem__(name)
        if value:
            self.taken.add(value)
        return value


def as_set(environ: Mapping[str, str]) -> Mapping[str, str]:
    """The variables that were really set, no file read."""
    return environ._given if isinstance(environ, Environ) else environ


class TooLarge(Exception):
    """A file holds more than a value may have."""


def value_in(file: Path) -> str:
    """The value that a file holds, without the one line break that editors add.

    Raises TooLarge beyond LIMIT, OSError, or UnicodeDecodeError; reads no more than it must,
    since a device such as /dev/zero has no end.
    """
    with file.open(encoding="utf-8") as stream:
        text = stream.read(LIMIT + 1)
    if len(text) > LIMIT:
        raise TooLarge
    return text.removesuffix("\n").removesuffix("\r")
