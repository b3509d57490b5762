"""What this application has beyond the starter: orders."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "orders",
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column(
            "organization_id",
            sa.BigInteger,
            sa.ForeignKey("organizations.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("customer", sa.Text, nullable=False),
        sa.Column("total", sa.Numeric(10, 2), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            nullable=False,
            server_default=sa.text("now()"),
        ),
        sa.Column("shipped_at", sa.DateTime(timezone=True)),
        sa.Column("invoiced_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("total >= 0", name="total_not_negative"),
    )
    op.create_index("orders_organization_id", "orders", ["organization_id", "id"])


def downgrade() -> None:
    op.drop_table("orders")
