"""Roles and what each may do."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "permissions",
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        # The key of a seed set needs a unique index.
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("description", sa.Text, nullable=False),
    )
    op.create_table(
        "roles",
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("title", sa.Text, nullable=False),
    )
    op.create_table(
        "role_permissions",
        sa.Column("role_id", sa.BigInteger, sa.ForeignKey("roles.id"), primary_key=True),
        sa.Column(
            "permission_id", sa.BigInteger, sa.ForeignKey("permissions.id"), primary_key=True
        ),
    )


def downgrade() -> None:
    op.drop_table("role_permissions")
    op.drop_table("roles")
    op.drop_table("permissions")
