"""Whose record it is: whether a project may seed a database, and on which line of the ledger."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from seeder.errors import ConfigurationInvalid


class Image(Struct, frozen=True, kw_only=True):
    """What an image says of its project."""

    identity: str | None
    """Of seeder.toml."""
    revisions: frozenset[str] = frozenset()
    sets: frozenset[str] = frozenset()
    """Names."""
    whole: bool = True
    """Revisions and sets are all read; without them it takes no record for its own that has not
    its identity."""


class Recorded(Struct, frozen=True, kw_only=True):
    """A project in the ledger's list."""

    id: int
    identity: str | None
    began_nameless: bool
    """It had no identity at first, so its older images have none."""
    search_path: tuple[str, ...] | None
    """Schemas that its last complete run could reach, in order; None: there was none yet."""
    revisions: frozenset[str] = frozenset()
    sets: frozenset[str] = frozenset()

    @property
    def place(self) -> str | None:
        """Where its unqualified tables are made."""
        return self.search_path[0] if self.search_path else None


def own_record(
    image: Image, recorded: Sequence[Recorded], *, reached: Sequence[str]
) -> Recorded | None:
    """The record that an image's project has; None where no project has one yet.

    Args:
        image: of the project.
        recorded: the ledger's list.
        reached: the schemas of the session's search_path, in order.

    Raises:
        ConfigurationInvalid: the database is another project's, or this one works elsewhere.
    """
    if not recorded:
        return None
    own = [each for each in recorded if _is_of(image, each)]
    if not own and not image.whole and any(each.identity is None for each in recorded):
        return None  # its job will see whose record that is
    if not own:
        raise _foreign(image, recorded)
    here = next((each for each in own if each.place in (None, *reached[:1])), None)
    if here is None:
        raise _elsewhere(own[0], reached)
    return here


def _is_of(image: Image, record: Recorded) -> bool:
    if image.identity is None:
        return record.began_nameless
    if record.identity is not None:
        return record.identity == image.identity
    # The line was added to seeder.toml since; or it is another project, that had it before.
    return (
        image.whole
        and _may_be_same(image.revisions, record.revisions)
        and _may_be_same(image.sets, record.sets)
    )


def _may_be_same(of_image: frozenset[str], of_record: frozenset[str]) -> bool:
    return not of_image or not of_record or bool(of_image & of_record)


def called(identity: str | None) -> str:
    """A project as messages name it."""
    return "a project without an identity" if identity is None else f"the project {identity}"


_OTHERWISE = (
    "Is it the right database? `seeder claim --database NAME` hands it over to this project;"
    " with --beside, this project gets a record of its own beside the other."
)


def _foreign(image: Image, recorded: Sequence[Recorded]) -> ConfigurationInvalid:
    owners = " and ".join(called(each.identity) for each in recorded)
    if image.identity is None:
        return ConfigurationInvalid(
            f"This database belongs to {owners}, and seeder.toml of this image has no identity.",
            hint="If it is that project, its seeder.toml names it. Is it the right database?",
            belongs_to=[each.identity for each in recorded],
            identity=None,
            code="project-mismatch",
        )
    return ConfigurationInvalid(
        f"This database belongs to {owners}; this image is of the project {image.identity}.",
        hint=_OTHERWISE,
        belongs_to=[each.identity for each in recorded],
        identity=image.identity,
        code="project-mismatch",
    )


def _elsewhere(record: Recorded, reached: Sequence[str]) -> ConfigurationInvalid:
    path = ", ".join(record.search_path or ())
    now = f"the schema {reached[0]}" if reached else "no schema that exists"
    return ConfigurationInvalid(
        f"On this database this project works in the schema {record.place}; the search_path of"
        f" this session leads to {now}.",
        hint=f"Give the role or the URL its search_path back: {path}."
        " If the tables were moved on purpose, `seeder claim --database NAME` says so; for a"
        " second set of tables, add --beside.",
        schema=record.place,
        search_path=list(reached),
        code="search-path-changed",
    )
