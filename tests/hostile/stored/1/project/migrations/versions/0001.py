from alembic import op
import sqlalchemy as sa
revision = '0001'
down_revision = None


def upgrade():
    op.execute('CREATE TABLE roles (id serial PRIMARY KEY, code text NOT NULL UNIQUE, level int NOT NULL)')
    op.execute('CREATE TABLE permissions (id serial PRIMARY KEY, code text NOT NULL UNIQUE, label text)')
    op.execute('CREATE TABLE grants (role_id int REFERENCES roles, permission_id int REFERENCES permissions, PRIMARY KEY (role_id, permission_id))')
    op.execute('CREATE TABLE journal (entry text)')
