"""The tables that monitoring needs: answers with outcomes, windows, reports."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def _text(name: str, *, is_known: bool = True) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=not is_known)


def _number(name: str, *, is_known: bool = True) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=not is_known)


def _share(name: str, *, is_known: bool = True) -> sa.Column[float]:
    return sa.Column(name, sa.Float(53), nullable=not is_known)


def upgrade() -> None:
    op.create_table(
        "answered",
        sa.Column("said", sa.BigInteger, primary_key=True, autoincrement=False),
        _text("source"),
        _text("repo"),
        _text("pipeline"),
        _text("build_id", is_known=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        _text("organisation"),
        _text("commit_sha", is_known=False),
        _number("as_of"),
        _text("version"),
        _share("probability"),
        sa.Column("abstained", sa.Boolean, nullable=False),
        _share("parrot", is_known=False),
        _text("challenger", is_known=False),
        _share("challenger_probability", is_known=False),
        sa.Column("outcome", sa.SmallInteger),
        _number("known_at", is_known=False),
        sa.UniqueConstraint(
            "source",
            "repo",
            "pipeline",
            "build_id",
            "attempt",
            name="uq_answered_attempt",
        ),
    )
    op.create_index("ix_answered_open", "answered", ["outcome", "as_of"])
    op.create_index("ix_answered_known", "answered", ["known_at"])
    op.create_table(
        "cursors",
        sa.Column("name", sa.Text, primary_key=True),
        _number("position"),
    )
    op.create_table(
        "windows",
        sa.Column("subject", sa.Text, primary_key=True),
        sa.Column("starts_at", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "reports",
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("at", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
    )


def downgrade() -> None:
    for table in ("reports", "windows", "cursors", "answered"):
        op.drop_table(table)
