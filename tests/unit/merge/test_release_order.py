"""Which release builds on which, by name, by word and by what came first."""

from __future__ import annotations

import pytest

from seeder.merge.release_order import AppliedOnce, Brought, ReleaseOrder, is_later


def order(
    release: str, *applied: str | AppliedOnce, supersedes: tuple[str, ...] = ()
) -> ReleaseOrder:
    return ReleaseOrder(
        release=release,
        supersedes=supersedes,
        applied=[
            AppliedOnce(release=each, first_run=n) if isinstance(each, str) else each
            for n, each in enumerate(applied, start=1)
        ],
    )


@pytest.mark.parametrize(
    ("release", "other", "expected"),
    [
        ("2026.10", "2026.9", True),
        ("2026.9", "2026.10", False),
        ("2026.9.1", "2026.9", True),
        ("2026.9.1", "2026.10", False),
        ("v1.10", "v1.9", True),
        ("2026-11-28", "2026-11-03", True),
        ("build-12", "build-3", True),
        ("v2", "1", None),
        ("2026.11-rc1", "2026.11", None),
        ("2026.09", "2026.9", None),
        ("9f3c2ab", "1c77d01", None),
        ("summer", "spring", None),
    ],
)
def test_of_names_made_of_numbers_the_higher_one_is_later(
    release: str, other: str, expected: bool | None
) -> None:
    assert is_later(release, other) is expected


def test_a_hotfix_of_an_older_release_does_not_build_on_the_newer_one() -> None:
    hotfix = order("2026.9.1", "2026.9", "2026.10")
    assert hotfix.strangers == {"2026.10"}


def test_a_release_that_was_here_first_cannot_build_on_what_came_later() -> None:
    assert order("2026.10", "2026.9", "2026.10", "2026.9.1").strangers == {"2026.9.1"}
    assert order("2026.10", "2026.9", "2026.9.1", "2026.10").strangers == frozenset()


def test_a_release_builds_on_what_it_says_and_on_what_that_says() -> None:
    middle = AppliedOnce(release="b", first_run=2, supersedes=("a",))
    assert order("c", "a", middle, supersedes=("b",)).unordered == frozenset()
    assert order("c", "a", middle, "x", supersedes=("b",)).unordered == {"x"}
    assert order("2026.9.1", "2026.9", "2026.10", supersedes=("2026.10",)).strangers == frozenset()


def test_a_release_that_was_taken_back_is_not_applied_any_more() -> None:
    gone = AppliedOnce(release="2026.10", first_run=2, taken_back="2026.9.1")
    assert order("2026.10", "2026.9", gone).here == {"2026.9"}
    assert order("2026.10", "2026.9", gone).taken_back == "2026.9.1"


def brought(release: str, **facts: object) -> Brought:
    asked = facts.pop("asked", {"old"})
    return Brought(
        set="roles",
        release=release,
        digest="new",
        asked=frozenset(asked),
        **facts,  # type: ignore[call-overload,arg-type]
    )


def test_what_a_later_release_brought_is_taken_back_only_where_something_else_is_asked() -> None:
    hotfix = order("2026.9.1", "2026.9", "2026.10")
    assert hotfix.takes_back([brought("2026.10")])
    assert not hotfix.takes_back([brought("2026.10", asked={"new"})])
    assert not hotfix.takes_back([brought("2026.10", asked=set())])
    assert not hotfix.takes_back([brought("2026.9")])


def test_without_an_order_a_set_that_goes_back_shows_an_older_image() -> None:
    image = order("f00d", "aaaa", "bbbb")
    assert not image.takes_back([brought("bbbb")])
    assert image.takes_back([brought("bbbb", earlier=("old",))])
    assert not order("f00d", "aaaa", "bbbb", supersedes=("bbbb",)).takes_back(
        [brought("bbbb", earlier=("old",))]
    )
