"""The student: a judgement, a direct reason and a comparison, on any engine."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from statistics import fmean

from reasonrank import prompts
from reasonrank.data import Comparison, DirectReason, Document, Judgement, JudgingMode, Written
from reasonrank.engines.base import Cancel, Choice, Completion, Engine, never_cancelled
from reasonrank.errors import Cancelled, EngineError
from reasonrank.evidence import SentenceEncoder, select_evidence
from reasonrank.parsing import name_sides, parse_comparison, parse_reason
from reasonrank.settings import Settings

SAMPLING_TEMPERATURE = 0.7
"""Of the sampled reasons whose label distributions are averaged."""


class Student:
    """Judges, explains and compares documents.

    Args:
        engine: Serves the model.
        settings: Lengths, judging mode and number of samples.
        encoder: For evidence; without one, reasons carry none.
    """

    def __init__(self, engine: Engine, settings: Settings, encoder: SentenceEncoder | None = None) -> None:
        self.engine = engine
        self.settings = settings
        self.encoder = encoder

    def score(self, query: str, documents: Sequence[Document], cancel: Cancel = never_cancelled) -> list[Judgement]:
        """Judge each document at the first answer position: score then reason.

        Returns:
            One judgement a document, in the documents' order.

        Raises:
            Cancelled: ``cancel`` answered True.
            EngineError: The engine failed.
        """
        passages = [self._passage(document) for document in documents]
        asked = [prompts.grade_prompt(query, passage) for passage, _ in passages]
        choices = self.engine.choose(asked, prompts.LABELS, cancel)
        return [_judgement([choice], cut) for choice, (_, cut) in zip(choices, passages, strict=True)]

    def explain(
        self, query: str, document: Document, judgement: Judgement, cancel: Cancel = never_cancelled
    ) -> Generator[str, None, DirectReason]:
        """Write the direct reason for the judgement's most probable label, yielding the text so far.

        Raises:
            Cancelled: ``cancel`` answered True.
            EngineError: The engine failed.
        """
        label = judgement.label
        prompt = prompts.reason_after_grade_prompt(query, self._passage(document)[0], label)
        completion = yield from self._write(prompt, cancel)
        return self._reason(completion, document, "score_then_reason", label)

    def explain_then_score(
        self, query: str, document: Document, cancel: Cancel = never_cancelled
    ) -> Generator[str, None, tuple[DirectReason, Judgement]]:
        """Reason then score: write the reason, yielding the text so far, and read the label after it.

        With ``settings.samples`` above 1 the label's distribution is the mean over that many sampled reasons;
        the reason that is shown is the greedy one. Where no reason can be used (all of them unparsable, repeated
        or cut off) the label is read without one, and the reason's ``detail`` says so.

        Raises:
            Cancelled: ``cancel`` answered True.
            EngineError: The engine failed.
        """
        passage, cut = self._passage(document)
        prompt = prompts.reason_prompt(query, passage)
        shown = yield from self._write(prompt, cancel)
        reason = self._reason(shown, document, "reason_then_score", None)
        texts = [reason.text] if reason.status == "ok" else []
        if self.settings.samples > 1:
            sampled = self.engine.generate(
                [prompt] * (self.settings.samples - 1),
                max_tokens=self.settings.max_reason_tokens,
                temperature=SAMPLING_TEMPERATURE,
                seed=1,
                cancel=cancel,
            )
            texts += [text for status, text in map(parse_reason, sampled) if status == "ok"]
        asked = [prompts.grade_after_reason_prompt(query, passage, text) for text in texts]
        if not asked:
            asked = [prompts.grade_prompt(query, passage)]
            reason = replace(reason, detail="No usable reason was written, so the grade was read without one.")
        judgement = _judgement(self.engine.choose(asked, prompts.LABELS, cancel), cut)
        return replace(reason, label=judgement.label), judgement

    def prefer(
        self, query: str, pairs: Sequence[tuple[Document, Document]], cancel: Cancel = never_cancelled
    ) -> list[tuple[float, float]]:
        """Probability that the first document of each pair is the better one, by order of presentation.

        Returns:
            For each pair ``(p, q)``: with the first document shown first, and with it shown second.
        """
        asked = []
        for first, second in pairs:
            one, other = self._passage(first)[0], self._passage(second)[0]
            asked += [prompts.compare_prompt(query, one, other), prompts.compare_prompt(query, other, one)]
        choices = self.engine.choose(asked, prompts.SIDES, cancel)
        return [(choices[2 * i].probabilities[0], choices[2 * i + 1].probabilities[1]) for i in range(len(pairs))]

    def compare(
        self,
        query: str,
        upper: Document,
        lower: Document,
        preference: tuple[float, float] | None = None,
        cancel: Cancel = never_cancelled,
    ) -> Generator[str, None, Comparison]:
        """Argue for the better of two documents, yielding the text so far.

        Args:
            query: The question.
            upper: The document that the list has higher.
            lower: The one below it.
            preference: A value of :meth:`prefer` for ``(upper, lower)``, read here when not given.
            cancel: Asked between tokens.

        Raises:
            Cancelled: ``cancel`` answered True.
            EngineError: The engine failed.
        """
        by_upper = preference or self.prefer(query, [(upper, lower)], cancel)[0]
        agrees = fmean(by_upper) >= 0.5
        preferred, other = (upper, lower) if agrees else (lower, upper)
        by_order = by_upper if agrees else (1 - by_upper[1], 1 - by_upper[0])
        # The text is written in the order of presentation that is surer of the choice.
        side = 0 if by_order[0] >= by_order[1] else 1
        shown = (preferred, other) if side == 0 else (other, preferred)
        passage_a, passage_b = (self._passage(document)[0] for document in shown)
        prompt = prompts.compare_reason_prompt(query, passage_a, passage_b, side)
        completion = yield from self._write(prompt, cancel, lambda text: name_sides(text, side))
        status, text = parse_comparison(completion, side)
        return Comparison(
            preferred_id=preferred.doc_id,
            other_id=other.doc_id,
            text=text,
            probability=fmean(by_order),
            by_order=by_order,
            flipped=(by_order[0] >= 0.5) != (by_order[1] >= 0.5),
            agrees_with_order=agrees,
            status=status,
        )

    def _passage(self, document: Document) -> tuple[str, bool]:
        return self.engine.cut(prompts.passage_text(document.text, document.title), self.settings.max_document_tokens)

    def _write(
        self, prompt: str, cancel: Cancel, shown: Callable[[str], str] = str
    ) -> Generator[str, None, Completion]:
        pieces = self.engine.stream(prompt, max_tokens=self.settings.max_reason_tokens)
        text = ""
        try:
            while True:
                if cancel():
                    raise Cancelled("The question was replaced by a newer one.")
                try:
                    text += next(pieces)
                except StopIteration as end:
                    if not isinstance(end.value, Completion):
                        raise EngineError(f"{self.engine.name} ended a text without saying how.") from None
                    return end.value
                yield shown(text.strip())
        finally:
            close = getattr(pieces, "close", None)
            if close is not None:
                close()

    def _reason(self, completion: Completion, document: Document, mode: JudgingMode, label: int | None) -> DirectReason:
        status, text = parse_reason(completion)
        evidence = None
        if self.encoder is not None and status in ("ok", "truncated"):
            evidence = select_evidence(text, document, self.encoder)
        written: Written = "after_score" if mode == "score_then_reason" else "before_score"
        return DirectReason(status, text, written, label, evidence)


def _judgement(choices: Sequence[Choice], cut: bool) -> Judgement:
    p0, p1, p2 = (fmean(choice.probabilities[grade] for choice in choices) for grade in range(3))
    mass = fmean(choice.mass for choice in choices)
    bounded = tuple(sorted({grade for choice in choices for grade in choice.bounded}))
    drawn = sum(choice.drawn for choice in choices)
    return Judgement((p0, p1, p2), mass, cut, len(choices), bounded, drawn)
