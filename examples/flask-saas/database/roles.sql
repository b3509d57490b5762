-- Run by the postgres image once, when the database is new: who may log in, and with what.
-- What they may do comes later, in grants.sql, when there are tables.

\set password `cat /run/secrets/web_password`
CREATE ROLE web LOGIN PASSWORD :'password';

\set password `cat /run/secrets/panel_password`
CREATE ROLE seeder_panel LOGIN PASSWORD :'password';
