"""Making a model's weights ready for int8: outliers move from the activations, which suffer, into the weights.

int8 engines round each token's activations to 255 steps of its largest one, so a few channels with large values
cost the others their precision. Dividing such channels by a factor and multiplying the weights that read them by
the same factor leaves the model's function as it was (SmoothQuant, Xiao et al., arXiv 2211.10438, section 4). The
factors come from the activations on a few prompts written here, and are folded into the layer before: a norm's
gain, or, for the last projection of a feed-forward block, the rows of the one before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import torch

from reasonrank.encoding import encode_choice
from reasonrank.engines.quantization import Choices
from reasonrank.prompts import LABELS, SIDES, compare_prompt, grade_prompt

FOLDABLE = frozenset({"llama", "mistral", "qwen2", "qwen3"})
"""Architectures (``config.model_type``) whose norms and feed-forward blocks let factors be folded exactly."""
BALANCE = 0.5
"""How much of the difficulty moves into the weights; the paper's default."""

_PASSAGES = (
    "Moths steer by distant lights. Near a lamp that habit bends their path into a circle, so they seem to be drawn.",
    "The committee met on 14 March 2019 and approved $2.4 million (about 60% of the request) for road repairs.",
    "To reset the router, hold the small button for ten seconds, wait until the light blinks, then log in again.",
    "itertools.chain(*iterables): return a chain object whose __next__() method yields elements from the first one.",
    "Common side effects are nausea, headache and a dry mouth; see a doctor if they last for more than three days.",
    "Bread rises because yeast turns sugar into gas, and the dough's gluten holds the bubbles. Salt slows it down.",
)
_QUERIES = ("why do moths circle a lamp", "how long do side effects last", "reset router password")
_PROMPTS = (
    ([grade_prompt(query, passage) for query in _QUERIES for passage in _PASSAGES], LABELS),
    ([compare_prompt(_QUERIES[0], first, second) for first, second in pairwise(_PASSAGES)], SIDES),
)


@torch.no_grad()
def smooth(model: Any, tokenizer: Any) -> list[Choices]:
    """Balance a model in place, its function unchanged.

    Returns:
        What the balanced head reads where a grade and where a side is chosen; nothing where the architecture is not
        known to allow balancing, and the model is then left as it is.
    """
    if model.config.model_type not in FOLDABLE:
        return []
    largest, choices = _inputs(model, tokenizer)
    decoder = model.model
    for layer in decoder.layers:
        attention, mlp = layer.self_attn, layer.mlp
        _fold(largest, layer.input_layernorm, [attention.q_proj, attention.k_proj, attention.v_proj])
        _fold(largest, layer.post_attention_layernorm, [mlp.gate_proj, mlp.up_proj])
        _fold(largest, mlp.up_proj, [mlp.down_proj])
    # The head reads the final norm with weights of its own from here on, apart from the embeddings.
    model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.clone(), requires_grad=False)
    model.config.tie_word_embeddings = False
    gain = decoder.norm.weight.clone()
    _fold(largest, decoder.norm, [model.lm_head])
    change = (decoder.norm.weight / gain).float().cpu().numpy()
    return [replace(one, centre=one.centre * change) for one in choices]


def balance(inputs: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """The factor of each channel, from its largest input and the largest weight that reads it; all (channels,).

    >>> balance(torch.tensor([4.0, 1.0]), torch.tensor([1.0, 1.0])).tolist()
    [2.0, 1.0]
    """
    return inputs.clamp(min=1e-5) ** BALANCE / weights.clamp(min=1e-5) ** (1 - BALANCE)


def _fold(largest: dict[Any, torch.Tensor], before: Any, readers: Sequence[Any]) -> None:
    weights = torch.stack([reader.weight.abs().amax(dim=0) for reader in readers]).amax(dim=0)  # (channels,)
    factors = balance(largest[readers[0]], weights)
    gain = before.weight.data
    gain.div_(factors if gain.ndim == 1 else factors[:, None])
    if getattr(before, "bias", None) is not None:
        before.bias.data.div_(factors)
    for reader in readers:
        reader.weight.data.mul_(factors)


def _inputs(model: Any, tokenizer: Any) -> tuple[dict[Any, torch.Tensor], list[Choices]]:
    """Of each linear layer the largest absolute input of each channel, (channels,), and what the head reads.

    Taken over the prompts here, the former at every position, the latter where a grade or a side is chosen.
    """
    largest: dict[Any, torch.Tensor] = {}
    read: list[torch.Tensor] = []

    def note(layer: Any) -> Callable[[Any, Any], None]:
        def hook(_: Any, inputs: Any) -> None:
            if layer is model.lm_head:
                read.append(inputs[0][0, -1])
            seen = inputs[0].abs().flatten(0, -2).amax(dim=0)
            largest[layer] = torch.maximum(largest[layer], seen) if layer in largest else seen

        return hook

    layers = [layer for layer in model.modules() if isinstance(layer, torch.nn.Linear)]
    hooks = [layer.register_forward_pre_hook(note(layer)) for layer in layers]
    choices = []
    try:
        for prompts, completions in _PROMPTS:
            read.clear()
            rows: list[int] = []
            for prompt in prompts:
                ids, rows = encode_choice(tokenizer, prompt, completions)
                model(input_ids=torch.tensor([ids], device=model.device), use_cache=False)
            choices.append(Choices(tuple(rows), torch.stack(read).mean(dim=0).float().cpu().numpy()))
    finally:
        for hook in hooks:
            hook.remove()
    return largest, choices
