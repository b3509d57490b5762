"""The ledger's own tables, in format 1; bases come by their own."""

from __future__ import annotations

TABLES = """
CREATE TABLE {s}.meta (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    format integer NOT NULL,
    minimum_reader integer NOT NULL,
    environment text NOT NULL,
    system_identifier text,
    database_name text NOT NULL,
    database_oid oid NOT NULL,
    marked_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
CREATE TABLE {s}.projects (        -- that seed here, each with a record of its own
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    identity text,                 -- of seeder.toml; NULL: it has none so far
    began_nameless boolean NOT NULL, -- without one; its older images still have none
    search_path text[],            -- schemas that the last completed run could reach, in order
    first_run bigint,              -- the first run that completed
    completed_run bigint,          -- the last run that completed, and what it ran on:
    fingerprint text,              -- version, environment, bytes of seeds and migrations
    env_names text[] NOT NULL DEFAULT '{{}}',
    env_digest text,
    version_table text,            -- qualified name, NULL without Alembic migrations
    revisions text[] NOT NULL DEFAULT '{{}}',
    left_open jsonb NOT NULL DEFAULT '{{}}', -- what that run left to decide: a count for each kind
    live_values jsonb NOT NULL DEFAULT '{{}}', -- that it found in conflict, by address
    tables_before text[]           -- that stood before migrations not yet followed by a run
);
CREATE TABLE {s}.runs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    project integer REFERENCES {s}.projects, -- NULL: of all, such as a mark
    started_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    finished_at timestamptz,
    seeder_version text NOT NULL,
    mode text NOT NULL,
    environment text NOT NULL,
    release text,
    result text NOT NULL DEFAULT 'running',
    exit_code integer,
    plan_id text,
    actor text,
    revisions_before text[],
    revisions_after text[],
    counts jsonb,
    summary jsonb
);
CREATE TABLE {s}.releases (
    project integer NOT NULL REFERENCES {s}.projects,
    release text NOT NULL,
    run bigint NOT NULL REFERENCES {s}.runs, -- the first that applied it
    supersedes text[] NOT NULL,    -- what it says it builds on
    taken_back text,               -- the release that took back what it had brought
    applied_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (project, release)
);
CREATE TABLE {s}.bases (           -- one per project, target table and natural key
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    project integer NOT NULL REFERENCES {s}.projects,
    table_schema text NOT NULL,
    table_name text NOT NULL,
    key text[] NOT NULL,
    primary_key text[] NOT NULL,
    columns jsonb NOT NULL,        -- [{{"n", "name", "type", "reference"}}]
    next_column integer NOT NULL DEFAULT 1,
    secrets text[] NOT NULL DEFAULT '{{}}',  -- columns once declared secret: in no other column
    UNIQUE (project, table_schema, table_name, key)
);
CREATE TABLE {s}.sets (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    base integer NOT NULL REFERENCES {s}.bases,
    scope text NOT NULL,
    name text NOT NULL,
    digest text NOT NULL,          -- of the rows and policies last applied
    release text,                  -- that brought them
    earlier text[] NOT NULL DEFAULT '{{}}', -- digests that the set had before
    columns jsonb NOT NULL,        -- names, of today, of those that the rows gave
    run bigint NOT NULL REFERENCES {s}.runs,
    seeded_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    UNIQUE (base, scope, name)
);
CREATE TABLE {s}.applied_lines (   -- of large CSV files: what an update need not look at
    set_id integer PRIMARY KEY REFERENCES {s}.sets ON DELETE CASCADE,
    form text NOT NULL,            -- a hash of what the lines meant: table, columns, types
    run bigint NOT NULL,           -- the number of the run that applied the file
    blocks bytea NOT NULL,         -- hashes of its blocks of lines, in order
    chunks bytea NOT NULL          -- of many of these together: bytes, blocks, lines, hash
);
ALTER TABLE {s}.applied_lines ALTER blocks SET STORAGE EXTERNAL;
CREATE TABLE {s}.changes (         -- writes other than inserts, with images for undo
    run bigint NOT NULL REFERENCES {s}.runs,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    base integer NOT NULL REFERENCES {s}.bases,
    scope text NOT NULL,
    set_name text NOT NULL,
    addr text NOT NULL,
    action text NOT NULL,
    reason text NOT NULL,
    before jsonb,
    after jsonb,
    merged jsonb,                  -- column: how its document was merged, and the parts written
    PRIMARY KEY (run, seq)
);
CREATE TABLE {s}.waiting (         -- rows of the catalog that wait for other rows
    base integer NOT NULL REFERENCES {s}.bases ON DELETE CASCADE,
    scope text NOT NULL,
    addr text NOT NULL,
    set_name text NOT NULL,
    why text NOT NULL CHECK (why IN ('reference', 'value')),
    holder text,                   -- the live row that holds the value, or what is not there
    made boolean NOT NULL DEFAULT false,  -- a trigger gives the row that value
    run bigint NOT NULL REFERENCES {s}.runs,  -- that reported it
    PRIMARY KEY (base, scope, addr)
);
CREATE TABLE {s}.tasks (
    project integer NOT NULL REFERENCES {s}.projects,
    name text NOT NULL,
    release text NOT NULL,
    digest text NOT NULL,
    state text NOT NULL CHECK (state IN ('baseline', 'applied')),
    run bigint NOT NULL REFERENCES {s}.runs,
    at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (project, name)
);
CREATE TABLE {s}.requests (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    project integer NOT NULL REFERENCES {s}.projects,
    plan_id text NOT NULL CHECK (pg_catalog.length(plan_id) <= 200),
    actor text NOT NULL CHECK (pg_catalog.length(actor) <= 200),
    role text NOT NULL DEFAULT session_user,  -- that was logged in; the actor is what it says
    requested_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'applied', 'stale', 'void')),
    run bigint REFERENCES {s}.runs,
    settled_at timestamptz
);
CREATE INDEX requests_open ON {s}.requests (id) WHERE state = 'open';
-- What is approved is a plan that was there to be seen when it was.
CREATE FUNCTION {s}.require_shown() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM {s}.pending_plan p WHERE p.project = NEW.project AND p.plan_id = NEW.plan_id
        AND NOT coalesce((p.document ->> 'provisional'::text)::boolean, true)
    ) THEN
        RAISE EXCEPTION USING ERRCODE = 'check_violation',
            MESSAGE = 'no plan of this id waits: an approval is of one that was shown';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER require_shown BEFORE INSERT ON {s}.requests
FOR EACH ROW EXECUTE FUNCTION {s}.require_shown();
-- A role that may add requests must not be able to fill the table.
CREATE FUNCTION {s}.limit_requests() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF (SELECT pg_catalog.count(*) FROM (SELECT FROM {s}.requests WHERE state = 'open' LIMIT 101)
        q) > 100 THEN
        RAISE EXCEPTION USING ERRCODE = 'program_limit_exceeded',
            MESSAGE = '100 requests are open, and there may be no more; the next run settles them';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER limit_requests AFTER INSERT ON {s}.requests
FOR EACH STATEMENT EXECUTE FUNCTION {s}.limit_requests();
CREATE TABLE {s}.revisions (       -- what every image told this database about its chain
    project integer NOT NULL REFERENCES {s}.projects,
    revision text NOT NULL,
    down text[] NOT NULL,
    file text NOT NULL,
    digest text NOT NULL,          -- of what it did when it was applied
    texts jsonb NOT NULL,          -- hash of each text it had since, and of what that does
    run bigint NOT NULL REFERENCES {s}.runs,
    PRIMARY KEY (project, revision)
);
CREATE TABLE {s}.pending_plan (
    project integer PRIMARY KEY REFERENCES {s}.projects,
    plan_id text NOT NULL,
    document jsonb NOT NULL,
    run bigint REFERENCES {s}.runs,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
"""
