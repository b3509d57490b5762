"""Which permissions a subscription tier includes."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tier_permissions",
        sa.Column(
            "tier_id",
            sa.Integer,
            sa.ForeignKey("subscription_tiers.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column(
            "permission_id",
            sa.Integer,
            sa.ForeignKey("permissions.id", ondelete="CASCADE"),
            primary_key=True,
        ),
    )
    op.create_index("tier_permissions_permission_id", "tier_permissions", ["permission_id"])


def downgrade() -> None:
    op.drop_table("tier_permissions")
