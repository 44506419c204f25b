"""How Alembic runs here: on a connection it is given, inside the transaction that is already open.

Imports nothing of the program, like every migration: what they do must stay the same for ever.
"""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=context.config.attributes.get("metadata"),
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
