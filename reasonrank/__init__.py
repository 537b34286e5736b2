"""ReasonRank: a search demo that explains its ranking; importing it loads nothing heavy."""

__version__ = "0.1.0"
