"""The first tables: sets, items, places, guidelines, events, and the view of what stands."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

COUNTER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
STANDING = """
CREATE VIEW standing AS
SELECT seq, event_id, item_id, annotator, action, value, undoes, seconds, guideline_version, blind, source, at
FROM event AS e
WHERE action IN ('judge', 'skip', 'adjudicate')
AND NOT EXISTS (SELECT 1 FROM event AS u WHERE u.undoes = e.event_id)
AND NOT EXISTS (
    SELECT 1 FROM event AS l
    WHERE l.item_id = e.item_id AND l.seq > e.seq
    AND (
        (e.action = 'adjudicate' AND l.action = 'adjudicate')
        OR (e.action <> 'adjudicate' AND l.action IN ('judge', 'skip') AND l.annotator = e.annotator)
    )
    AND NOT EXISTS (SELECT 1 FROM event AS v WHERE v.undoes = l.event_id)
)
"""


def upgrade() -> None:
    """Make everything."""
    _sets_and_items()
    _queue()
    op.create_table(
        "guideline",
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
    )
    _events()
    op.execute(STANDING)


def _sets_and_items() -> None:
    op.create_table(
        "review_set",
        sa.Column("set_id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("student", sa.Text, nullable=False),
        sa.Column("engine", sa.Text, nullable=False),
        sa.Column("prompt_version", sa.Text, nullable=False),
        sa.Column("annotators_per_item", sa.Integer, nullable=False),
        sa.Column("blind_first", sa.Boolean, nullable=False),
        sa.Column("lease_seconds", sa.Integer, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
    )
    op.create_table(
        "item",
        sa.Column("item_id", sa.Text, primary_key=True),
        sa.Column("set_id", sa.Text, sa.ForeignKey("review_set.set_id"), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("query_id", sa.Text, nullable=False),
        sa.Column("query", sa.Text, nullable=False),
        sa.Column("content", sa.JSON, nullable=False),
        sa.UniqueConstraint("set_id", "position", name="item_position"),
    )


def _queue() -> None:
    op.create_table(
        "place",
        sa.Column("item_id", sa.Text, sa.ForeignKey("item.item_id"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("set_id", sa.Text, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("annotator", sa.Text),
        sa.Column("lease_until", sa.Double),
        sa.Column("done", sa.Boolean, nullable=False),
        sa.UniqueConstraint("item_id", "annotator", name="place_annotator"),
    )
    op.create_index("place_queue", "place", ["set_id", "done", "position", "number"])
    op.create_index("place_of_annotator", "place", ["annotator", "set_id"])
    op.create_table(
        "assignment",
        sa.Column("item_id", sa.Text, sa.ForeignKey("item.item_id"), primary_key=True),
        sa.Column("annotator", sa.Text, primary_key=True),
        sa.Column("assigned_at", sa.Double, nullable=False),
    )
    op.create_table("annotator", sa.Column("name", sa.Text, primary_key=True))


def _events() -> None:
    op.create_table(
        "event",
        sa.Column("seq", COUNTER, primary_key=True, autoincrement=True),
        sa.Column("event_id", sa.Text, nullable=False, unique=True),
        sa.Column("item_id", sa.Text, sa.ForeignKey("item.item_id"), nullable=False),
        sa.Column("annotator", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("value", sa.JSON(none_as_null=True)),
        sa.Column("undoes", sa.Text, unique=True),
        sa.Column("seconds", sa.Double),
        sa.Column("guideline_version", sa.Integer, nullable=False),
        sa.Column("blind", sa.Boolean, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.CheckConstraint("action IN ('grade', 'judge', 'skip', 'undo', 'adjudicate')", name="event_action"),
    )
    op.create_index("event_of_item", "event", ["item_id", "annotator", "seq"])
    op.create_index("event_of_annotator", "event", ["annotator", "seq"])
