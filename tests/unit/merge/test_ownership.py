"""Whose record it is, decided from what the ledger has and what the image says."""

from __future__ import annotations

import pytest

from seeder.errors import ConfigurationInvalid
from seeder.merge.ownership import Image, Recorded, own_record

SHOP = Image(identity="shop", revisions=frozenset({"0001"}), sets=frozenset({"roles"}))
PUBLIC = ("public",)


def record(
    number: int = 1,
    identity: str | None = "shop",
    *,
    nameless: bool = False,
    path: tuple[str, ...] | None = PUBLIC,
    revisions: tuple[str, ...] = ("0001",),
    sets: tuple[str, ...] = ("roles",),
) -> Recorded:
    return Recorded(
        id=number,
        identity=identity,
        began_nameless=nameless or identity is None,
        search_path=path,
        revisions=frozenset(revisions),
        sets=frozenset(sets),
    )


def number_of(image: Image, *recorded: Recorded, reached: tuple[str, ...] = PUBLIC) -> int | None:
    found = own_record(image, recorded, reached=reached)
    return None if found is None else found.id


def test_the_first_project_of_a_database_has_no_record_yet() -> None:
    assert number_of(SHOP) is None


def test_a_project_is_known_by_its_identity_alone() -> None:
    assert number_of(SHOP, record(2, revisions=("9",), sets=("others",))) == 2


def test_another_project_is_refused_whatever_its_revisions_are() -> None:
    with pytest.raises(ConfigurationInvalid) as refused:
        number_of(SHOP, record(identity="billing"))
    assert refused.value.message == (
        "This database belongs to the project billing; this image is of the project shop."
    )
    assert "seeder claim --database" in (refused.value.hint or "")


def test_of_two_projects_each_has_its_own() -> None:
    assert number_of(SHOP, record(1, "billing"), record(2, "shop")) == 2


def test_a_record_without_an_identity_is_the_projects_that_has_added_the_line() -> None:
    assert number_of(SHOP, record(identity=None)) == 1


@pytest.mark.parametrize("other", [{"revisions": ("9",)}, {"sets": ("invoices",)}])
def test_a_record_without_an_identity_of_other_revisions_or_sets_is_refused(
    other: dict[str, tuple[str, ...]],
) -> None:
    with pytest.raises(ConfigurationInvalid, match="belongs to a project without an identity"):
        number_of(SHOP, record(identity=None, **other))  # type: ignore[arg-type]  # two of them


def test_who_has_not_read_the_sets_takes_no_record_without_an_identity_for_its_own() -> None:
    assert number_of(Image(identity="shop", whole=False), record(identity=None)) is None


def test_an_image_from_before_the_line_was_added_goes_on() -> None:
    assert number_of(Image(identity=None), record(nameless=True)) == 1


def test_an_image_without_a_line_is_refused_where_the_project_always_had_one() -> None:
    with pytest.raises(ConfigurationInvalid, match=r"seeder\.toml of this image has no identity"):
        number_of(Image(identity=None), record())


def test_another_schema_is_refused_naming_both() -> None:
    with pytest.raises(ConfigurationInvalid) as refused:
        number_of(SHOP, record(path=("app", "public")))
    assert "works in the schema app" in refused.value.message
    assert "leads to the schema public" in refused.value.message
    assert "app, public" in (refused.value.hint or "")


def test_a_schema_further_back_on_the_path_may_come_and_go() -> None:
    assert number_of(SHOP, record(path=("app", "public")), reached=("app", "extensions")) == 1


def test_a_search_path_that_leads_nowhere_is_refused() -> None:
    with pytest.raises(ConfigurationInvalid, match="leads to no schema that exists"):
        number_of(SHOP, record(), reached=())


def test_a_project_has_one_record_for_each_schema_that_it_works_in() -> None:
    two = record(1, path=("one",)), record(2, path=("two",))
    assert number_of(SHOP, *two, reached=("two",)) == 2


def test_a_launch_that_never_completed_binds_to_no_schema() -> None:
    assert number_of(SHOP, record(path=None), reached=("app",)) == 1
