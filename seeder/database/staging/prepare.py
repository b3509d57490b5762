"""Before any row is looked at: what each set is in for, and everything staged for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

from psycopg import sql

from seeder.database.connection.batch import AT_ONCE, at_most, send
from seeder.database.ledger.bases.base_open import Shared, make, open_bases
from seeder.database.ledger.bases.bases import Base, BaseKey, base_key
from seeder.database.ledger.bases.entries import read_bases
from seeder.database.ledger.runs.digests import FIRST_ROWS, digest_of
from seeder.database.schema.equality import where
from seeder.database.schema.tables import Column, read_tables
from seeder.database.staging import (
    applied_lines,
    copy_to_base,
    departed,
    loading,
    lock_table,
    recorded_keys,
    registry,
    rekey,
    renamed,
    rescope,
    schema_check,
    secrecy,
    stage,
)
from seeder.database.staging.context import MERGING, WRITTEN, Known, Seeding
from seeder.database.staging.generated import with_generators
from seeder.database.staging.work import (
    SetWork,
    TableTarget,
    Target,
    scope_condition,
    with_equal_nulls,
)
from seeder.errors import ConfigurationInvalid, Problem
from seeder.merge.model import Mode, SeedSet, SetReference, When
from seeder.merge.order import in_groups
from seeder.merge.plan import SetDecision


def prepare(seeding: Seeding) -> list[tuple[str, ...]]:
    """Read the schema and the ledger, decide about every set, stage what is needed."""
    read(seeding)
    sets = seeding.catalog.sets
    checked = [each for each in sets if each.name not in seeding.decisions]
    found = schema_check.problems(checked, seeding.tables) + secrecy.problems(seeding)
    found += _of_the_ledger(seeding, checked)
    if found:
        remembered = _remembered(seeding)
        found = schema_check.problems(checked, seeding.tables, remembered=remembered)
        found += secrecy.problems(seeding) + _of_the_ledger(seeding, checked)
        others = schema_check.together(sets, seeding.tables)
        fitting = [s for s in checked if not schema_check.misfit(s, seeding.tables, others)]
        found += _values_that_do_not_fit(seeding, fitting)
        raise ConfigurationInvalid(
            "The catalog does not fit the schema of the database.",
            problems=tuple(found),
            code="schema-unfit",
        )
    _require_constants(seeding, checked)
    edges = schema_check.needs(sets, seeding.tables)
    decide(seeding, sets)
    if seeding.writes:
        secrecy.conceal(seeding)
    _open(seeding, edges)
    return in_groups([each.name for each in sets], _with_neighbours(seeding, edges))


def _require_constants(seeding: Seeding, sets: Iterable[SeedSet]) -> None:
    found = loading.unfit_constants(seeding.connection, sets, seeding.tables)
    if seeding.orders.migrations_pending:
        reason = "values of it do not fit the schema before the pending migrations"
        _await(seeding, dict.fromkeys(found, reason))
    elif found:
        raise ConfigurationInvalid(
            "Values of the catalog do not fit their columns.",
            problems=tuple(each for problems in found.values() for each in problems),
            code="values-unfit",
        )


def _with_neighbours(
    seeding: Seeding, edges: Mapping[str, set[str]]
) -> Mapping[str, AbstractSet[str]]:
    """Sets whose rows share a table are judged together: keys and values pass between them."""
    beside: dict[int, set[str]] = {}
    for work in seeding.works.values():
        if work.decision in WRITTEN:
            beside.setdefault(work.table.oid, set()).add(work.name)
    found: dict[str, AbstractSet[str]] = dict(edges)
    for names in beside.values():
        # On a first launch nothing is there that could pass from one to the other.
        if len(names) > 1 and any(seeding.works[name].decision in MERGING for name in names):
            found |= {name: edges[name] | names for name in names}
    return found


def _of_the_ledger(seeding: Seeding, sets: Iterable[SeedSet]) -> list[Problem]:
    """Sets on seeder's own tables: what was applied is nothing to be seeded."""
    return [
        Problem(
            message=f"Set {each.name}: {each.table} is a table of seeder's own.",
            remedy="Seed the tables of the application.",
            file=each.file,
        )
        for each in sets
        if (table := seeding.tables.get(each.table)) and table.schema == seeding.ledger.schema
    ]


def _remembered(seeding: Seeding) -> schema_check.Remembered:
    if not seeding.ledger.exists(seeding.connection):
        return {}
    found: dict[int, dict[str, str]] = {}
    for base in read_bases(seeding.connection, seeding.ledger).open:
        columns = {each.name: each.type for each in base.columns.values()}
        found.setdefault(base.table.oid, {}).update(columns)
    return found


def read(seeding: Seeding) -> None:
    """Read the schema and the ledger; what they say is secret is so in the catalog as well."""
    catalog = seeding.catalog
    everything = (*catalog.sets, *catalog.inactive)
    seeding.tables = read_tables(seeding.connection, schema_check.tables_of(everything))
    registry.read_known(seeding)
    renamed.find(seeding, catalog.sets)  # first: what is secret stays so under another name
    secrecy.declare(seeding)
    if seeding.orders.migrations_pending:
        await_migrations(seeding)


def decide(seeding: Seeding, sets: Iterable[SeedSet]) -> None:
    """Decide about the sets, whose tables are read and fit; stage nothing."""
    sets = tuple(sets)
    rescope.find(seeding, sets)
    known = {each.name: registry.same_place(seeding, each) for each in sets}
    renamed.leave_unrecognised(seeding, [each for each in sets if not known[each.name]])
    undecided = [each for each in sets if each.name not in seeding.decisions]
    registry.require_same_schema(seeding, undecided)
    filled = _filled(seeding, [each for each in undecided if not known[each.name]])
    for each in undecided:
        seeding.decisions[each.name] = _decide(
            seeding, each, known[each.name], filled=each.name in filled
        )


def await_migrations(seeding: Seeding) -> None:
    """Leave out sets that do not fit the schema before the migrations of this image."""
    others = schema_check.together(seeding.catalog.sets, seeding.tables)
    reasons: dict[str, str] = {}
    for name, each in others.by_name.items():
        if each.table not in seeding.tables:
            reasons[name] = (
                f"its first rows go in right behind revision {each.after.revision}"
                if each.after
                else "its table comes with the pending migrations"
            )
        elif message := schema_check.misfit(each, seeding.tables, others):
            reasons[name] = f"it awaits the pending migrations: {message.rstrip('.')}"
    _await(seeding, reasons)


def _await(seeding: Seeding, reasons: dict[str, str]) -> None:
    """Leave out these sets, and all that refer to them."""
    while True:
        referring = {
            each.name: f"it refers to set {column.reference.set}, which awaits the migrations"
            for each in seeding.catalog.sets
            for column in each.columns
            if isinstance(column.reference, SetReference)
            and column.reference.set in reasons
            and each.name not in reasons
        }
        if not referring:
            break
        reasons = {**reasons, **referring}
    for name, reason in reasons.items():
        seeding.decisions[name] = (SetDecision.AWAITING_TABLE, reason)
        seeding.works.pop(name, None)


def _values_that_do_not_fit(seeding: Seeding, sets: Sequence[SeedSet]) -> list[Problem]:
    """What is wrong with the rows of sets whose tables and columns are in order."""
    problems: list[Problem] = []
    by_name = {each.name: each for each in seeding.catalog.sets}
    for number, each in enumerate(sets, start=1):
        table = seeding.tables[each.table]
        staged = stage.Stage(
            number=number,
            seed_set=each,
            table=table,
            primary_key=table.primary_key or each.key,
            lookups=_lookups(_targets(seeding, each, by_name)),
        )
        seeding.connection.execute(stage.creation(staged, allocate=False))
        try:
            loading.load(seeding.connection, staged, progress=seeding.progress)
        except ConfigurationInvalid as error:
            problems += error.problems
    return problems


def _decide(
    seeding: Seeding, each: SeedSet, known: Sequence[Known], *, filled: bool
) -> tuple[SetDecision, str]:
    table = seeding.tables.get(each.table)
    if table is None:
        return SetDecision.AWAITING_TABLE, "its table comes with the pending migrations"
    orders = seeding.orders
    if not known:
        if not filled:
            return SetDecision.INSERT, "never seeded here, and the table is empty"
        if orders.mode is Mode.REFRESH:
            return SetDecision.REFRESH, "refresh rewrites every row"
        if orders.created is not None and str(table) not in orders.created:
            return SetDecision.ADOPT, "migrations of this release created and filled the table"
        if orders.adopt:
            return SetDecision.ADOPT, "an update by hand adopts rows that were here before"
        return SetDecision.UNADOPTED, "never seeded here, and the table has rows"
    if orders.first:
        return SetDecision.UNCHANGED, "seeded before"
    match orders.mode:
        case Mode.REFRESH:
            return SetDecision.REFRESH, "refresh rewrites every row"
        case Mode.UPDATE:
            return SetDecision.MERGE, "an update merges it"
        case _ if any(k.name == each.name and k.digest == FIRST_ROWS for k in known):
            return SetDecision.MERGE, "its first rows went in between two migrations"
        case _:
            digest = digest_of(each)
            applied = [k for k in known if k.name == each.name and k.digest == digest]
            if any(k.waits for k in applied):
                return SetDecision.INSERT_MISSING, "rows of it wait for other rows"
            if applied:
                return SetDecision.UNCHANGED, "the catalog asks for nothing new"
            if each.when is When.MISSING:
                return SetDecision.INSERT_MISSING, "`when: missing` inserts rows never seeded"
            return SetDecision.PENDING, "the catalog has changed since it was applied"


def _filled(seeding: Seeding, sets: Sequence[SeedSet]) -> set[str]:
    """Names of those sets whose tables have rows in their scope."""
    placed = [(each, seeding.tables[each.table]) for each in sets if each.table in seeding.tables]
    filled: set[str] = set()
    for some in at_most(AT_ONCE, placed):
        questions = [
            sql.SQL("EXISTS (SELECT FROM {} t{})").format(
                table.rows, where(scope_condition(each, table, "t"))
            )
            for each, table in some
        ]
        with lock_table.unlocked(seeding, len(sets)):
            row = seeding.connection.execute(
                sql.SQL("SELECT {}").format(sql.SQL(", ").join(questions))
            ).fetchone()
        filled |= {each.name for (each, _), found in zip(some, row or (), strict=True) if found}
    return filled


_SURVEYED = 10_001


def _open(seeding: Seeding, edges: Mapping[str, set[str]]) -> None:
    """Open bases and stages of the sets that are written, and of those they refer to."""
    needed = {n for n, (decision, _) in seeding.decisions.items() if decision in WRITTEN}
    if seeding.writes:
        needed |= seeding.stale
    waiting = list(needed)
    while waiting:
        for name in edges[waiting.pop()]:
            if name not in needed:
                needed.add(name)
                waiting.append(name)
    sets = [
        departed.with_departed(seeding, each)
        for each in seeding.catalog.sets
        if each.name in needed and seeding.decisions[each.name][0] is not SetDecision.AWAITING_TABLE
    ]
    lock_table.require_room(seeding, sets)
    bases = _open_bases(seeding, sets)
    orders = seeding.orders
    straight = seeding.writes and not (orders.staged or orders.few or seeding.rescoped)
    if not straight:
        _make(seeding, bases.values())
    by_name = {each.name: each for each in seeding.catalog.sets}
    # A survey may follow a seeding in the same transaction, whose stages are still there.
    for number, each in enumerate(sets, start=1 if seeding.writes else _SURVEYED):
        table = with_generators(seeding.tables[each.table], each)
        table = with_equal_nulls(table, each)
        base = bases[each.name]
        targets = _targets(seeding, each, by_name)
        seeding.works[each.name] = SetWork(
            seed_set=each,
            table=table,
            base=base,
            stage=stage.Stage(
                number=number,
                seed_set=each,
                table=table,
                primary_key=base.primary_key,
                lookups=_lookups(targets),
            ),
            targets=targets,
            decision=seeding.decisions[each.name][0],
        )
        if each.name in seeding.rescoped:
            rescope.carry(seeding, seeding.works[each.name])
    if seeding.orders.few:
        seeding.keys = recorded_keys.use(seeding.connection, seeding.works)
    registry.number(seeding)
    if straight:
        seeding.resolving = copy_to_base.going_resolved(seeding.works.values())
        for work in copy_to_base.going_direct(seeding.works.values()):
            seeding.works[work.name] = work
        # A file's own is made when it is copied into it.
        staged = [work for work in seeding.works.values() if work.stage.stand_in is None]
        _make(seeding, [work.base for work in staged])
    if seeding.orders.mode is not Mode.INIT:
        registry.warn_of_leftovers(seeding)
    departed.with_defaults(seeding)
    applied_lines.use(seeding)
    _load(seeding)
    applied_lines.note(seeding)
    rekey.follow_new_keys(seeding)


def _make(seeding: Seeding, bases: Iterable[Base]) -> None:
    new = {base.id: base for base in bases if base.fresh}
    make(seeding.connection, new.values())


def _targets(seeding: Seeding, each: SeedSet, by_name: Mapping[str, SeedSet]) -> dict[str, Target]:
    return {
        column.name: schema_check.target_of(each, column, seeding.tables, by_name)
        for column in each.columns
        if column.reference is not None
    }


def _lookups(targets: Mapping[str, Target]) -> dict[str, Column]:
    return {
        name: target.table.columns[target.reference.key]
        for name, target in targets.items()
        if isinstance(target, TableTarget)
    }


def _load(seeding: Seeding) -> None:
    connection, progress = seeding.connection, seeding.progress
    staged = [work for work in seeding.works.values() if work.stage.stand_in is None]
    send(
        connection,
        [
            stage.creation(
                work.stage, allocate=seeding.writes and work.decision is SetDecision.INSERT
            )
            for work in staged
        ],
    )
    apart = [work for work in staged if work.stage.lines and work.stage.lines.part]
    staged = [work for work in staged if work not in apart]
    unfit = loading.load_together(connection, [work.stage for work in staged], progress=progress)
    # Once more, each on its own: all values that do not fit are to be named. Those before the
    # first are needed again by a survey alone, which goes on without the others.
    again = [] if unfit is None else staged[0 if seeding.orders.migrations_pending else unfit :]
    rejections: dict[str, ConfigurationInvalid] = {}
    names = {work.name for work in (*again, *apart)}
    for work in seeding.works.values():
        if work.stage.stand_in is None and work.name not in names:
            continue
        try:
            if work.stage.stand_in is not None:
                copy_to_base.load(connection, work, run=seeding.run, progress=progress)
            elif work in apart:
                applied_lines.load(seeding, work)
            else:
                loading.load(connection, work.stage, progress=progress)
        except ConfigurationInvalid as error:
            rejections[work.name] = error
    if seeding.orders.migrations_pending:
        reason = "values of it do not fit the schema before the pending migrations"
        _await(seeding, dict.fromkeys(rejections, reason))
    elif len(rejections) == 1:
        raise next(iter(rejections.values()))
    elif rejections:
        raise ConfigurationInvalid(
            "Values of the catalog do not fit their columns.",
            problems=tuple(each for error in rejections.values() for each in error.problems),
            hint=next((error.hint for error in rejections.values() if error.hint), None),
            code="values-unfit",
        )


def _open_bases(seeding: Seeding, sets: Sequence[SeedSet]) -> dict[str, Base]:
    groups: dict[BaseKey, list[SeedSet]] = {}
    for each in sets:
        groups.setdefault(base_key(seeding.tables[each.table], each), []).append(each)
    bases = open_bases(
        seeding.connection,
        seeding.ledger,
        [
            Shared(table=seeding.tables[group[0].table], sets=tuple(group))
            for group in groups.values()
        ],
        write=seeding.writes,
        moves=any(each.moved or each.name in seeding.rescoped for each in seeding.catalog.sets)
        or any(renamed.is_rekeyed(seeding, each) for each in sets),
        former={
            place: BaseKey(schema=known.table.schema or "", table=known.table.name, key=known.key)
            for place, group in groups.items()
            if (known := renamed.before(seeding, group[0])) is not None
        },
    )
    return {
        each.name: base
        for group, base in zip(groups.values(), bases, strict=True)
        for each in group
    }
