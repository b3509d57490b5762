SELECT pg_catalog.set_config('search_path', '', false);
CREATE SCHEMA seeder;
CREATE FUNCTION seeder.limit_requests() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    IF (SELECT pg_catalog.count(*) FROM (SELECT FROM "seeder".requests WHERE state = 'open' LIMIT 101)
        q) > 100 THEN
        RAISE EXCEPTION USING ERRCODE = 'program_limit_exceeded',
            MESSAGE = '100 requests are open, and there may be no more; the next run settles them';
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION seeder.require_shown() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM "seeder".pending_plan p WHERE p.project = NEW.project AND p.plan_id = NEW.plan_id
        AND NOT coalesce((p.document ->> 'provisional'::text)::boolean, true)
    ) THEN
        RAISE EXCEPTION USING ERRCODE = 'check_violation',
            MESSAGE = 'no plan of this id waits: an approval is of one that was shown';
    END IF;
    RETURN NEW;
END $$;
CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.grants (
    role_id integer NOT NULL,
    permission_id integer NOT NULL
);
CREATE TABLE public.journal (
    entry text
);
CREATE TABLE public.permissions (
    id integer NOT NULL,
    code text NOT NULL,
    label text
);
CREATE SEQUENCE public.permissions_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.permissions_id_seq OWNED BY public.permissions.id;
CREATE TABLE public.roles (
    id integer NOT NULL,
    code text NOT NULL,
    level integer NOT NULL,
    note text
);
CREATE SEQUENCE public.roles_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.roles_id_seq OWNED BY public.roles.id;
CREATE TABLE seeder.applied_lines (
    set_id integer NOT NULL,
    form text NOT NULL,
    run bigint NOT NULL,
    blocks bytea NOT NULL,
    chunks bytea NOT NULL
);
ALTER TABLE ONLY seeder.applied_lines ALTER COLUMN blocks SET STORAGE EXTERNAL;
CREATE TABLE seeder.base_1 (
    scope text NOT NULL,
    addr text NOT NULL,
    seed_set integer NOT NULL,
    state "char" DEFAULT 'a'::"char" NOT NULL,
    inserted_by bigint,
    run bigint NOT NULL,
    notes jsonb,
    p1 integer,
    c1 text,
    c2 text
);
ALTER TABLE ONLY seeder.base_1 REPLICA IDENTITY FULL;
CREATE TABLE seeder.base_2 (
    scope text NOT NULL,
    addr text NOT NULL,
    seed_set integer NOT NULL,
    state "char" DEFAULT 'a'::"char" NOT NULL,
    inserted_by bigint,
    run bigint NOT NULL,
    notes jsonb,
    p1 integer,
    c1 text,
    c2 integer,
    c3 text
);
ALTER TABLE ONLY seeder.base_2 REPLICA IDENTITY FULL;
CREATE TABLE seeder.base_3 (
    scope text NOT NULL,
    addr text NOT NULL,
    seed_set integer NOT NULL,
    state "char" DEFAULT 'a'::"char" NOT NULL,
    inserted_by bigint,
    run bigint NOT NULL,
    notes jsonb,
    p1 integer,
    p2 integer,
    c1 integer,
    r1 text,
    c2 integer,
    r2 text
);
ALTER TABLE ONLY seeder.base_3 REPLICA IDENTITY FULL;
CREATE TABLE seeder.bases (
    id integer NOT NULL,
    project integer NOT NULL,
    table_schema text NOT NULL,
    table_name text NOT NULL,
    key text[] NOT NULL,
    primary_key text[] NOT NULL,
    columns jsonb NOT NULL,
    next_column integer DEFAULT 1 NOT NULL,
    secrets text[] DEFAULT '{}'::text[] NOT NULL
);
ALTER TABLE seeder.bases ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME seeder.bases_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE seeder.changes (
    run bigint NOT NULL,
    seq bigint NOT NULL,
    base integer NOT NULL,
    scope text NOT NULL,
    set_name text NOT NULL,
    addr text NOT NULL,
    action text NOT NULL,
    reason text NOT NULL,
    before jsonb,
    after jsonb,
    merged jsonb
);
ALTER TABLE seeder.changes ALTER COLUMN seq ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME seeder.changes_seq_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE seeder.meta (
    one boolean DEFAULT true NOT NULL,
    format integer NOT NULL,
    minimum_reader integer NOT NULL,
    environment text NOT NULL,
    system_identifier text,
    database_name text NOT NULL,
    database_oid oid NOT NULL,
    marked_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT meta_one_check CHECK (one)
);
CREATE TABLE seeder.pending_plan (
    project integer NOT NULL,
    plan_id text NOT NULL,
    document jsonb NOT NULL,
    run bigint,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE seeder.projects (
    id integer NOT NULL,
    identity text,
    began_nameless boolean NOT NULL,
    search_path text[],
    first_run bigint,
    completed_run bigint,
    fingerprint text,
    env_names text[] DEFAULT '{}'::text[] NOT NULL,
    env_digest text,
    version_table text,
    revisions text[] DEFAULT '{}'::text[] NOT NULL,
    left_open jsonb DEFAULT '{}'::jsonb NOT NULL,
    live_values jsonb DEFAULT '{}'::jsonb NOT NULL,
    tables_before text[]
);
ALTER TABLE seeder.projects ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME seeder.projects_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE seeder.releases (
    project integer NOT NULL,
    release text NOT NULL,
    run bigint NOT NULL,
    supersedes text[] NOT NULL,
    taken_back text,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE seeder.requests (
    id bigint NOT NULL,
    project integer NOT NULL,
    plan_id text NOT NULL,
    actor text NOT NULL,
    role text DEFAULT SESSION_USER NOT NULL,
    requested_at timestamp with time zone DEFAULT now() NOT NULL,
    state text DEFAULT 'open'::text NOT NULL,
    run bigint,
    settled_at timestamp with time zone,
    CONSTRAINT requests_actor_check CHECK ((length(actor) <= 200)),
    CONSTRAINT requests_plan_id_check CHECK ((length(plan_id) <= 200)),
    CONSTRAINT requests_state_check CHECK ((state = ANY (ARRAY['open'::text, 'applied'::text, 'stale'::text, 'void'::text])))
);
ALTER TABLE seeder.requests ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME seeder.requests_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE seeder.revisions (
    project integer NOT NULL,
    revision text NOT NULL,
    down text[] NOT NULL,
    file text NOT NULL,
    digest text NOT NULL,
    texts jsonb NOT NULL,
    run bigint NOT NULL
);
CREATE TABLE seeder.runs (
    id bigint NOT NULL,
    project integer,
    started_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    finished_at timestamp with time zone,
    seeder_version text NOT NULL,
    mode text NOT NULL,
    environment text NOT NULL,
    release text,
    result text DEFAULT 'running'::text NOT NULL,
    exit_code integer,
    plan_id text,
    actor text,
    revisions_before text[],
    revisions_after text[],
    counts jsonb,
    summary jsonb
);
ALTER TABLE seeder.runs ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME seeder.runs_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE seeder.sets (
    id integer NOT NULL,
    base integer NOT NULL,
    scope text NOT NULL,
    name text NOT NULL,
    digest text NOT NULL,
    release text,
    earlier text[] DEFAULT '{}'::text[] NOT NULL,
    columns jsonb NOT NULL,
    run bigint NOT NULL,
    seeded_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE seeder.sets ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME seeder.sets_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE seeder.tasks (
    project integer NOT NULL,
    name text NOT NULL,
    release text NOT NULL,
    digest text NOT NULL,
    state text NOT NULL,
    run bigint NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT tasks_state_check CHECK ((state = ANY (ARRAY['baseline'::text, 'applied'::text])))
);
CREATE TABLE seeder.waiting (
    base integer NOT NULL,
    scope text NOT NULL,
    addr text NOT NULL,
    set_name text NOT NULL,
    why text NOT NULL,
    holder text,
    made boolean DEFAULT false NOT NULL,
    run bigint NOT NULL,
    CONSTRAINT waiting_why_check CHECK ((why = ANY (ARRAY['reference'::text, 'value'::text])))
);
ALTER TABLE ONLY public.permissions ALTER COLUMN id SET DEFAULT nextval('public.permissions_id_seq'::regclass);
ALTER TABLE ONLY public.roles ALTER COLUMN id SET DEFAULT nextval('public.roles_id_seq'::regclass);
INSERT INTO public.alembic_version VALUES ('0002');
INSERT INTO public.grants VALUES (1, 1);
INSERT INTO public.grants VALUES (1, 2);
INSERT INTO public.grants VALUES (1, 3);
INSERT INTO public.grants VALUES (4, 1);
INSERT INTO public.grants VALUES (1, 4);
INSERT INTO public.grants VALUES (4, 4);
INSERT INTO public.grants VALUES (5, 4);
INSERT INTO public.journal VALUES ('task');
INSERT INTO public.permissions VALUES (2, 'order.edit', 'Change orders');
INSERT INTO public.permissions VALUES (3, 'user.view', 'See users');
INSERT INTO public.permissions VALUES (4, 'stock.view', 'See stock');
INSERT INTO public.permissions VALUES (1, 'order.view', 'See all orders');
INSERT INTO public.roles VALUES (4, 'viewer', 1, NULL);
INSERT INTO public.roles VALUES (5, 'auditor', 1, NULL);
INSERT INTO public.roles VALUES (1, 'owner', 4, NULL);
INSERT INTO public.roles VALUES (2, 'editor', 9, 'writes');
INSERT INTO seeder.base_1 VALUES ('', 'order.edit', 1, 'a', 1, 1, NULL, 2, 'order.edit', 'Change orders');
INSERT INTO seeder.base_1 VALUES ('', 'user.view', 1, 'a', 1, 1, NULL, 3, 'user.view', 'See users');
INSERT INTO seeder.base_1 VALUES ('', 'stock.view', 1, 'a', 2, 2, NULL, 4, 'stock.view', 'See stock');
INSERT INTO seeder.base_1 VALUES ('', 'order.view', 1, 'a', 1, 2, NULL, 1, 'order.view', 'See all orders');
INSERT INTO seeder.base_2 VALUES ('', 'viewer', 2, 'a', 1, 1, NULL, 4, 'viewer', 1, NULL);
INSERT INTO seeder.base_2 VALUES ('', 'auditor', 2, 'a', 2, 2, NULL, 5, 'auditor', 1, NULL);
INSERT INTO seeder.base_2 VALUES ('', 'owner', 2, 'a', 1, 2, NULL, 1, 'owner', 4, NULL);
INSERT INTO seeder.base_2 VALUES ('', 'editor', 2, 'a', 1, 2, '{"offered": {"level": "5"}}', 2, 'editor', 2, 'writes');
INSERT INTO seeder.base_2 VALUES ('', 'guest', 2, 'r', 1, 2, NULL, 3, 'guest', 0, NULL);
INSERT INTO seeder.base_3 VALUES ('', 'owner,order.view', 3, 'a', 1, 1, NULL, 1, 1, 1, 'order.view', 1, 'owner');
INSERT INTO seeder.base_3 VALUES ('', 'owner,order.edit', 3, 'a', 1, 1, NULL, 1, 2, 2, 'order.edit', 1, 'owner');
INSERT INTO seeder.base_3 VALUES ('', 'owner,user.view', 3, 'a', 1, 1, NULL, 1, 3, 3, 'user.view', 1, 'owner');
INSERT INTO seeder.base_3 VALUES ('', 'viewer,order.view', 3, 'a', 1, 1, NULL, 4, 1, 1, 'order.view', 4, 'viewer');
INSERT INTO seeder.base_3 VALUES ('', 'owner,stock.view', 3, 'a', 2, 2, NULL, 1, 4, 4, 'stock.view', 1, 'owner');
INSERT INTO seeder.base_3 VALUES ('', 'viewer,stock.view', 3, 'a', 2, 2, NULL, 4, 4, 4, 'stock.view', 4, 'viewer');
INSERT INTO seeder.base_3 VALUES ('', 'auditor,stock.view', 3, 'a', 2, 2, NULL, 5, 4, 4, 'stock.view', 5, 'auditor');
INSERT INTO seeder.base_3 VALUES ('', 'viewer,user.view', 3, 'd', 1, 2, NULL, 4, 3, 3, 'user.view', 4, 'viewer');
INSERT INTO seeder.bases OVERRIDING SYSTEM VALUE VALUES (1, 1, 'public', 'permissions', '{code}', '{id}', '[{"n": 1, "name": "code", "type": "text", "storage": "text", "reference": false}, {"n": 2, "name": "label", "type": "text", "storage": "text", "reference": false}]', 3, '{}');
INSERT INTO seeder.bases OVERRIDING SYSTEM VALUE VALUES (3, 1, 'public', 'grants', '{role_id,permission_id}', '{role_id,permission_id}', '[{"n": 1, "name": "permission_id", "type": "integer", "storage": "integer", "reference": true}, {"n": 2, "name": "role_id", "type": "integer", "storage": "integer", "reference": true}]', 3, '{}');
INSERT INTO seeder.bases OVERRIDING SYSTEM VALUE VALUES (2, 1, 'public', 'roles', '{code}', '{id}', '[{"n": 1, "name": "code", "type": "text", "storage": "text", "reference": false}, {"n": 2, "name": "level", "type": "integer", "storage": "integer", "reference": false}, {"n": 3, "name": "note", "type": "text", "storage": "text", "reference": false}]', 4, '{}');
INSERT INTO seeder.changes OVERRIDING SYSTEM VALUE VALUES (2, 1, 1, '', 'permissions', 'order.view', 'update', 'the catalog has changed', '{"label": "See orders"}', '{"label": "See all orders"}', NULL);
INSERT INTO seeder.changes OVERRIDING SYSTEM VALUE VALUES (2, 2, 2, '', 'roles', 'owner', 'update', 'the catalog has changed', '{"level": "3"}', '{"level": "4"}', NULL);
INSERT INTO seeder.changes OVERRIDING SYSTEM VALUE VALUES (2, 3, 2, '', 'roles', 'editor', 'update', 'the catalog has changed', '{"note": null}', '{"note": "writes"}', NULL);
INSERT INTO seeder.changes OVERRIDING SYSTEM VALUE VALUES (2, 4, 2, '', 'roles', 'guest', 'delete', 'left the catalog', '{"id": "3", "code": "guest", "note": null, "level": "0"}', NULL, NULL);
INSERT INTO seeder.meta VALUES (true, 1, 1, 'production', '7713696436986041082', 'stored', 16384, '2026-11-29 20:41:49.2817+00');
INSERT INTO seeder.projects OVERRIDING SYSTEM VALUE VALUES (1, 'shop', false, '{public}', 1, 2, '0.1.0 production b83bbe5ad8ce5dfe937f043dcdc6a22d382476f2914ebacc33da29a5218c2114', '{}', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', 'public.alembic_version', '{0002}', '{"conflicts": 1}', '{"roles/editor": {"asked": {}, "columns": {"level": "9"}, "referring": []}}', NULL);
INSERT INTO seeder.releases VALUES (1, '1', 1, '{}', NULL, '2026-11-29 20:41:49.602569+00');
INSERT INTO seeder.releases VALUES (1, '2', 2, '{}', NULL, '2026-11-29 20:41:49.91994+00');
INSERT INTO seeder.revisions VALUES (1, '0001', '{}', 'migrations/versions/0001.py', '331f65384289436923725cebc17c5a944914a7b94ef0f56a2ea3a7def889ca6a', '{"69b3846010f66594f5a44ae00d4c186e8048b81a0cac79ccbe4e49287da51e8c": "331f65384289436923725cebc17c5a944914a7b94ef0f56a2ea3a7def889ca6a"}', 1);
INSERT INTO seeder.revisions VALUES (1, '0002', '{0001}', 'migrations/versions/0002.py', 'c07d10fed1eb7feb44098c7f0047599e0ed40b1da80c1b4c763a178a48656d14', '{"98435419996ff93c08a74bbad702ba38310f3542beccdb0f9d4e95fb25a9e914": "c07d10fed1eb7feb44098c7f0047599e0ed40b1da80c1b4c763a178a48656d14"}', 2);
INSERT INTO seeder.runs OVERRIDING SYSTEM VALUE VALUES (1, 1, '2026-11-29 20:41:49.488974+00', '2026-11-29 20:41:49.74738+00', '0.1.0', 'update', 'production', '1', 'done', 0, NULL, NULL, '{}', '{0001}', '{"insert": 12}', '{"sets": [{"name": "permissions", "counts": {"insert": 3}, "decision": "insert"}, {"name": "roles", "counts": {"insert": 4}, "decision": "insert"}, {"name": "grants", "counts": {"insert": 5}, "decision": "insert"}], "tasks": [], "warnings": [], "migrations": ["0001"]}');
INSERT INTO seeder.runs OVERRIDING SYSTEM VALUE VALUES (2, 1, '2026-11-29 20:41:49.844386+00', '2026-11-29 20:41:50.461728+00', '0.1.0', 'update', 'production', '2', 'done', 0, NULL, NULL, '{0001}', '{0002}', '{"delete": 1, "insert": 5, "record": 1, "update": 3, "conflicts": 1}', '{"sets": [{"name": "permissions", "counts": {"insert": 1, "update": 1}, "decision": "merge"}, {"name": "roles", "counts": {"delete": 1, "insert": 1, "update": 2, "conflicts": 1}, "decision": "merge"}, {"name": "grants", "counts": {"insert": 3, "record": 1}, "decision": "merge"}], "tasks": ["2_note"], "warnings": [], "migrations": ["0002"]}');
INSERT INTO seeder.sets OVERRIDING SYSTEM VALUE VALUES (1, 1, '', 'permissions', 'eaa20c362599e54d58808dce6bb6b0e530babd551ea86b6dbf4d5a9aa9b1be84', '2', '{c357902f073ef1bef5edfa47b71789b3b59b83e4a17143f04c6cf9b2d7c2409f}', '["code", "label"]', 2, '2026-11-29 20:41:49.602569+00');
INSERT INTO seeder.sets OVERRIDING SYSTEM VALUE VALUES (2, 2, '', 'roles', '98dc2e99013ce4c853902f6047a4567cc9e88fa5074d13aed9c2f667fa07a110', '2', '{26bb359abcf7be95f22db656169dd0890888a4096f55edb23d19d85f767217dd}', '["code", "level", "note"]', 2, '2026-11-29 20:41:49.602569+00');
INSERT INTO seeder.sets OVERRIDING SYSTEM VALUE VALUES (3, 3, '', 'grants', 'fe8f96289e278410038edcc5e2889e1be8879b8dc260d8232ec4c9482ef0fc7f', '2', '{416b9aac6caa0bc89c967e4a9b603736c80be73df8b49262b16fa720c12d8f16}', '["role_id", "permission_id"]', 2, '2026-11-29 20:41:49.602569+00');
INSERT INTO seeder.tasks VALUES (1, '2_note', '2', '0279a89f38a596e5375f0bdacbc8a1357de2405b436649812260fa415271d7e5', 'applied', 2, '2026-11-29 20:41:49.91994+00');
SELECT pg_catalog.setval('public.permissions_id_seq', 4, true);
SELECT pg_catalog.setval('public.roles_id_seq', 5, true);
SELECT pg_catalog.setval('seeder.bases_id_seq', 3, true);
SELECT pg_catalog.setval('seeder.changes_seq_seq', 4, true);
SELECT pg_catalog.setval('seeder.projects_id_seq', 1, true);
SELECT pg_catalog.setval('seeder.requests_id_seq', 1, false);
SELECT pg_catalog.setval('seeder.runs_id_seq', 2, true);
SELECT pg_catalog.setval('seeder.sets_id_seq', 6, true);
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.grants
    ADD CONSTRAINT grants_pkey PRIMARY KEY (role_id, permission_id);
ALTER TABLE ONLY public.permissions
    ADD CONSTRAINT permissions_code_key UNIQUE (code);
ALTER TABLE ONLY public.permissions
    ADD CONSTRAINT permissions_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.roles
    ADD CONSTRAINT roles_code_key UNIQUE (code);
ALTER TABLE ONLY public.roles
    ADD CONSTRAINT roles_pkey PRIMARY KEY (id);
ALTER TABLE ONLY seeder.applied_lines
    ADD CONSTRAINT applied_lines_pkey PRIMARY KEY (set_id);
ALTER TABLE ONLY seeder.bases
    ADD CONSTRAINT bases_pkey PRIMARY KEY (id);
ALTER TABLE ONLY seeder.bases
    ADD CONSTRAINT bases_project_table_schema_table_name_key_key UNIQUE (project, table_schema, table_name, key);
ALTER TABLE ONLY seeder.changes
    ADD CONSTRAINT changes_pkey PRIMARY KEY (run, seq);
ALTER TABLE ONLY seeder.meta
    ADD CONSTRAINT meta_pkey PRIMARY KEY (one);
ALTER TABLE ONLY seeder.pending_plan
    ADD CONSTRAINT pending_plan_pkey PRIMARY KEY (project);
ALTER TABLE ONLY seeder.projects
    ADD CONSTRAINT projects_pkey PRIMARY KEY (id);
ALTER TABLE ONLY seeder.releases
    ADD CONSTRAINT releases_pkey PRIMARY KEY (project, release);
ALTER TABLE ONLY seeder.requests
    ADD CONSTRAINT requests_pkey PRIMARY KEY (id);
ALTER TABLE ONLY seeder.revisions
    ADD CONSTRAINT revisions_pkey PRIMARY KEY (project, revision);
ALTER TABLE ONLY seeder.runs
    ADD CONSTRAINT runs_pkey PRIMARY KEY (id);
ALTER TABLE ONLY seeder.sets
    ADD CONSTRAINT sets_base_scope_name_key UNIQUE (base, scope, name);
ALTER TABLE ONLY seeder.sets
    ADD CONSTRAINT sets_pkey PRIMARY KEY (id);
ALTER TABLE ONLY seeder.tasks
    ADD CONSTRAINT tasks_pkey PRIMARY KEY (project, name);
ALTER TABLE ONLY seeder.waiting
    ADD CONSTRAINT waiting_pkey PRIMARY KEY (base, scope, addr);
CREATE INDEX requests_open ON seeder.requests USING btree (id) WHERE (state = 'open'::text);
CREATE TRIGGER limit_requests AFTER INSERT ON seeder.requests FOR EACH STATEMENT EXECUTE FUNCTION seeder.limit_requests();
CREATE TRIGGER require_shown BEFORE INSERT ON seeder.requests FOR EACH ROW EXECUTE FUNCTION seeder.require_shown();
ALTER TABLE ONLY public.grants
    ADD CONSTRAINT grants_permission_id_fkey FOREIGN KEY (permission_id) REFERENCES public.permissions(id);
ALTER TABLE ONLY public.grants
    ADD CONSTRAINT grants_role_id_fkey FOREIGN KEY (role_id) REFERENCES public.roles(id);
ALTER TABLE ONLY seeder.applied_lines
    ADD CONSTRAINT applied_lines_set_id_fkey FOREIGN KEY (set_id) REFERENCES seeder.sets(id) ON DELETE CASCADE;
ALTER TABLE ONLY seeder.bases
    ADD CONSTRAINT bases_project_fkey FOREIGN KEY (project) REFERENCES seeder.projects(id);
ALTER TABLE ONLY seeder.changes
    ADD CONSTRAINT changes_base_fkey FOREIGN KEY (base) REFERENCES seeder.bases(id);
ALTER TABLE ONLY seeder.changes
    ADD CONSTRAINT changes_run_fkey FOREIGN KEY (run) REFERENCES seeder.runs(id);
ALTER TABLE ONLY seeder.pending_plan
    ADD CONSTRAINT pending_plan_project_fkey FOREIGN KEY (project) REFERENCES seeder.projects(id);
ALTER TABLE ONLY seeder.pending_plan
    ADD CONSTRAINT pending_plan_run_fkey FOREIGN KEY (run) REFERENCES seeder.runs(id);
ALTER TABLE ONLY seeder.releases
    ADD CONSTRAINT releases_project_fkey FOREIGN KEY (project) REFERENCES seeder.projects(id);
ALTER TABLE ONLY seeder.releases
    ADD CONSTRAINT releases_run_fkey FOREIGN KEY (run) REFERENCES seeder.runs(id);
ALTER TABLE ONLY seeder.requests
    ADD CONSTRAINT requests_project_fkey FOREIGN KEY (project) REFERENCES seeder.projects(id);
ALTER TABLE ONLY seeder.requests
    ADD CONSTRAINT requests_run_fkey FOREIGN KEY (run) REFERENCES seeder.runs(id);
ALTER TABLE ONLY seeder.revisions
    ADD CONSTRAINT revisions_project_fkey FOREIGN KEY (project) REFERENCES seeder.projects(id);
ALTER TABLE ONLY seeder.revisions
    ADD CONSTRAINT revisions_run_fkey FOREIGN KEY (run) REFERENCES seeder.runs(id);
ALTER TABLE ONLY seeder.runs
    ADD CONSTRAINT runs_project_fkey FOREIGN KEY (project) REFERENCES seeder.projects(id);
ALTER TABLE ONLY seeder.sets
    ADD CONSTRAINT sets_base_fkey FOREIGN KEY (base) REFERENCES seeder.bases(id);
ALTER TABLE ONLY seeder.sets
    ADD CONSTRAINT sets_run_fkey FOREIGN KEY (run) REFERENCES seeder.runs(id);
ALTER TABLE ONLY seeder.tasks
    ADD CONSTRAINT tasks_project_fkey FOREIGN KEY (project) REFERENCES seeder.projects(id);
ALTER TABLE ONLY seeder.tasks
    ADD CONSTRAINT tasks_run_fkey FOREIGN KEY (run) REFERENCES seeder.runs(id);
ALTER TABLE ONLY seeder.waiting
    ADD CONSTRAINT waiting_base_fkey FOREIGN KEY (base) REFERENCES seeder.bases(id) ON DELETE CASCADE;
ALTER TABLE ONLY seeder.waiting
    ADD CONSTRAINT waiting_run_fkey FOREIGN KEY (run) REFERENCES seeder.runs(id);
