"""The order in which sets are applied: what is referred to comes first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet


def in_order(names: Sequence[str], edges: Mapping[str, AbstractSet[str]]) -> list[str]:
    """Put every name after the names it needs, and keep the given order otherwise.

    See `in_groups`; names that need one another keep the given order among themselves.

    >>> in_order(["grants", "roles"], {"grants": {"roles"}})
    ['roles', 'grants']
    """
    return [name for group in in_groups(names, edges) for name in group]


def in_groups(names: Sequence[str], edges: Mapping[str, AbstractSet[str]]) -> list[tuple[str, ...]]:
    """Group names that need one another, and put every group after those that it needs.

    `edges` maps a name to the names it needs; names that are not in `names` are
    ignored.

    >>> in_groups(["grants", "roles"], {"grants": {"roles"}, "roles": {"roles"}})
    [('roles',), ('grants',)]
    """
    position = {name: number for number, name in enumerate(names)}

    def needed(name: str) -> Iterator[str]:
        known: Iterable[str] = (each for each in edges.get(name, ()) if each in position)
        return iter(sorted(known, key=position.__getitem__))

    # Tarjan's algorithm with its own stack: a component is complete only once every
    # component it needs is, which is the order asked for.
    ordered: list[tuple[str, ...]] = []
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    unplaced: list[str] = []
    waiting: set[str] = set()
    for start in names:
        if start in number:
            continue
        number[start] = lowest[start] = len(number)
        unplaced.append(start)
        waiting.add(start)
        path = [(start, needed(start))]
        while path:
            name, rest = path[-1]
            following = next(rest, None)
            if following is None:
                path.pop()
                if path:
                    above = path[-1][0]
                    lowest[above] = min(lowest[above], lowest[name])
                if lowest[name] == number[name]:
                    cut = unplaced.index(name)
                    component = unplaced[cut:]
                    del unplaced[cut:]
                    waiting.difference_update(component)
                    ordered.append(tuple(sorted(component, key=position.__getitem__)))
            elif following not in number:
                number[following] = lowest[following] = len(number)
                unplaced.append(following)
                waiting.add(following)
                path.append((following, needed(following)))
            elif following in waiting:
                lowest[name] = min(lowest[name], number[following])
    return ordered
