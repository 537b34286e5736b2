"""Weights to int8 in a way that every processor multiplies rightly: rounded to seven bits, in CTranslate2's format.

Where a processor has no VNNI instructions (AVX2 alone), int8 matrix products add two neighbouring products in 16 bits
first, and clip them there: an activation is stored as 0 to 255, so two weights near 127 overflow. With weights of at
most 63 in size no sum can: 255 * 63 * 2 = 32,130 < 32,768. (oneDNN's guide to int8 says the same of such processors
and halves its weights there.) On other processors the product is the same, so a conversion may move between machines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

LARGEST = 63
"""Largest absolute value of a stored weight."""
STEPS = 64
"""At most so many weights of a row are rounded the other way."""
HEAD = "decoder/projection/weight"
"""CTranslate2's name of the matrix that makes the logits."""


@dataclass(frozen=True, slots=True)
class Choices:
    """Rows of the head that are compared with each other, and the input to expect there.

    Args:
        rows: Token ids.
        centre: (hidden,), the head's mean input where these tokens are chosen from.
    """

    rows: tuple[int, ...]
    centre: np.ndarray


def rounded_rows(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights as integers with a scale for each row.

    Args:
        weights: (rows, columns), float.

    Returns:
        (rows, columns) int8 in [-63, 63], and (rows,) float32: what to divide the integers by. A row of zeros has
        scale 1.

    >>> whole, scale = rounded_rows(np.array([[0.5, -1.0], [0.0, 0.0]]))
    >>> whole.tolist(), scale.tolist()
    ([[32, -63], [0, 0]], [63.0, 1.0])
    """
    largest = np.abs(weights).max(axis=1).astype(np.float32)
    # A row so small that its scale would not be a number in float32 counts as zeros.
    scale = np.where(largest > LARGEST / np.finfo(np.float32).max, LARGEST / np.maximum(largest, 1e-30), 1)
    return np.rint(weights * scale[:, None]).astype(np.int8), scale.astype(np.float32)


def right_at(weights: np.ndarray, whole: np.ndarray, scale: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Rounded rows with a few weights rounded the other way, so that their products with ``centre`` are right.

    Rounding to seven bits moves a row's product with inputs of one kind always in the same direction (quantisation
    bias: Nagel et al., arXiv 1906.04721, section 4.2), which for the few rows of a choice is an error of every answer.

    Args:
        weights: (rows, columns), float.
        whole: (rows, columns) and ``scale``: (rows,), of :func:`rounded_rows`.
        centre: (columns,), the input to expect.
    """
    found = whole.astype(np.float64)
    error = found @ centre - (weights @ centre) * scale  # (rows,), in units of the integers
    for column in np.argsort(-np.abs(centre))[:STEPS]:
        step = np.clip(np.rint(error / (centre[column] or np.inf)), -1, 1)
        moved = np.clip(found[:, column] - step, -LARGEST, LARGEST)
        error += (moved - found[:, column]) * centre[column]
        found[:, column] = moved
    return found.astype(np.int8)


def rounding(spec: Any, choices: Sequence[Choices] = ()) -> Any:
    """A model's specification of CTranslate2 whose ``optimize`` rounds with :func:`rounded_rows`.

    Only matrices that have a scale beside them are rounded; everything else stays float32.

    Args:
        spec: From a converter of CTranslate2.
        choices: Rows of the head that must be right among themselves.
    """
    from ctranslate2.specs.model_spec import NumpyVariable, Variable

    def quantize(layer: Any, name: str, value: Any) -> None:
        if not isinstance(value, Variable) or value.is_scalar():
            return
        key = name.rpartition("/")[2]
        if hasattr(layer, f"{key}_scale"):
            weights = value.to("float32").numpy()
            whole, scale = rounded_rows(weights)
            for one in choices if name == HEAD else ():
                rows = list(one.rows)
                whole[rows] = right_at(weights[rows], whole[rows], scale[rows], one.centre)
            setattr(layer, key, NumpyVariable(whole))
            setattr(layer, f"{key}_scale", NumpyVariable(scale))
        elif value.dtype in ("float16", "bfloat16"):
            setattr(layer, key, value.to("float32"))

    class Rounded(type(spec)):  # type: ignore[misc]
        def optimize(self, quantization: str | None = None) -> None:
            self._alias_variables()
            self._visit(quantize)

    spec.__class__ = Rounded  # an attribute of its own would be taken for one of the model's variables
    return spec
