"""A student's model card: what it is, the data and their terms, how it was trained, its figures, its limits."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reasonrank.models import PACKAGED_BASE, PACKAGED_BASE_ON_HUB
from reasonrank.prompts import grade_prompt, one_line

Row = tuple[str, str, str]
HEADLINES = (
    ("grades", "order", "order of pairs with unequal labels"),
    ("grades", "label_accuracy", "label accuracy"),
    ("grades", "error", "mean error of the expected grade, of 0 to 2"),
    ("reason_match", "reason", "reason match"),
    ("reason_match", "document", "reason match of the document itself"),
    ("pairs", "preferred_right", "preferred document right, of unequal pairs"),
    ("pairs", "flips", "flips with the order of presentation"),
)
"""Section, figure and words of what a card takes from explanations.json."""


def model_card(meta: Mapping[str, Any], data: Sequence[Row], results: Sequence[Mapping[str, Any]], licence: str) -> str:
    """The card as Markdown with the hub's front matter.

    Args:
        meta: Of the student (``meta.json``): prompt_version, base, base_weights_hash, steps, commit, files, config.
        data: Name, what it is, terms; files of ``meta`` that no row names are listed as without stated terms.
        results: Contents of metrics.json and explanations.json files; without any, the card says so.
        licence: The hub's licence field.
    """
    return "\n".join(
        [
            *_front(meta, licence),
            *_about(meta),
            *_data(meta, data),
            *_training(meta),
            *_figures(results),
            *_limits(),
        ]
    )


def _front(meta: Mapping[str, Any], licence: str) -> list[str]:
    base = str(meta.get("base") or "")
    base = PACKAGED_BASE_ON_HUB if base == PACKAGED_BASE else base
    library = "transformers" if meta.get("merged") else "peft"
    fields = {"base_model": base, "library_name": library, "license": licence, "language": "en"}
    listed = [f"{name}: {json.dumps(value)}" for name, value in fields.items() if value]
    return ["---", *listed, "tags: [reranking, explainable-search, reasonrank]", "---", ""]


def _about(meta: Mapping[str, Any]) -> list[str]:
    kind = "merged weights" if meta.get("merged") else "a LoRA adapter"
    lines = [
        f"# {one_line(str(meta.get('name') or 'A ReasonRank student'))}",
        "",
        f"A student of ReasonRank ({kind}) on {one_line(str(meta.get('base') or 'an unnamed base model'))}. It grades "
        "a passage for a query (0 not, 1 partly, 2 fully), says why, and chooses between two passages.",
        "",
        f"It speaks the templates of `reasonrank/prompts.py`, version {meta.get('prompt_version', 'unknown')}, in "
        "plain text without a chat template. The score is the expected grade under the probabilities of the three "
        "label tokens after a prompt such as:",
        "",
        "```",
        *grade_prompt("the query", "The passage.").splitlines(),
        "```",
        "",
    ]
    if meta.get("base_weights_hash"):
        lines += [
            f"Trained on base weights with the hash `{meta['base_weights_hash']}`; on other copies scores differ.",
            "",
        ]
    return lines


def _data(meta: Mapping[str, Any], rows: Sequence[Row]) -> Iterator[str]:
    yield from ("## What it was trained on", "", "| data | what | terms |", "| --- | --- | --- |")
    for row in rows:
        yield "| " + " | ".join(_cell(part) for part in row) + " |"
    hashes: Mapping[str, str] = meta.get("files") or {}
    for name in sorted(set(hashes) - {row[0] for row in rows}):
        yield f"| {_cell(name)} | SHA-256 `{hashes[name][:16]}` | not stated: take it as not to be used commercially |"
    if not rows and not hashes:
        yield "| not recorded | | unknown: ask whoever trained it before using it |"
    yield ""


def _training(meta: Mapping[str, Any]) -> Iterator[str]:
    yield from ("## How it was trained", "")
    for name, words in (("steps", "optimizer steps"), ("precision", "precision"), ("commit", "commit of the code")):
        if meta.get(name):
            yield f"- {words}: `{_cell(meta[name])}`"
    if meta.get("config"):
        yield from ("", "<details><summary>The whole configuration</summary>", "", "```json")
        yield json.dumps(meta["config"], indent=2).replace("```", "")
        yield from ("```", "", "</details>")
    yield ""


def _figures(results: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield from ("## Figures", "")
    if not results:
        yield from ("Not measured.", "")
        return
    yield from ("| figure | value |", "| --- | --- |")
    for result in results:
        if "measures" in result:
            where = f"{_cell(result.get('collection', 'candidate lists'))}, {result.get('queries')} queries"
            for name in ("nDCG@10", "RR@10"):
                if name in result["measures"]:
                    first = (result.get("first_stage") or {}).get(name)
                    beside = "" if first is None else f" (first stage {first:.3f})"
                    said = f"{name}, {where}, {_cell(result.get('engine', ''))}"
                    yield f"| {said} | {result['measures'][name]:.3f}{beside} |"
        else:
            where = f"{result['about'].get('lists')} judged lists, {_cell(result['about'].get('engine', ''))}"
            for section, name, words in HEADLINES:
                value = (result["figures"].get(section) or {}).get(name) or {}
                if value.get("value") is not None:
                    yield f"| {words}, {where} | {value['value']:.3f} [{value['low']:.3f}, {value['high']:.3f}] |"
    yield ""


def _limits() -> list[str]:
    return [
        "## Limits",
        "",
        "- English. Grades are bounded judgements of usefulness, not of truth.",
        "- Reasons are written by the model and may be wrong or shallow; check them against the marked evidence.",
        "- The terms of the data above bind the use of these weights.",
        "",
    ]


def _cell(value: Any) -> str:
    return one_line(str(value)).replace("|", "\\|").replace("`", "'")
