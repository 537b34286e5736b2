"""The staged search: retrieve, score, explain, compare; the only place that names concrete classes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from reasonrank.board import Board, Returned, Stage, Step, Writing, milliseconds
from reasonrank.corpus import Corpus, load_corpus
from reasonrank.data import Candidate, Comparison, DirectReason, Document, Judgement, Query, Ranking, SearchQueries
from reasonrank.engines.base import Cancel, never_cancelled
from reasonrank.engines.load import load_engine, student_info
from reasonrank.errors import Cancelled, InputError, ReasonRankError
from reasonrank.kept import Kept
from reasonrank.query_writing import given_queries, retrieve_for_all, write_queries
from reasonrank.rerank import neighbour_pairs, order_documents
from reasonrank.retrieval.base import Progress, Retriever
from reasonrank.retrieval.store import open_retriever
from reasonrank.settings import Settings
from reasonrank.student import Student

__all__ = ["Pipeline", "Stage", "Step", "Writing", "check_query"]

TEMPLATE_TOKENS = 64
"""More than the words around passage and question in a prompt that asks for a grade."""


class Pipeline:
    """Everything a page, a command or a server asks of ReasonRank.

    Indexes and the student are loaded at first use and kept; :meth:`prepare` loads them ahead of time.
    Methods may be called from several threads.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._corpora: Kept[Corpus] = Kept(4)
        self._retrievers: Kept[Retriever] = Kept(8)
        self._students: Kept[Student] = Kept(2)

    def prepare(self, settings: Settings | None = None, progress: Progress | None = None) -> None:
        """Build or open the index and load the student of ``settings``, telling ``progress``.

        Raises:
            ReasonRankError: What could not be prepared, in a sentence.
        """
        settings = settings or self.settings
        self._retriever(settings, progress)
        if settings.student != "none":
            self._student(settings, progress)

    def corpus(self, settings: Settings | None = None) -> Corpus:
        """The corpus of ``settings``, loaded once and kept.

        Raises:
            InputError: There is no such corpus, or its file is not as expected.
        """
        settings = settings or self.settings
        return self._corpora.get(settings.corpus, lambda: load_corpus(settings.corpus, settings))

    def search(
        self,
        text: str,
        settings: Settings | None = None,
        cancel: Cancel = never_cancelled,
        queries: Sequence[str] | None = None,
    ) -> Iterator[Step]:
        """Search, stage by stage. A stage that fails leaves a sentence in ``ranking.problems`` and what stood before.

        Args:
            text: The question.
            settings: Instead of the pipeline's own.
            cancel: Asked again and again whether to stop.
            queries: Search queries to search beside the question; the student is then not asked to write any.

        Raises:
            InputError: The question is empty or too long, a search query is not one, or there is no such corpus.
            ReasonRankError: Retrieval failed.
            Cancelled: ``cancel`` answered True.
        """
        settings = settings or self.settings
        query = Query("", check_query(text, settings))
        searched = None if queries is None else given_queries(queries, query.text)
        retriever = self._retriever(settings)
        names = (self.corpus(settings).name, retriever.name)
        candidates: list[Candidate] = []
        spent: dict[str, float] = {}
        if searched is None or not searched.texts:
            started = time.perf_counter()  # building or opening the index is not counted
            candidates = retriever.retrieve(query.text, settings.k)
            spent["retrieve"] = milliseconds(started)
        if searched is None and settings.query_writing and settings.student != "none":
            # What the question finds alone does not wait for the student.
            yield Step("retrieve", _begun(query, candidates, settings, *names, spent))
            searched, writing = self._write_queries(query.text, settings, cancel)
            spent |= writing
        if searched is not None and searched.texts:
            started = time.perf_counter()
            candidates = retrieve_for_all(retriever, (query.text, *searched.texts), settings.k, settings.rrf_k)
            spent["retrieve"] = milliseconds(started)
        yield from self._judge(_begun(query, candidates, settings, *names, spent, searched), settings, cancel)

    def rerank(
        self,
        query: Query,
        candidates: Sequence[Candidate],
        settings: Settings | None = None,
        cancel: Cancel = never_cancelled,
    ) -> Iterator[Step]:
        """The stages after retrieval, on candidates from elsewhere.

        Raises:
            InputError: The question is empty or too long.
            Cancelled: ``cancel`` answered True.
        """
        settings = settings or self.settings
        query = replace(query, text=check_query(query.text, settings))
        begun = _begun(query, candidates, settings, "given", "given", {"retrieve": 0.0})
        yield from self._judge(begun, settings, cancel)

    def judge(
        self,
        text: str,
        candidates: Sequence[Candidate],
        settings: Settings | None = None,
        cancel: Cancel = never_cancelled,
    ) -> dict[str, Judgement]:
        """The student's judgement of each candidate by doc_id, score first, without order or reasons.

        Raises:
            ReasonRankError: The student could not be loaded, or failed.
            Cancelled: ``cancel`` answered True.
        """
        settings = settings or self.settings
        documents = [candidate.document for candidate in candidates]
        scores = self._student(settings).score(check_query(text, settings), documents, cancel)
        return {document.doc_id: score for document, score in zip(documents, scores, strict=True)}

    def comparable(
        self, text: str, candidates: Sequence[Candidate], settings: Settings | None = None
    ) -> Sequence[Candidate]:
        """Candidates with what the order of ``settings`` reads beside the student's grade.

        Raises:
            ReasonRankError: The encoder could not be loaded, or failed.
        """
        from reasonrank.encoder import load_encoder
        from reasonrank.similarity import with_similarity

        settings = settings or self.settings
        if settings.order != "fused" or settings.student == "none":
            return candidates
        return with_similarity(check_query(text, settings), candidates, load_encoder(settings))

    def prefer(
        self,
        text: str,
        pairs: Sequence[tuple[Document, Document]],
        settings: Settings | None = None,
        cancel: Cancel = never_cancelled,
    ) -> list[tuple[float, float]]:
        """Probability that the first document of each pair is the better one, with it shown first and shown second.

        Raises:
            ReasonRankError: The student could not be loaded, or failed.
            Cancelled: ``cancel`` answered True.
        """
        settings = settings or self.settings
        return self._student(settings).prefer(check_query(text, settings), pairs, cancel)

    def compare(
        self,
        ranking: Ranking,
        first_id: str,
        second_id: str,
        settings: Settings | None = None,
        cancel: Cancel = never_cancelled,
    ) -> Iterator[Writing | Comparison]:
        """Compare any two documents of a ranking: the text as it is written, then the Comparison, last.

        Raises:
            InputError: The two are the same, or one is not in the list.
            ReasonRankError: The student could not be loaded, or failed.
            Cancelled: ``cancel`` answered True.
        """
        places = {scored.doc_id: scored.rank for scored in ranking.documents}
        if first_id == second_id or first_id not in places or second_id not in places:
            raise InputError("Choose two different documents of the list to compare.")
        upper_id, lower_id = sorted((first_id, second_id), key=places.__getitem__)
        documents = {scored.doc_id: scored.document for scored in ranking.documents}
        student = self._student(settings or self.settings)
        upper, lower = documents[upper_id], documents[lower_id]
        preference = student.prefer(ranking.query.text, [(upper, lower)], cancel)[0]
        writing = Returned(student.compare(ranking.query.text, upper, lower, preference, cancel))
        for text in writing:
            yield Writing(_argued(upper_id, lower_id, preference), text)
        yield writing.value

    def check_room(self, text: str, settings: Settings | None = None) -> None:
        """See that a question leaves room for a document in the student's window; loads the student.

        Raises:
            InputError: It does not.
            ReasonRankError: The student could not be loaded.
        """
        settings = settings or self.settings
        engine = self._student(settings).engine
        room = engine.window - settings.max_document_tokens - TEMPLATE_TOKENS
        if room < 1 or engine.cut(text, room)[1]:
            raise InputError(
                f"The question is longer than the {max(0, room):,} tokens that this student reads. Shorten it."
            )

    def _write_queries(
        self, question: str, settings: Settings, cancel: Cancel
    ) -> tuple[SearchQueries, dict[str, float]]:
        """The search queries and their time; where the student fails, the question is searched alone."""
        try:
            engine = self._student(settings).engine
            started = time.perf_counter()
            return write_queries(engine, question, cancel), {"queries": milliseconds(started)}
        except Cancelled:
            raise
        except ReasonRankError as error:
            return SearchQueries("failed", detail=str(error)), {}

    # -- the stages ------------------------------------------------------------------------------------------

    def _judge(self, begun: Ranking, settings: Settings, cancel: Cancel) -> Iterator[Step]:
        board = Board(begun)
        candidates = [scored.candidate for scored in begun.documents]
        yield board.step("retrieve")
        if settings.student != "none" and candidates:
            with board.stage("score"):
                student = self._student(settings)
                board.restart()
                board.show(student=student.engine.model_name, engine=student.engine.name)
                yield from self._score(board, student, candidates, settings, cancel)
            if board.reached("score"):
                with board.stage("explain"):
                    yield from self._explain(board, student, settings, cancel)
                with board.stage("compare"):
                    yield from self._compare_neighbours(board, student, settings, cancel)
        board.total()
        yield board.step("done")

    def _score(
        self, board: Board, student: Student, candidates: Sequence[Candidate], settings: Settings, cancel: Cancel
    ) -> Iterator[Step]:
        query = board.ranking.query.text
        candidates = self.comparable(query, candidates, settings)
        found = [candidate.document for candidate in candidates]
        reasons: dict[str, DirectReason] = {}
        judged: dict[str, Judgement] = {}
        if settings.mode == "score_then_reason":
            judged = self.judge(query, candidates, settings, cancel)
        else:
            for document in found:
                writing = Returned(student.explain_then_score(query, document, cancel))
                for text in writing:
                    yield board.step("score", Writing((document.doc_id,), text))
                reasons[document.doc_id], judged[document.doc_id] = writing.value
                board.reorder(candidates, judged, reasons, settings.order)
                yield board.step("score")
        board.reorder(candidates, judged, reasons, settings.order)
        board.mark("score")
        yield board.step("score")

    def _explain(self, board: Board, student: Student, settings: Settings, cancel: Cancel) -> Iterator[Step]:
        for scored in board.ranking.documents[: settings.explain]:
            if scored.reason is not None or scored.judgement is None:
                continue
            writing = Returned(student.explain(board.ranking.query.text, scored.document, scored.judgement, cancel))
            for text in writing:
                yield board.step("explain", Writing((scored.doc_id,), text))
            board.add_reason(scored.doc_id, writing.value)
            yield board.step("explain")

    def _compare_neighbours(self, board: Board, student: Student, settings: Settings, cancel: Cancel) -> Iterator[Step]:
        documents = {scored.doc_id: scored.document for scored in board.ranking.documents}
        pairs = neighbour_pairs(board.ranking.documents, settings.explain)
        preferences = student.prefer(
            board.ranking.query.text, [(documents[upper], documents[lower]) for upper, lower in pairs], cancel
        )
        for (upper, lower), preference in zip(pairs, preferences, strict=True):
            writing = Returned(
                student.compare(board.ranking.query.text, documents[upper], documents[lower], preference, cancel)
            )
            for text in writing:
                yield board.step("compare", Writing(_argued(upper, lower, preference), text))
            board.show(comparisons=(*board.ranking.comparisons, writing.value))
            yield board.step("compare")

    # -- what is loaded once ---------------------------------------------------------------------------------

    def _retriever(self, settings: Settings, progress: Progress | None = None) -> Retriever:
        corpus = self.corpus(settings)
        key = (
            corpus.fingerprint,
            settings.retriever,
            settings.encoder,
            settings.long_queries,
            settings.bm25_k1,
            settings.bm25_b,
            settings.rrf_k,
            settings.milvus_uri,
        )
        return self._retrievers.get(
            key, lambda: open_retriever(settings.retriever, corpus, settings, progress=progress)
        )

    def _student(self, settings: Settings, progress: Progress | None = None) -> Student:
        from reasonrank.encoder import load_encoder

        # Lengths and samples are no part of the loaded model: a student is a light wrapper around its engine.
        key = (
            *(settings.student, settings.base, settings.engine, settings.device, settings.threads),
            *(settings.server, settings.server_model, settings.server_samples),
        )
        kept = self._students.get(
            key, lambda: Student(load_engine(settings, progress), settings, load_encoder(settings))
        )
        return Student(kept.engine, settings, kept.encoder)


def check_query(text: str, settings: Settings) -> str:
    """The question without surrounding white space.

    Raises:
        InputError: It is empty or longer than ``settings.max_query_chars``.
    """
    text = text.strip()
    if not text:
        raise InputError("The question is empty; type a few words.")
    if len(text) > settings.max_query_chars:
        raise InputError(
            f"The question has {len(text):,} characters; at most {settings.max_query_chars:,} are read. Shorten it."
        )
    return text


def _begun(
    query: Query,
    candidates: Sequence[Candidate],
    settings: Settings,
    corpus: str,
    retriever: str,
    spent: Mapping[str, float],
    queries: SearchQueries | None = None,
) -> Ranking:
    """The first stage's list."""
    order_by, documents = order_documents(candidates, {}, settings.order)
    about = student_info(settings)
    timings = dict(spent)
    return Ranking(
        *(query, corpus, retriever, about.name, about.engine, order_by, documents), timings_ms=timings, queries=queries
    )


def _argued(upper_id: str, lower_id: str, preference: tuple[float, float]) -> tuple[str, str]:
    """The preferred one first, as ``{preferred}`` and ``{other}`` of the text in the making mean them."""
    return (upper_id, lower_id) if sum(preference) >= 1 else (lower_id, upper_id)
