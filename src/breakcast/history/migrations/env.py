"""Run by Alembic: applies the migrations on the connection it was handed."""

from alembic import context

from breakcast.history.ledgerschema import METADATA

context.configure(
    connection=context.config.attributes["connection"], target_metadata=METADATA
)
context.run_migrations()
