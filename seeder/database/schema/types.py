"""What the types of columns are: domains resolved, operators qualified, parts named.

Read from the catalogs by oid, so that no search_path has a say in it.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct, convert

from seeder.database.connection.connect import Connection

PLAIN = frozenset(
    {
        "smallint",
        "integer",
        "bigint",
        "boolean",
        "text",
        "date",
        "timestamp without time zone",
        "timestamp with time zone",
        "uuid",
        "bytea",
        "numeric",
        "real",
        "double precision",
        "oid",
    }
)
"""Types that the ledger stores as themselves; everything else is stored as text."""

_RESPELLED = {"numeric", "json", "jsonb"}
"""Types of which equal values may have several text forms: `10` and `10.0`."""

_EXACT = _RESPELLED | {
    *PLAIN,
    "bit",
    "bit varying",
    "character varying",
    "cidr",
    "inet",
    "macaddr",
    "macaddr8",
    "name",
    "time without time zone",
    "time with time zone",
}
"""Types whose `=` tells all values apart that a person would. Not among them: citext and
character(n) (`a` is `A`, or `a `), intervals (`1 mon` is `30 days`), shapes (areas)."""


_MOMENTS = {
    "date",
    "time without time zone",
    "time with time zone",
    "timestamp without time zone",
    "timestamp with time zone",
}


class Type(Struct, frozen=True, kw_only=True):
    """The type of a column."""

    base: str
    """As `format_type` writes it, domains resolved, without length and precision."""
    limited: str | None = None
    """The same with the length and precision that a domain gives it; None outside domains."""
    category: str
    """`pg_type.typcategory`: 'S' strings, 'N' numbers, 'D' dates and times, 'A' arrays, ..."""
    is_array: bool = False
    nested: bool = False
    """A composite type, or an array of one."""
    equals: str | None = None
    """The operator by which two values are the same key, qualified; None where there is none:
    the one of the type's B-tree class, else of its hash class."""
    joins: bool = False
    """Whether Postgres can hash or merge by it."""
    elements: str | None = None
    """Of an array: the array type of its elements with their domain resolved."""
    parts: frozenset[str] = frozenset()
    """The types that values are made of, the base itself where it is not made of others;
    `domain` where one of them adds constraints, `collated` where a collation tells less."""

    @property
    def holds_moments(self) -> bool:
        """A date or time, or made of such alone: `now` stands for another value in every run."""
        return self.parts <= _MOMENTS

    @property
    def is_hstore(self) -> bool:
        """The type of the extension, in whichever schema."""
        return self.base.rpartition(".")[2] == "hstore"

    @property
    def compared(self) -> str | None:
        """The type in which two text forms are compared that differ; None where they tell all.

        Numbers have several forms, and jsonb, arrays, ranges and composites keep them.
        """
        if self.base in ("json", "jsonb"):
            return "jsonb"
        composed = self.parts != {self.base}
        if not composed or not self.parts <= _EXACT or not self.parts & _RESPELLED:
            return None
        if self.elements is None:
            return None if "json" in self.parts else self.base
        return "jsonb[]" if self.parts == {"json"} else self.elements


def read_types(connection: Connection, oids: Iterable[int]) -> dict[int, Type]:
    """What types are, by their oids."""
    rows = connection.execute(_QUERY, {"oids": list(oids)}).fetchall()
    return {oid: convert(facts, Type) for oid, facts in rows}


_QUERY = """
WITH RECURSIVE domain (root, oid, typmod) AS (
    SELECT t.oid, t.oid, -1 FROM pg_type t WHERE t.oid = ANY (%(oids)s::oid[])
    UNION ALL
    SELECT d.root, t.typbasetype, greatest(d.typmod, t.typtypmod)
    FROM domain d JOIN pg_type t ON t.oid = d.oid WHERE t.typtype = 'd'
), base AS (
    SELECT d.root, d.typmod, t.oid, t.typtype, t.typcategory, t.typelem,
           t.typelem <> 0::oid
               AND t.typsubscript::oid = 'array_subscript_handler'::regproc::oid AS is_array
    FROM domain d JOIN pg_type t ON t.oid = d.oid WHERE t.typtype <> 'd'
), part (root, oid, element, inner_domain, collated) AS (
    SELECT root, oid, false, false, false FROM base
    UNION
    SELECT p.root, q.oid, q.element, q.inner_domain, coalesce(NOT c.collisdeterministic, false)
    FROM part p JOIN pg_type t ON t.oid = p.oid
    CROSS JOIN LATERAL (
        SELECT t.typbasetype, p.element, NOT p.element, 0::oid WHERE t.typtype = 'd'
        UNION ALL
        SELECT t.typelem, p.oid IN (SELECT b.oid FROM base b WHERE b.root = p.root), false, 0
        WHERE t.typelem <> 0::oid AND t.typsubscript::oid = 'array_subscript_handler'::regproc::oid
        UNION ALL
        SELECT r.rngsubtype, false, false, r.rngcollation FROM pg_range r
        WHERE t.oid IN (r.rngtypid, r.rngmultitypid)
        UNION ALL
        SELECT a.atttypid, false, false, a.attcollation FROM pg_attribute a
        WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
    ) q (oid, element, inner_domain, ordered_by)
    LEFT JOIN pg_collation c ON c.oid = q.ordered_by
)
SELECT b.root, pg_catalog.jsonb_build_object(
       'base', pg_catalog.format_type(b.oid, NULL),
       'limited', CASE WHEN b.oid <> b.root THEN pg_catalog.format_type(b.oid, b.typmod) END,
       'category', b.typcategory, 'is_array', b.is_array,
       'nested', coalesce((SELECT e.typtype FROM pg_type e WHERE b.is_array AND e.oid = b.typelem),
           b.typtype) = 'c',
       'equals', equal.operator, 'joins', coalesce(equal.joins, false),
       'elements', (
        SELECT pg_catalog.format_type(e.typarray, NULL) FROM part p JOIN pg_type e ON e.oid = p.oid
        WHERE b.is_array AND p.root = b.root AND p.element AND e.typtype <> 'd'),
       'parts', (SELECT pg_catalog.jsonb_agg(DISTINCT CASE WHEN p.collated THEN 'collated'
                WHEN p.inner_domain THEN 'domain' ELSE pg_catalog.format_type(t.oid, NULL) END)
        FROM part p JOIN pg_type t ON t.oid = p.oid
        WHERE p.root = b.root AND (p.inner_domain OR p.collated OR t.typtype = 'e'
            OR t.typtype = 'b' AND NOT
               (t.typelem <> 0::oid
                AND t.typsubscript::oid = 'array_subscript_handler'::regproc::oid))))
FROM base b
LEFT JOIN LATERAL (
    SELECT pg_catalog.format('OPERATOR(%%I.%%s)', n.nspname, o.oprname), o.oprcanhash OR
           o.oprcanmerge
    FROM (
        SELECT c.opcfamily, c.opcintype, CASE m.amname WHEN 'btree' THEN 3 ELSE 1 END
        FROM pg_opclass c
        JOIN pg_am m ON m.oid = c.opcmethod AND m.amname IN ('btree', 'hash')
        JOIN pg_type t ON t.oid = c.opcintype
        WHERE c.opcdefault AND (
            c.opcintype = b.oid
            OR c.opcintype = CASE
                WHEN b.is_array THEN 'anyarray'::regtype::oid
                WHEN b.typtype = 'e' THEN 'anyenum'::regtype::oid
                WHEN b.typtype = 'r' THEN 'anyrange'::regtype::oid
                WHEN b.typtype = 'm' THEN 'anymultirange'::regtype::oid
                WHEN b.typtype = 'c' THEN 'record'::regtype::oid END
            OR EXISTS (SELECT FROM pg_cast k WHERE k.castsource = b.oid
                       AND k.casttarget = c.opcintype
                       AND k.castmethod = 'b' AND k.castcontext = 'i'))
        ORDER BY c.opcintype = b.oid DESC, m.amname, t.typispreferred DESC LIMIT 1
    ) class (family, type, strategy)
    JOIN pg_amop a ON a.amopfamily = class.family AND a.amoplefttype = class.type
        AND a.amoprighttype = class.type AND a.amoppurpose = 's'
        AND a.amopstrategy = class.strategy
    JOIN pg_operator o ON o.oid = a.amopopr
    JOIN pg_namespace n ON n.oid = o.oprnamespace
) equal (operator, joins) ON true
"""
# As `GetDefaultOpClass` of Postgres chooses: the type's own class, then one of a polymorphic type
# or one that it is binary coercible to. Strategy 3 of a B-tree, and 1 of a hash index, is equality.
# One class is chosen first (LIMIT): joined with all operators at once, this took 20 ms for a type.
