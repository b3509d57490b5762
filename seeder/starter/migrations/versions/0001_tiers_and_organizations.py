"""Subscription tiers and the organizations that subscribe to them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    # One function for every table that wants to know when a row was last written.
    op.execute(
        """
        CREATE FUNCTION set_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            NEW.updated_at := now();
            RETURN NEW;
        END
        $$
        """
    )
    op.create_table(
        "subscription_tiers",
        sa.Column("id", sa.Integer, sa.Identity(), primary_key=True),
        sa.Column("code", sa.Text, nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False, server_default=""),
        # NULL: the price is agreed with each customer.
        sa.Column("price_monthly", sa.Numeric(10, 2)),
        # NULL: no limit.
        sa.Column("max_users", sa.Integer),
        sa.Column("max_products", sa.Integer),
        sa.Column("max_orders_per_month", sa.Integer),
        sa.Column("features", postgresql.JSONB, nullable=False, server_default=sa.text("'{}'")),
        sa.Column("sort_order", sa.Integer, nullable=False, server_default="0"),
        sa.Column("is_public", sa.Boolean, nullable=False, server_default=sa.true()),
        sa.Column("is_active", sa.Boolean, nullable=False, server_default=sa.true()),
        *timestamps(),
        sa.CheckConstraint("price_monthly >= 0", name="price_monthly_not_negative"),
    )
    op.create_table(
        "organizations",
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("slug", sa.Text, nullable=False, unique=True),
        # NULL: signed up, no tier chosen yet.
        sa.Column("tier_id", sa.Integer, sa.ForeignKey("subscription_tiers.id")),
        *timestamps(),
        sa.CheckConstraint("slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'", name="slug_is_plain"),
    )
    op.create_index("organizations_tier_id", "organizations", ["tier_id"])
    for table in ("subscription_tiers", "organizations"):
        keep_updated_at(table)


def downgrade() -> None:
    op.drop_table("organizations")
    op.drop_table("subscription_tiers")
    op.execute("DROP FUNCTION set_updated_at()")


def timestamps() -> list[sa.Column]:
    now = sa.text("now()")
    return [
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=now),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=now),
    ]


def keep_updated_at(table: str) -> None:
    op.execute(
        f"CREATE TRIGGER set_updated_at BEFORE UPDATE ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION set_updated_at()"
    )
