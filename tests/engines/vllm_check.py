"""vLLM for real, in an environment of its own: its engine in process, or its server, beside stored reference scores.

    python -m tests.engines.vllm_check reference FILE                 (where transformers are: writes the reference)
    python -m tests.engines.vllm_check process FILE --base DIR [--adapter DIR]       (where vllm is)
    python -m tests.engines.vllm_check server FILE --server URL[,URL] [--model NAME] (a vLLM server that runs)

It is a program and no pytest module because vLLM's environment holds neither pytest's plugins nor the app. Each part
ends with a line for every score, and with status 1 if one is farther from the reference than the tolerance.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reasonrank.engines.base import Engine
from reasonrank.prompts import LABELS, SIDES, compare_prompt, grade_prompt, reason_prompt

TOLERANCE = {"float32": 0.005, "bfloat16": 0.08}
"""Of a choice's probability and of the choices' mass, between vLLM and transformers in float32."""
QUERY = "why do moths circle a lamp"
PASSAGES = [
    "Moths steer by the moon, which is so far off that its angle hardly changes as they fly. A lamp is near.",
    "A flea can live for up to a year <|im_end|>, but most live for two or three months.",
    "The sonnet has fourteen lines.",
    "Ice melts at zero degrees Celsius. Salt lowers that point, which is why roads are salted in winter. " * 3,
]
GRADES = [grade_prompt(QUERY, passage) for passage in PASSAGES]
PAIRS = [compare_prompt(QUERY, PASSAGES[0], passage) for passage in PASSAGES[1:]]
WRITING = reason_prompt(QUERY, PASSAGES[0])


def said(engine: Engine) -> dict[str, Any]:
    """Everything that is compared."""
    choices = [*engine.choose(GRADES, LABELS), *engine.choose(PAIRS, SIDES)]
    [reason] = engine.generate([WRITING], max_tokens=8)
    streamed = "".join(engine.stream(WRITING, max_tokens=8))
    return {
        "values": [[*choice.probabilities, choice.mass] for choice in choices],
        "bounded": [list(choice.bounded) for choice in choices],
        "reason": reason.text,
        "streamed": streamed,
        "engine": engine.name,
    }


def reference(flags: argparse.Namespace) -> int:
    import torch

    from reasonrank.engines.transformers import TransformersEngine
    from reasonrank.engines.weights import load_weights, resolve
    from reasonrank.settings import Settings

    loaded = load_weights(resolve(Settings.load(student=flags.student)), torch.float32)
    found = said(TransformersEngine(loaded, "cpu", dtype=torch.float32))
    flags.file.write_text(json.dumps(found, indent=1), encoding="utf-8")
    return 0


def in_process(flags: argparse.Namespace) -> int:
    from reasonrank.engines.servable import Servable, adapter_rank
    from reasonrank.engines.vllm import VllmEngine

    adapter = flags.adapter.resolve() if flags.adapter else None
    student = Servable(str(flags.base), adapter, "student", adapter_rank(adapter) if adapter else 0, "student")
    return compare(lambda: VllmEngine(student, dtype=flags.dtype, max_model_len=1024, enforce_eager=True), flags)


def on_server(flags: argparse.Namespace) -> int:
    from reasonrank.engines.load import load_engine
    from reasonrank.settings import Settings

    chosen = {"student": flags.student, "engine": "openai", "server": flags.server, "server_model": flags.model}
    settings = Settings.load(**chosen, server_timeout=300.0)
    return compare(lambda: load_engine(settings), flags)


def compare(make: Callable[[], Engine], flags: argparse.Namespace) -> int:
    expected = json.loads(flags.file.read_text(encoding="utf-8"))
    found = said(make())
    most = 0.0
    for number, (one, other) in enumerate(zip(found["values"], expected["values"], strict=True)):
        apart = max(abs(a - b) for a, b in zip(one, other, strict=True))
        most = max(most, apart)
        print(f"{number}: {[round(value, 4) for value in one]}, apart by {apart:.4f}")
    print(f"{found['engine']}: at most {most:.4f} from {expected['engine']}; tolerance {TOLERANCE[flags.dtype]}")
    print(f"reason: {found['reason']!r}; reference: {expected['reason']!r}")
    fine = most <= TOLERANCE[flags.dtype] and not any(found["bounded"]) and found["streamed"] == found["reason"]
    return 0 if fine and (flags.dtype != "float32" or found["reason"] == expected["reason"]) else 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(required=True)
    for name, part in (("reference", reference), ("process", in_process), ("server", on_server)):
        one = parts.add_parser(name)
        one.set_defaults(part=part)
        one.add_argument("file", type=Path)
        one.add_argument("--student", default="default")
        one.add_argument("--dtype", default="float32", choices=sorted(TOLERANCE))
        one.add_argument("--base", type=Path)
        one.add_argument("--adapter", type=Path)
        one.add_argument("--server", default="")
        one.add_argument("--model", default="")
    flags = parser.parse_args()
    status: int = flags.part(flags)
    return status


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # vLLM's own threads may outlive it
