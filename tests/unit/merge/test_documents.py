"""The merge inside a document: its laws, and the traps that others fell into."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from seeder.merge.choices import Take
from seeder.merge.documents import (
    MISSING,
    Merged,
    Settle,
    Sides,
    equal,
    merge,
    path_text,
    read,
    text_of,
    token_of,
)
from seeder.merge.model import Conflict, Strategy, Update, Way
from seeder.merge.plan import ColumnCase

MAP, SET = Strategy(way=Way.MAP), Strategy(way=Way.SET)
LIST = Strategy(way=Way.LIST, by=("sku",))
MOVED = replace(LIST, moved=((token_of(["x"]), token_of(["w"])),))
"""The element x is w from now on."""

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from([Decimal("1.0"), Decimal("2.50")])
) | st.sampled_from(["a", "b", ""])
maps = st.recursive(
    scalars,
    lambda inner: st.dictionaries(st.sampled_from("pqr"), inner, max_size=3),
    max_leaves=6,
)
documents = st.dictionaries(st.sampled_from("klmn"), maps, max_size=4)
sets = st.lists(st.sampled_from("abcdef"), max_size=5, unique=True)
lists = st.lists(
    st.fixed_dictionaries(
        {"sku": st.sampled_from("xyz")}, optional={"price": scalars, "n": scalars}
    ),
    max_size=3,
    unique_by=lambda each: each["sku"],
)
ANY = st.sampled_from([(MAP, documents), (SET, sets), (LIST, lists)]).flatmap(
    lambda pair: st.tuples(st.just(pair[0]), pair[1], pair[1], pair[1])
)


whole = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""However busy the machine is."""


def merged(base: Any, live: Any, desired: Any, strategy: Strategy = MAP, **more: Any) -> Merged:
    offered = more.pop("offered", MISSING)
    sides = Sides(
        asked=base,
        stored=base,
        live=live,
        desired=desired,
        offered=offered,
        was_offered=offered is not MISSING,
    )
    return merge(sides, strategy, **more)


def cases(found: Merged) -> dict[str, ColumnCase]:
    return {each.name: each.case for each in found.changes}


def in_order(value: Any) -> Any:
    """Lists whose order means nothing, in order."""
    return (
        sorted(value, key=lambda each: json.dumps(each, sort_keys=True, default=str))
        if isinstance(value, list)
        else value
    )


# -- laws --------------------------------------------------------------------------------


@whole
@given(ANY)
def test_what_nobody_changed_here_becomes_what_is_desired(sides: Any) -> None:
    strategy, base, _, desired = sides
    assert equal(in_order(merged(base, base, desired, strategy).value), in_order(desired))


@whole
@given(ANY)
def test_what_the_release_does_not_change_stays_as_it_is(sides: Any) -> None:
    strategy, base, live, _ = sides
    found = merged(base, live, base, strategy)
    assert equal(found.value, live)
    assert found.changes == ()


@whole
@given(ANY)
def test_the_same_change_on_both_sides_is_no_conflict(sides: Any) -> None:
    strategy, base, both, _ = sides
    found = merged(base, both, both, strategy)
    assert equal(in_order(found.value), in_order(both))
    assert not found.kept_out


@whole
@given(ANY)
def test_merging_again_changes_nothing_and_reports_nothing_new(sides: Any) -> None:
    strategy, base, live, desired = sides
    once = merged(base, live, desired, strategy)
    again = merged(once.asked, once.value, desired, strategy, offered=desired)
    assert equal(again.value, once.value)
    assert not again.conflicts
    assert equal(again.asked, once.asked)


@whole
@given(ANY)
def test_without_conflict_all_that_is_desired_counts_as_asked(sides: Any) -> None:
    strategy, base, live, desired = sides
    found = merged(base, live, desired, strategy)
    assert found.kept_out or equal(found.asked, desired)


@whole
@given(documents, documents, documents)
def test_the_order_of_keys_means_nothing(base: Any, live: Any, desired: Any) -> None:
    def turned(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: turned(value[key]) for key in reversed(value)}
        return value

    one = merged(base, live, desired).value
    assert equal(one, merged(turned(base), turned(live), turned(desired)).value)


@whole
@given(documents, documents, documents)
def test_overwriting_leaves_no_conflict(base: Any, live: Any, desired: Any) -> None:
    assert not merged(base, live, desired, overwrite=True).kept_out


# -- maps --------------------------------------------------------------------------------


@whole
@given(documents, st.sampled_from("kl"), st.sampled_from("mn"), scalars, scalars)
def test_edits_of_any_two_paths_both_survive(
    base: Any, here: str, there: str, mine: Any, new: Any
) -> None:
    live, desired = {**base, here: {"p": mine}}, {**base, there: [new]}
    if equal(base.get(there, MISSING), [new]):
        return
    found = merged(base, live, desired)
    assert equal(found.value, {**live, there: [new]})
    assert cases(found) == {there: ColumnCase.UPDATE}


def test_edits_at_different_paths_both_survive() -> None:
    base = {"limits": {"seats": 5, "files": 10}, "theme": "light"}
    live = {"limits": {"seats": 9, "files": 10}, "theme": "light"}
    desired = {"limits": {"seats": 5, "files": 20}, "theme": "light"}
    found = merged(base, live, desired)
    assert found.value == {"limits": {"seats": 9, "files": 20}, "theme": "light"}
    assert cases(found) == {"limits.files": ColumnCase.UPDATE}


def test_a_removal_by_the_release_reaches_a_document_changed_elsewhere() -> None:
    found = merged({"a": 1, "b": 2}, {"a": 1, "b": 2, "c": 3}, {"b": 2})
    assert found.value == {"b": 2, "c": 3}


def test_a_removal_against_an_edit_is_a_conflict_and_the_edit_stays() -> None:
    found = merged({"a": 1}, {"a": 2}, {})
    assert found.value == {"a": 2}
    assert cases(found) == {"a": ColumnCase.CONFLICT}
    assert found.asked == {"a": 1}


def test_an_edit_against_a_removal_here_is_a_conflict_and_it_stays_removed() -> None:
    found = merged({"a": 1}, {}, {"a": 2})
    assert found.value == {}
    assert cases(found) == {"a": ColumnCase.CONFLICT}


def test_missing_and_json_null_are_two_things() -> None:
    assert merged({"a": None}, {"a": None, "b": 1}, {}).value == {"b": 1}
    assert merged({}, {"b": 1}, {"a": None}).value == {"b": 1, "a": None}
    assert not equal(None, MISSING)


def test_a_base_that_was_null_lets_both_sides_bring_their_keys() -> None:
    assert merged(MISSING, {"a": 1}, {"b": 2}).value == {"a": 1, "b": 2}


def test_a_part_that_is_no_mapping_any_more_is_decided_as_a_whole() -> None:
    found = merged({"a": {"b": 1}}, {"a": [1]}, {"a": {"b": 2}})
    assert found.value == {"a": [1]}
    assert cases(found) == {"a": ColumnCase.CONFLICT}


def test_an_atomic_part_changes_as_a_whole_or_not_at_all() -> None:
    strategy = Strategy(way=Way.MAP, paths=(("price", Strategy()),))
    base = {"price": {"amount": 1, "currency": "EUR"}}
    live = {"price": {"amount": 2, "currency": "EUR"}}
    desired = {"price": {"amount": 1, "currency": "USD"}}
    assert merged(base, live, desired, strategy).value == live
    assert merged(base, base, desired, strategy).value == desired


def test_a_part_written_on_insert_only_is_never_changed() -> None:
    strategy = Strategy(way=Way.MAP, paths=(("token", Strategy(update=Update.NEVER)),))
    found = merged({"token": "a"}, {"token": "a", "x": 1}, {"token": "b", "y": 2}, strategy)
    assert found.value == {"token": "a", "x": 1, "y": 2}
    assert merged({}, {"x": 1}, {"token": "b"}, strategy).value == {"x": 1, "token": "b"}


def test_a_conflict_that_was_reported_is_held_until_the_catalog_asks_for_something_else() -> None:
    before = {"a": 3, "b": 1}
    found = merged({"a": 1}, {"a": 2}, {"a": 3, "b": 2}, offered=before)
    assert cases(found) == {"a": ColumnCase.HELD, "b": ColumnCase.UPDATE}
    found = merged({"a": 1}, {"a": 2}, {"a": 4}, offered=before)
    assert cases(found) == {"a": ColumnCase.CONFLICT}


def test_a_part_written_at_every_update_is_the_catalogs_and_no_other_is() -> None:
    strategy = Strategy(way=Way.MAP, paths=(("mode", Strategy(update=Update.ALWAYS)),))
    assert strategy.reasserts
    found = merged({"mode": 1, "x": 1}, {"mode": 2, "x": 2}, {"mode": 1, "x": 1}, strategy)
    assert found.value == {"mode": 1, "x": 2}
    assert cases(found) == {"mode": ColumnCase.ALWAYS}
    assert merged({"mode": 1}, {"mode": 1}, {"mode": 1}, strategy).changes == ()


def test_what_people_added_within_such_a_part_is_not_the_catalogs() -> None:
    always = Strategy(way=Way.MAP, update=Update.ALWAYS)
    strategy = Strategy(way=Way.MAP, paths=(("limits", always),))
    base = {"limits": {"seats": 5, "old": 1}}
    live = {"limits": {"seats": 9, "old": 1, "mine": 2}}
    found = merged(base, live, {"limits": {"seats": 5}}, strategy)
    assert found.value == {"limits": {"seats": 5, "mine": 2}}


def test_which_side_wins_holds_by_path_and_for_all_within() -> None:
    wins = Strategy(
        way=Way.MAP, conflict=Conflict.OVERWRITE, paths=(("n", Strategy(conflict=Conflict.KEEP)),)
    )
    strategy = Strategy(way=Way.MAP, paths=(("limits", wins),))
    base = {"limits": {"seats": 1, "n": 1}, "x": 1}
    live = {"limits": {"seats": 2, "n": 2}, "x": 2}
    desired = {"limits": {"seats": 3, "n": 3}, "x": 3}
    found = merged(base, live, desired, strategy)
    assert found.value == {"limits": {"seats": 3, "n": 2}, "x": 2}
    assert cases(found) == {
        "limits.seats": ColumnCase.OVERWRITE,
        "limits.n": ColumnCase.CONFLICT,
        "x": ColumnCase.CONFLICT,
    }


# -- settling ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("take", "part", "value", "asked"),
    [
        (Take.DESIRED, "a.b", {"a": {"b": 3}, "c": 2, "d": 1}, {"a": {"b": 3}, "c": 1, "d": 1}),
        (Take.LIVE, "a.b", {"a": {"b": 2}, "c": 2, "d": 1}, {"a": {"b": 3}, "c": 1, "d": 1}),
        (Take.DESIRED, "a", {"a": {"b": 3}, "c": 2, "d": 1}, {"a": {"b": 3}, "c": 1, "d": 1}),
        (Take.LIVE, "", {"a": {"b": 2}, "c": 2, "d": 1}, {"a": {"b": 3}, "c": 3, "d": 1}),
        (Take.DESIRED, "d", {"a": {"b": 2}, "c": 2, "d": 1}, {"a": {"b": 1}, "c": 1, "d": 1}),
    ],
)
def test_settling_decides_conflicts_at_a_path_and_nothing_else(
    take: Take, part: str, value: Any, asked: Any
) -> None:
    base = {"a": {"b": 1}, "c": 1, "d": 1}
    live = {"a": {"b": 2}, "c": 2, "d": 1}
    desired = {"a": {"b": 3}, "c": 3, "d": 3, "new": 1}
    found = merged(base, live, desired, settle=Settle(take=take, parts=(part,)))
    assert (found.value, found.asked) == (value, asked)


def test_of_two_live_elements_with_one_key_a_person_may_take_the_catalogs() -> None:
    live = [{"sku": "x", "n": 1}, {"sku": "x", "n": 7}, {"sku": "y"}]
    settle = Settle(take=Take.DESIRED, parts=("[x]",))
    found = merged(live[:1], live, [{"sku": "x", "n": 2}], LIST, settle=settle)
    assert found.value == [{"sku": "x", "n": 2}, {"sku": "y"}]


# -- sets --------------------------------------------------------------------------------


def test_a_customers_permission_stays_and_a_release_grants_and_revokes() -> None:
    base = ["orders.view", "orders.refund"]
    live = ["orders.view", "orders.refund", "reports.mine"]
    desired = ["orders.view", "orders.hold"]
    found = merged(base, live, desired, SET)
    assert found.value == ["orders.view", "reports.mine", "orders.hold"]
    assert cases(found) == {
        "[orders.refund]": ColumnCase.UPDATE,
        "[orders.hold]": ColumnCase.UPDATE,
    }


def test_order_and_duplicates_of_live_elements_stay_where_the_catalog_does_not_name_them() -> None:
    assert merged(["a"], ["z", "q", "z", "a"], ["a", "b"], SET).value == ["z", "q", "z", "a", "b"]


def test_a_revoked_element_goes_however_often_it_is_there() -> None:
    assert merged(["a", "b"], ["a", "b", "a"], ["b"], SET).value == ["b"]


def test_what_a_trigger_sorted_and_made_single_is_no_change_by_a_person() -> None:
    sides = Sides(
        asked=["b", "a", "b"], stored=["a", "b"], live=["a", "b"], desired=["c", "b", "a"]
    )
    found = merge(sides, SET)
    assert in_order(found.value) == ["a", "b", "c"]
    assert cases(found) == {"[c]": ColumnCase.UPDATE}
    assert {each.stored for each in found.changes} == {"absent"}
    with_mine = merge(replace(sides, live=["a", "b", "mine"]), SET)
    assert with_mine.value == ["a", "b", "mine", "c"]


# -- lists -------------------------------------------------------------------------------


def test_elements_are_told_apart_by_their_keys_and_merged_inside() -> None:
    base = [{"sku": "x", "price": 1, "name": "X"}, {"sku": "y", "price": 2}]
    live = [{"sku": "y", "price": 2}, {"sku": "x", "price": 1, "name": "Mine"}, {"sku": "m"}]
    desired = [{"sku": "x", "price": 5, "name": "X"}, {"sku": "z", "price": 3}]
    found = merged(base, live, desired, LIST)
    assert found.value == [
        {"sku": "x", "price": 5, "name": "Mine"},
        {"sku": "m"},
        {"sku": "z", "price": 3},
    ]
    assert cases(found) == {
        "[y]": ColumnCase.UPDATE,
        "[x].price": ColumnCase.UPDATE,
        "[z]": ColumnCase.UPDATE,
    }


def test_two_live_elements_with_one_key_are_a_conflict_of_that_key_alone() -> None:
    base = [{"sku": "x", "n": 1}, {"sku": "y", "n": 1}]
    live = [{"sku": "x", "n": 1}, {"sku": "x", "n": 7}, {"sku": "y", "n": 1}]
    desired = [{"sku": "x", "n": 2}, {"sku": "y", "n": 2}]
    for overwrite in (False, True):
        found = merged(base, live, desired, LIST, overwrite=overwrite)
        assert found.value == [{"sku": "x", "n": 1}, {"sku": "x", "n": 7}, {"sku": "y", "n": 2}]
        assert cases(found) == {"[x]": ColumnCase.CONFLICT, "[y].n": ColumnCase.UPDATE}


@pytest.mark.parametrize(
    "desired",
    [[{"sku": "x", "n": 2}, {"sku": "x", "n": 3}], [{"sku": "x", "n": 2}, {"n": 3}, "y"]],
)
def test_a_list_of_the_catalog_that_cannot_be__told_apart_is_decided_as_a_whole(
    desired: Any,
) -> None:
    base = [{"sku": "x", "n": 1}]
    assert merged(base, base, desired, LIST).value == desired
    live = [{"sku": "x", "n": 1}, {"sku": "own"}]
    found = merged(base, live, desired, LIST)
    assert found.value == live
    assert cases(found) == {"": ColumnCase.CONFLICT}


def test_live_elements_without_a_key_stay() -> None:
    live = ["note", {"sku": "x", "n": 1}, {"n": 5}]
    assert merged([{"sku": "x", "n": 1}], live, [], LIST).value == ["note", {"n": 5}]


def test_a_changed_merge_key_is_a_removal_and_an_addition() -> None:
    base, desired = [{"sku": "x", "n": 1}], [{"sku": "w", "n": 1}]
    assert merged(base, base, desired, LIST).value == desired
    live = [{"sku": "x", "n": 2}]
    assert merged(base, live, desired, LIST).value == [*live, *desired]


def renamed(document: Any) -> Any:
    """The list with the element x as w."""
    return [each | {"sku": "w"} if each["sku"] == "x" else each for each in document]


@whole
@given(lists, lists, lists)
def test_a_moved_element_is_merged_as_if_it_had_had_its_key_all_along(
    base: Any, live: Any, desired: Any
) -> None:
    assume(any(each["sku"] == "x" for each in base))
    found = merged(base, live, renamed(desired), MOVED)
    all_along = merged(renamed(base), renamed(live), renamed(desired), LIST)
    assert equal(in_order(renamed(found.value)), in_order(all_along.value))
    if any(each["sku"] == "x" for each in live) and any(each["sku"] == "x" for each in desired):
        assert all(each["sku"] != "x" for each in found.value)
    again = merged(found.asked, found.value, renamed(desired), MOVED, offered=renamed(desired))
    assert equal(again.value, found.value)
    assert not again.conflicts


def test_a_moved_element_keeps_what_people_changed_in_it_and_its_place() -> None:
    base = [{"sku": "x", "n": 1, "p": 1}, {"sku": "y"}]
    live = [{"sku": "x", "n": 1, "p": 9, "mine": 1}, {"sku": "y"}]
    found = merged(base, live, [{"sku": "w", "n": 2, "p": 1}, {"sku": "y"}], MOVED)
    assert found.value == [{"sku": "w", "n": 2, "p": 9, "mine": 1}, {"sku": "y"}]
    assert cases(found) == {"[w].sku": ColumnCase.UPDATE, "[w].n": ColumnCase.UPDATE}


def test_a_moved_element_that_people_removed_stays_away() -> None:
    found = merged([{"sku": "x"}], [], [{"sku": "w"}], MOVED)
    assert found.value == []
    assert cases(found) == {"[w]": ColumnCase.CONFLICT}


def test_a_moved_element_beside_one_of_the_new_key_is_a_conflict_of_that_key_alone() -> None:
    live = [{"sku": "x"}, {"sku": "w", "mine": 1}, {"sku": "y", "n": 1}]
    base, desired = [{"sku": "x"}, {"sku": "y", "n": 1}], [{"sku": "w"}, {"sku": "y", "n": 2}]
    found = merged(base, live, desired, MOVED)
    assert found.value == [{"sku": "x"}, {"sku": "w", "mine": 1}, {"sku": "y", "n": 2}]
    assert cases(found) == {"[w]": ColumnCase.CONFLICT, "[y].n": ColumnCase.UPDATE}


def test_a_move_that_was_applied_means_no_element_that_people_add_later() -> None:
    base, live = [{"sku": "w", "n": 1}], [{"sku": "w", "n": 1}, {"sku": "x", "mine": 1}]
    found = merged(base, live, [{"sku": "w", "n": 2}], MOVED)
    assert found.value == [{"sku": "w", "n": 2}, {"sku": "x", "mine": 1}]


def test_of_two_elements_that_the_catalog_had_one_leaves_whatever_a_move_says() -> None:
    base = [{"sku": "x"}, {"sku": "w"}]
    assert merged(base, base, [{"sku": "w", "n": 2}], MOVED).value == [{"sku": "w", "n": 2}]


def test_a_part_that_was_offered_before_its_element_moved_is_not_reported_again() -> None:
    base, live = [{"sku": "x", "p": 1}], [{"sku": "x", "p": 9}]
    found = merged(base, live, [{"sku": "w", "p": 2}], MOVED, offered=[{"sku": "x", "p": 2}])
    assert cases(found) == {"[w].sku": ColumnCase.UPDATE, "[w].p": ColumnCase.HELD}


# -- values ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("10", "10.0", True),
        ("1e2", "100", True),
        ("0", "-0", True),
        ("1", "true", False),
        ("0", "false", False),
        ("1", '"1"', False),
        ("12345678901234567890.10", "12345678901234567890.1", True),
        ("12345678901234567890.1", "12345678901234567890.2", False),
        ('{"a": 1, "b": 2}', '{"b": 2, "a": 1.0}', True),
        ("null", "[]", False),
        ('{"": "0"}', "0", False),
    ],
)
def test_values_are_equal_as_jsonb_has_it(one: str, other: str, same: bool) -> None:
    assert equal(read(one), read(other)) is same


def test_every_digit_is_kept() -> None:
    text = '{"a": 12345678901234567890.10, "b": [1.0, 1E-30, 100000000000000000000]}'
    assert equal(read(text_of(read(text))), read(text))
    assert "12345678901234567890.10" in (text_of(read(text)) or "")


def test_a_path_is_written_so_that_its_parts_can_be_told_apart() -> None:
    found = merged({}, {}, {"a.b": {"c[d": 1}})
    assert list(cases(found)) == ["a\\.b"]
    found = merged({"a.b": {}}, {"a.b": {}}, {"a.b": {"c[d": 1}})
    assert list(cases(found)) == ["a\\.b.c\\[d"]
    assert path_text(("limits", "[orders.view]", "seats")) == "limits[orders.view].seats"


def test_keys_of_elements_are_told_apart_by_type() -> None:
    live = [{"sku": 1, "n": 1}, {"sku": "1", "n": 2}]
    found = merged(live, live, [{"sku": 1, "n": 3}, {"sku": "1", "n": 2}], LIST)
    assert found.value == [{"sku": 1, "n": 3}, {"sku": "1", "n": 2}]
