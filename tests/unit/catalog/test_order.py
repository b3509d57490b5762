from __future__ import annotations

import random

from seeder.merge.order import in_order


def test_names_without_needs_keep_their_order():
    assert in_order(["c", "a", "b"], {}) == ["c", "a", "b"]


def test_what_is_needed_comes_first():
    assert in_order(["grants", "roles"], {"grants": {"roles"}}) == ["roles", "grants"]


def test_needs_of_needs_come_before_both():
    edges = {"a": {"b"}, "b": {"c"}}
    assert in_order(["a", "b", "c", "d"], edges) == ["c", "b", "a", "d"]


def test_a_name_that_needs_itself_is_placed_as_if_it_did_not():
    assert in_order(["a", "b"], {"a": {"a"}}) == ["a", "b"]


def test_members_of_a_cycle_keep_their_order_and_follow_what_the_cycle_needs():
    edges = {"a": {"b"}, "b": {"a", "z"}}
    assert in_order(["b", "a", "z"], edges) == ["z", "b", "a"]


def test_unknown_needs_are_ignored():
    assert in_order(["a"], {"a": {"gone"}, "gone": {"a"}}) == ["a"]


def test_a_long_chain_does_not_exhaust_the_stack():
    names = [str(n) for n in range(20_000)]
    edges = {str(n): {str(n + 1)} for n in range(19_999)}
    assert in_order(names, edges) == names[::-1]


def test_every_need_outside_of_a_cycle_is_met_in_random_graphs():
    chance = random.Random(7)
    for _ in range(200):
        names = [str(n) for n in range(12)]
        edges = {n: {m for m in names if m > n and chance.random() < 0.2} for n in names}
        chance.shuffle(names)
        ordered = in_order(names, edges)
        assert sorted(ordered) == sorted(names)
        assert all(ordered.index(m) < ordered.index(n) for n in names for m in edges[n])
