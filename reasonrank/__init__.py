"""ReasonRank: a search demo that explains its ranking; importing it loads nothing heavy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reasonrank.interface import rank, search, to_dataframe, write_run

__version__ = "0.1.0"
__all__ = ["__version__", "rank", "search", "to_dataframe", "write_run"]


def __getattr__(name: str) -> Any:
    """The functions of :mod:`reasonrank.interface`, imported when one of them is first asked for."""
    if name not in __all__:
        raise AttributeError(f"module 'reasonrank' has no attribute {name!r}")
    from reasonrank import interface

    return getattr(interface, name)
