"""The tables that live events need: receipts, leases, snapshots."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def _text(name: str, *, is_key: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, primary_key=is_key, nullable=False)


def _number(name: str, *, is_key: bool = False) -> sa.Column[int]:
    return sa.Column(
        name, sa.BigInteger, primary_key=is_key, nullable=False, autoincrement=False
    )


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, primary_key=True, autoincrement=False)


def upgrade() -> None:
    clock = op.create_table("clock", _count("id"), _number("last"))
    op.execute(sa.insert(clock).values(id=1, last=0))
    op.create_table(
        "deliveries",
        _text("source", is_key=True),
        _text("delivery", is_key=True),
        _text("event"),
        _number("received_at"),
    )
    op.create_table(
        "notes",
        _text("source", is_key=True),
        _text("repo", is_key=True),
        _text("subject", is_key=True),
        _text("name", is_key=True),
        sa.Column("payload", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "snapshots",
        _text("organisation", is_key=True),
        _text("catalog", is_key=True),
        _number("known_until", is_key=True),
        _number("position"),
        sa.Column("payload", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "leases",
        _count("shard"),
        _text("holder"),
        _number("epoch"),
        _number("expires_at"),
    )
    op.create_table("workers", _text("name", is_key=True), _number("seen_at"))


def downgrade() -> None:
    for table in ("workers", "leases", "snapshots", "notes", "deliveries", "clock"):
        op.drop_table(table)
