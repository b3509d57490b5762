-- Run as the job's role after each run of the job. All of it may be repeated.
\set ON_ERROR_STOP on

-- The application: takes orders and renames roles. It owns nothing and sees no ledger.
GRANT SELECT ON organizations, subscription_tiers, tier_permissions, users, roles,
    role_permissions, permissions TO web;
GRANT UPDATE (label) ON roles TO web;
GRANT SELECT, INSERT, UPDATE ON orders TO web;

-- The panel, as docs/panel.md has it: reads the ledger, asks, and nothing else.
GRANT USAGE ON SCHEMA seeder TO seeder_panel;
GRANT SELECT ON ALL TABLES IN SCHEMA seeder TO seeder_panel;
ALTER DEFAULT PRIVILEGES IN SCHEMA seeder GRANT SELECT ON TABLES TO seeder_panel;
GRANT INSERT (project, plan_id, actor) ON seeder.requests TO seeder_panel;
