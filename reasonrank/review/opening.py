"""Opens the review that the settings describe: its database, and the segments it keeps besides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reasonrank.errors import MissingDependencyError
from reasonrank.settings import Settings

if TYPE_CHECKING:
    from reasonrank.review.service import Review


def open_review(settings: Settings) -> Review:
    """The review of ``settings.database`` and ``settings.segments``, migrated and replayed.

    Raises:
        MissingDependencyError: The packages for reviewing are not installed.
        ReasonRankError: The database or the segments cannot be opened.
    """
    try:
        import sqlalchemy  # noqa: F401  the modules below need it
    except ImportError as error:
        raise MissingDependencyError("SQLAlchemy", "pip install 'reasonrank[review]'") from error
    from reasonrank.review.database import open_database
    from reasonrank.review.journal import Journal
    from reasonrank.review.service import Review
    from reasonrank.review.shelves import open_shelf
    from reasonrank.review.store import Store

    store = Store(open_database(settings.database, settings.cache))
    return Review(store, Journal(open_shelf(settings.segments)) if settings.segments else None)
