"""Three ways to learn from rewarded explanations: reward-weighted fine-tuning, preferences (DPO), and GRPO.

All read and write token sequences of :class:`train.examples.SequenceWriter`, so that the student is refined on the
very prompts it is served with, and control tokens that stand in data stay plain text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import torch
from datasets import Dataset as Table
from torch import Tensor
from torch.nn import functional
from transformers import Trainer
from trl.trainer.dpo_trainer import DPOTrainer
from trl.trainer.grpo_trainer import GRPOTrainer

from reasonrank.data import Document
from reasonrank.encoding import encode
from reasonrank.engines.base import Completion, Engine
from reasonrank.parsing import parse_reason
from reasonrank.prompts import STOP
from train.examples import SequenceWriter, TokenSequence
from train.records import TeacherRecord
from train.rewards import Explanation, Reward, combine
from train.sampling import Rewarded, SampleOptions, grades_after, passage_of, reason_prompt

NOT_LEARNED = -100


@dataclass(frozen=True, slots=True)
class Weighted:
    """A sequence whose reason and label are learned with a weight."""

    sequence: TokenSequence
    weight: float


@dataclass(frozen=True, slots=True)
class Preference:
    """Of two texts for one document, which is the better one."""

    doc_id: str
    chosen: str
    rejected: str


def reason_sequence(
    writer: SequenceWriter, record: TeacherRecord, document: Document, text: str, mode: str
) -> TokenSequence:
    """A reason in its mode's sequence, with the known label; its first span is the reason with its line end."""
    label = record.labels.get(document.doc_id)
    if mode == "reason_then_score":
        return writer.reason_first(record.query, document, text, label)
    return writer.grade(record.query, document, label, text)


# -- reward-weighted fine-tuning -----------------------------------------------------------------------------------


def weighted_sequences(
    record: TeacherRecord, found: Sequence[Rewarded], writer: SequenceWriter, mode: str, anchor: float
) -> Iterator[Weighted]:
    """Every usable sample with its reward as weight, and the teacher's own reason with ``anchor``."""
    by_id = {document.doc_id: document for document in record.documents}
    for one in found:
        if one.total and one.status == "ok":
            yield Weighted(reason_sequence(writer, record, by_id[one.doc_id], one.text, mode), one.total)
    for document in record.documents if anchor > 0 else ():
        reason = record.reasons.get(document.doc_id)
        if reason is not None and reason.direct and (mode == "reason_then_score" or document.doc_id in record.labels):
            yield Weighted(reason_sequence(writer, record, document, reason.direct, mode), anchor)


def learned_tokens(sequence: TokenSequence) -> list[int]:
    """For each token itself where it is learned (a span, or a known choice), else :data:`NOT_LEARNED`."""
    learned = [NOT_LEARNED] * len(sequence.ids)
    for start, end in sequence.spans:
        learned[start:end] = sequence.ids[start:end]
    if sequence.choice_id is not None and sequence.choice_at < len(learned):
        learned[sequence.choice_at] = sequence.choice_id
    return learned


def collate_weighted(rows: Sequence[Weighted], pad_id: int) -> dict[str, Tensor]:
    """``input_ids``, ``attention_mask`` and ``labels``, each (texts, longest), and ``weights``, (texts,)."""
    longest = max(len(row.sequence.ids) for row in rows)
    ids = torch.full((len(rows), longest), pad_id)
    mask = torch.zeros(len(rows), longest, dtype=torch.long)
    labels = torch.full((len(rows), longest), NOT_LEARNED)
    for number, row in enumerate(rows):
        length = len(row.sequence.ids)
        ids[number, :length] = torch.tensor(row.sequence.ids)
        mask[number, :length] = 1
        labels[number, :length] = torch.tensor(learned_tokens(row.sequence))
    return {"input_ids": ids, "attention_mask": mask, "labels": labels,
            "weights": torch.tensor([row.weight for row in rows])}  # fmt: skip


def weighted_loss(logits: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """Mean over texts of weight times the mean cross-entropy of the text's learned tokens (InteRank, section 3).

    Args:
        logits: (texts, length, vocabulary).
        labels: (texts, length), :data:`NOT_LEARNED` where a token is not learned.
        weights: (texts,), the rewards.
    """
    shifted = labels[:, 1:]
    losses = functional.cross_entropy(
        logits[:, :-1].float().transpose(1, 2), shifted, ignore_index=NOT_LEARNED, reduction="none"
    )  # (texts, length - 1), zero where nothing is learned
    return (weights * losses.sum(1) / (shifted != NOT_LEARNED).sum(1).clamp(min=1)).mean()


class WeightedTrainer(Trainer):
    """transformers' Trainer with :func:`weighted_loss`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.model_accepts_loss_kwargs = False

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        output = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], use_cache=False)
        loss = weighted_loss(output.logits, inputs["labels"], inputs["weights"])
        return (loss, output) if return_outputs else loss


# -- preferences ---------------------------------------------------------------------------------------------------


def sampled_preferences(found: Sequence[Rewarded], margin: float) -> Iterator[Preference]:
    """For each document its best and worst sample, where the best can be used and is better by ``margin``."""
    by_doc: dict[str, list[Rewarded]] = {}
    for one in found:
        if one.total is not None and one.text.strip():
            by_doc.setdefault(one.doc_id, []).append(one)
    for doc_id, several in by_doc.items():
        ranked = sorted(several, key=lambda one: (-(one.total or 0.0), one.text))
        best, worst = ranked[0], ranked[-1]
        if best.status == "ok" and (best.total or 0.0) - (worst.total or 0.0) >= max(margin, 1e-9):
            yield Preference(doc_id, best.text, worst.text)


def rejected_preferences(record: TeacherRecord) -> Iterator[Preference]:
    """The record's own reason over each text that a judge turned down for the same document."""
    for doc_id, texts in record.rejected.items():
        reason = record.reasons.get(doc_id)
        if reason is not None and reason.direct:
            yield from (Preference(doc_id, reason.direct, text) for text in texts if text != reason.direct)


def preference_row(
    record: TeacherRecord, preference: Preference, writer: SequenceWriter, mode: str
) -> dict[str, list[int]] | None:
    """Token ids of the prompt and of both texts with their line ends; None where the mode needs an unknown label."""
    if mode == "score_then_reason" and preference.doc_id not in record.labels:
        return None
    document = next(one for one in record.documents if one.doc_id == preference.doc_id)
    ids: dict[str, list[int]] = {}
    for name, text in (("chosen_ids", preference.chosen), ("rejected_ids", preference.rejected)):
        sequence = reason_sequence(writer, record, document, text, mode)
        start, end = sequence.spans[0]
        ids["prompt_ids"] = list(sequence.ids[:start])
        ids[name] = list(sequence.ids[start:end])
    return ids


class PlainDPOTrainer(DPOTrainer):
    """TRL's DPO on rows of :func:`preference_row`: nothing is tokenized again."""

    def _prepare_dataset(self, dataset: Any, *_: Any, **__: Any) -> Any:
        return dataset


# -- GRPO ----------------------------------------------------------------------------------------------------------


def grpo_table(records: Sequence[TeacherRecord], options: SampleOptions) -> Table:
    """A row a document: the prompt, and what a reward needs to know of it."""
    rows = []
    for record in records:
        for document in record.documents:
            label = record.labels.get(document.doc_id)
            prompt = reason_prompt(record.query, document, label, options)
            if prompt is not None:
                rows.append(
                    {
                        "prompt": prompt,
                        "list_id": record.query.query_id,
                        "query": record.query.text,
                        "doc_id": document.doc_id,
                        "text": document.text,
                        "title": document.title,
                        "label": -1 if label is None else label,
                    }
                )
    return Table.from_list(rows)


def grpo_reward(
    rewards: Mapping[str, Reward], weights: Mapping[str, float], engine: Engine, options: SampleOptions
) -> Callable[..., list[float | None]]:
    """TRL's reward function: our rewards of each completion, weighted; every part is logged under its name.

    Grades after a reason are read by ``engine``, the student as it was before.
    """

    def reward(
        completions: Sequence[str], completion_ids: Sequence[Sequence[int]], log_metric: Any = None, **columns: Any
    ) -> list[float | None]:
        explanations = _explanations(completions, completion_ids, columns, engine, options)
        parts = {name: judge(explanations) for name, judge in rewards.items()}
        for name, values in parts.items():
            known = [value for value in values if value is not None]
            if known and log_metric is not None:
                log_metric(f"reward_{name}", fmean(known))
        return combine(parts, weights)

    return reward


def _explanations(
    completions: Sequence[str],
    completion_ids: Sequence[Sequence[int]],
    columns: Mapping[str, Sequence[Any]],
    engine: Engine,
    options: SampleOptions,
) -> list[Explanation]:
    found = []
    for number, (completion, ids) in enumerate(zip(completions, completion_ids, strict=True)):
        text, stop, _ = completion.partition(STOP)
        status, text = parse_reason(Completion(text, bool(stop) or len(ids) < options.max_tokens))
        document = Document(*(columns[name][number] for name in ("doc_id", "text", "title")))
        query, label = columns["query"][number], columns["label"][number]
        grade = None
        if status == "ok":
            (grade,) = grades_after(engine, [(query, passage_of(document, options.max_words), text)])
        known = None if label < 0 else label
        found.append(Explanation(columns["list_id"][number], query, document, text, status, known, grade))
    return found


class PlainGRPOTrainer(GRPOTrainer):
    """TRL's GRPO on plain prompts: control tokens in data stay plain text."""

    def _tokenize_prompts(self, prompts: list[str]) -> tuple[list[list[int]], None, dict[str, Any]]:
        return [encode(self.processing_class, prompt) for prompt in prompts], None, {}
