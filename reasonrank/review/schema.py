"""The review database's tables as SQLAlchemy Core sees them; the migrations make them."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()
COUNTER = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts only an INTEGER PRIMARY KEY by itself

review_set = Table(
    "review_set",
    metadata,
    Column("set_id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("student", Text, nullable=False),
    Column("engine", Text, nullable=False),
    Column("prompt_version", Text, nullable=False),
    Column("annotators_per_item", Integer, nullable=False),
    Column("blind_first", Boolean, nullable=False),
    Column("lease_seconds", Integer, nullable=False),
    Column("created_at", Double, nullable=False),
)

item = Table(
    "item",
    metadata,
    Column("item_id", Text, primary_key=True),
    Column("set_id", Text, ForeignKey("review_set.set_id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("query_id", Text, nullable=False),
    Column("query", Text, nullable=False),
    Column("content", JSON, nullable=False),
    UniqueConstraint("set_id", "position", name="item_position"),
)

# One row for each judgement that an item needs. A place is open, reserved until ``lease_until``, or done.
# It is the queue's working state and can be made again from the events.
place = Table(
    "place",
    metadata,
    Column("item_id", Text, ForeignKey("item.item_id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("set_id", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("annotator", Text),
    Column("lease_until", Double),
    Column("done", Boolean, nullable=False),
    UniqueConstraint("item_id", "annotator", name="place_annotator"),
)
Index("place_queue", place.c.set_id, place.c.done, place.c.position, place.c.number)
Index("place_of_annotator", place.c.annotator, place.c.set_id)

# Who was ever shown an item: only they may judge it, also after a lease has run out.
assignment = Table(
    "assignment",
    metadata,
    Column("item_id", Text, ForeignKey("item.item_id"), primary_key=True),
    Column("annotator", Text, primary_key=True),
    Column("assigned_at", Double, nullable=False),
)

# One row a name, locked while this annotator's work changes, so that two open windows cannot cross.
annotator = Table("annotator", metadata, Column("name", Text, primary_key=True))

guideline = Table(
    "guideline",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("text", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("created_at", Double, nullable=False),
)

# Only ever added to.
event = Table(
    "event",
    metadata,
    Column("seq", COUNTER, primary_key=True, autoincrement=True),
    Column("event_id", Text, nullable=False, unique=True),
    Column("item_id", Text, ForeignKey("item.item_id"), nullable=False),
    Column("annotator", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("value", JSON(none_as_null=True)),
    Column("undoes", Text, unique=True),
    Column("seconds", Double),
    Column("guideline_version", Integer, nullable=False),
    Column("blind", Boolean, nullable=False),
    Column("source", Text, nullable=False),
    Column("at", Double, nullable=False),
    CheckConstraint("action IN ('grade', 'judge', 'skip', 'undo', 'adjudicate')", name="event_action"),
)
Index("event_of_item", event.c.item_id, event.c.annotator, event.c.seq)
Index("event_of_annotator", event.c.annotator, event.c.seq)

# What stands: of each annotator and item the latest judgement or skip that was not taken back; and of each item
# the latest adjudication. A view (made by the first migration), so that it can never disagree with the events.
views = MetaData()
standing = Table("standing", views, *(Column(column.name, column.type) for column in event.columns))
