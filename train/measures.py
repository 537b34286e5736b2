"""The measures of :mod:`reasonrank.measures`, under the name that the training package's commands import them by."""

from __future__ import annotations

from reasonrank.measures import (
    RESAMPLES,
    Interval,
    Run,
    interval,
    means,
    measure_names,
    paired_p_value,
    per_query,
    run_of,
)

__all__ = [
    "RESAMPLES",
    "Interval",
    "Run",
    "interval",
    "means",
    "measure_names",
    "paired_p_value",
    "per_query",
    "run_of",
]
