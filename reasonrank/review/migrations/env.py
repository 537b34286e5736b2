"""Runs the steps on the connection that :mod:`reasonrank.review.database` hands over."""

from __future__ import annotations

from alembic import context

from reasonrank.review.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
