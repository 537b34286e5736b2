"""Training lists without human labels: ``python -m train.synthesize --pairs F --out candidates.jsonl``.

InteRank's data stage (arXiv 2504.03947), from question/answer pairs or a StackExchange dump:

1. Answers are cut into passages, equal questions joined, equal passages dropped; ``--corpus`` adds more to search.
2. A teacher writes search queries for each question (``--server``); without one the question is searched as it is.
3. Both retrievers fetch candidates for all of them, fused by reciprocal rank.
4. A list holds likely positives (the passages and pages that the question is known for), tempting negatives from the
   top of what was retrieved, without near copies of a positive, and random ones as easy negatives.

Beside the candidate lists lie ``.records.jsonl`` (likely positives above random passages, as a ranking: nothing is
said of the tempting ones, which nobody judged), ``.soft.jsonl`` (the same as a target distribution, for ``--soft`` of
``train.distill``), ``.queries.jsonl`` (questions with their short queries, for ``train.query_writing``) and
``.config.json``. The lists go to ``train.teacher`` to be judged. A run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import random
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from tqdm import tqdm

from reasonrank.corpora.base import Corpus
from reasonrank.corpora.passages import MAX_PASSAGE_WORDS
from reasonrank.corpus import load_corpus
from reasonrank.data import Candidate, Document, Query
from reasonrank.errors import InputError, ReasonRankError, ReplyError
from reasonrank.formats import read_candidates
from reasonrank.prompts import PROMPT_VERSION, QUERY_WRITER_ROLE, TEACHER_VERSION, teacher_queries_prompt
from reasonrank.query_writing import checked_queries
from reasonrank.retrieval.base import Retriever
from reasonrank.retrieval.store import open_retriever
from reasonrank.settings import Settings
from train.asking import Asked, AskOptions, Replies, ask_all
from train.commit import git_commit
from train.endpoint import Endpoint, EndpointOptions, Reply, Request
from train.journal import Journal
from train.judging import FaultError, Reject, parse_object
from train.mining import MinedList, MiningOptions, mine
from train.outcome import OutputFiles, check_complete, counted, tally_summary
from train.pairs import Pair, PairSet, pair_set, read_pairs
from train.record_lines import document_line, record_line, write_json_lines
from train.records import TeacherRecord
from train.stackexchange import DumpOptions, read_dump
from train.teacher import CHANGEABLE, add_endpoint_flags, ask_options, endpoint_options, reject_line

RETRIEVERS = ("bm25", "dense")
Find = Callable[[Corpus, Settings], "Finder"]
SOURCE = "question/answer pairs, not judged"


class Finder(Protocol):
    """Finds candidates for several queries."""

    def retrieve(self, texts: Sequence[str], depth: int) -> dict[str, list[Candidate]]:
        """Candidates of several queries, by retriever and query."""

    def close(self) -> None:
        """Release what it holds."""


@dataclass(frozen=True, slots=True)
class SynthesisConfig:
    """One run.

    Args:
        pairs: Question/answer pairs, or a dump.
        out: The candidate lists.
        dump: How a dump is read; None for pairs.
        corpus: A further corpus to search, by name or file; empty for the answers alone.
        questions: Lists are made for so many questions, drawn at random; 0 takes all.
        max_words: Longest passage that an answer is cut into.
        queries: How many queries the teacher writes a question.
        mining: What a list is made of.
        endpoint: The server that writes queries, or None.
        asking: How it is asked.
    """

    pairs: Path
    out: Path
    dump: DumpOptions | None = None
    corpus: str = ""
    questions: int = 0
    max_words: int = MAX_PASSAGE_WORDS
    queries: int = 3
    mining: MiningOptions = MiningOptions()  # noqa: RUF009 -- frozen
    endpoint: EndpointOptions | None = None
    asking: AskOptions = AskOptions()  # noqa: RUF009 -- frozen

    def __post_init__(self) -> None:
        if self.questions < 0 or self.max_words < 20 or not 1 <= self.queries <= 6:
            raise InputError("--questions is not negative, --max-words at least 20, --queries from 1 to 6.")

    def saved(self, corpus: Corpus, settings: Settings) -> dict[str, Any]:
        """What is saved beside the lists."""
        return {
            "pairs": self.pairs.name,
            "dump": asdict(self.dump) if self.dump else None,
            "corpus": Path(self.corpus).name,
            "corpus_fingerprint": corpus.fingerprint,
            "encoder": settings.encoder,
            "questions": self.questions,
            "max_words": self.max_words,
            "queries": self.queries,
            "mining": asdict(self.mining),
            **({"endpoint": True, **asdict(self.endpoint), **asdict(self.asking)} if self.endpoint else {}),
            "prompt_version": PROMPT_VERSION,
            "teacher_version": TEACHER_VERSION,
            "commit": git_commit(),
        }


@dataclass(frozen=True, slots=True)
class Written:
    """Search queries by pair_id, and what came of asking for them."""

    queries: Mapping[str, tuple[str, ...]]
    rejects: tuple[dict[str, Any], ...]
    replies: Replies
    asked: Asked
    open_questions: int = 0


def synthesize(config: SynthesisConfig, settings: Settings, find: Find | None = None) -> dict[str, Any]:
    """Make the lists that are not there yet; returns a summary of all that there is.

    Args:
        config: The run.
        settings: Encoder and cache folder of the retrievers.
        find: Opens the retrievers of a corpus; :class:`BothRetrievers` if not given.

    Raises:
        ReasonRankError: A file or flag is not as expected, retrieval failed, or the server left questions open.
    """
    find = find or BothRetrievers
    files = OutputFiles.of(config.out)
    dump = config.dump
    found = pair_set(read_dump(config.pairs, dump) if dump else read_pairs(config.pairs), config.max_words)
    corpus = search_corpus(found, config, settings)
    pairs = drawn(found.pairs, config.questions, config.mining.seed)
    with files.locked():
        files.keep_config(config.saved(corpus, settings), CHANGEABLE)
        written = write_queries(pairs, config, files)
        check_complete(written.asked, written.open_questions)
        with Journal(config.out) as journal:
            done = {query.query_id for query, _ in _read_lists(config.out)}
            todo = [pair for pair in pairs if pair.pair_id not in done]
            for mined in _mine_all(todo, found, written, corpus, config, settings, find):
                journal.append(candidates_line(mined))
        lists = _read_lists(config.out)
        _write_beside(config.out, lists, pairs, found, written)
        write_json_lines(files.rejects, written.rejects)
    return summary(lists, pairs, found, corpus, written, config)


def search_corpus(found: PairSet, config: SynthesisConfig, settings: Settings) -> Corpus:
    """The answers' passages and, where one is named, another corpus.

    Raises:
        InputError: There is no such corpus, or nothing to search.
    """
    documents: Iterable[Document] = found.passages
    if config.corpus:
        taken = {document.doc_id for document in found.passages}
        more = load_corpus(config.corpus, settings).documents
        documents = itertools.chain(found.passages, (one for one in more if one.doc_id not in taken))
    name = f"synthesised from {config.pairs.name.split('.')[0]}"
    origin = hashlib.sha256(f"{config.pairs.resolve()}\n{config.corpus}".encode()).hexdigest()[:12]
    return Corpus.of(name, name, documents, origin=f"{name} {origin}")


def drawn(pairs: Sequence[Pair], count: int, seed: int) -> list[Pair]:
    """``count`` random pairs in their order (0 takes all)."""
    if not count or count >= len(pairs):
        return list(pairs)
    return [pairs[place] for place in sorted(random.Random(seed).sample(range(len(pairs)), count))]


def write_queries(pairs: Sequence[Pair], config: SynthesisConfig, files: OutputFiles) -> Written:
    """Search queries for each question: those that it came with, and the teacher's.

    Raises:
        ReasonRankError: The server will not serve us, or is gone.
    """
    known = {pair.pair_id: pair.queries for pair in pairs}
    if config.endpoint is None:
        return Written(known, (), Replies(), Asked({}, {}))
    endpoint = config.endpoint
    requests = [queries_request(pair, config.queries) for pair in pairs]
    questions = {request.key: pair.question for request, pair in zip(requests, pairs, strict=True)}
    replies = Replies.read(files.replies)

    def usable(request: Request, reply: Reply) -> bool:
        return not isinstance(read_queries(reply, questions[request.key]), Reject)

    asked = ask_all(
        requests, lambda: Endpoint(endpoint), files.replies, replies, usable, config.asking, lambda request: None
    )
    rejects: list[dict[str, Any]] = []
    queries = dict(known)
    left = 0
    for request, pair in zip(requests, pairs, strict=True):
        if request.key in asked.refused:
            rejects.append(reject_line(pair.pair_id, Reject("request", asked.refused[request.key], ""), 0))
        elif not replies.is_settled(request, usable, config.asking.attempts):
            left += 1
        for reply in replies.of(request):
            read = read_queries(reply, pair.question)
            if isinstance(read, Reject):
                rejects.append(reject_line(pair.pair_id, read, reply.attempt))
            else:
                queries[pair.pair_id] = tuple(dict.fromkeys((*pair.queries, *read)))
                break
    return Written(queries, tuple(rejects), replies, asked, left)


def queries_request(pair: Pair, count: int) -> Request:
    """Asks for the search queries of one question."""
    key = hashlib.sha256(json.dumps([pair.pair_id, pair.question]).encode("ascii")).hexdigest()[:24]
    schema = {
        "type": "object",
        "properties": {"queries": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": count}},
        "required": ["queries"],
        "additionalProperties": False,
    }
    return Request(key, pair.pair_id, QUERY_WRITER_ROLE, teacher_queries_prompt(pair.question, count), schema)


def read_queries(reply: Reply, question: str) -> tuple[str, ...] | Reject:
    """The queries of a reply, or why they are none."""
    try:
        texts = parse_object(reply, {"queries"})["queries"]
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise FaultError("queries is not an array of texts")
        return checked_queries(texts, question)
    except (FaultError, ReplyError) as error:
        return Reject("reply", str(error), reply.text)


def candidates_line(mined: MinedList) -> dict[str, Any]:
    """A list in the form of a candidates file; what was not retrieved has the score 0."""
    return {
        "query_id": mined.query.query_id,
        "query": mined.query.text,
        "candidates": [
            {**document_line(document), "score": mined.scores[document.doc_id]} for document in mined.documents
        ],
    }


def likely_record(query: Query, candidates: Sequence[Candidate], known: Sequence[str]) -> TeacherRecord:
    """What is known of a list without judging it: its likely positives stand above its random passages."""
    positives, _, easy = roles(candidates, known)
    documents = tuple(candidate.document for candidate in candidates)
    return TeacherRecord(query, documents, ranking=(*positives, *easy), source="imported", teacher=SOURCE)


def soft_line(query: Query, candidates: Sequence[Candidate], known: Sequence[str]) -> dict[str, Any]:
    """The same as a distribution: evenly over the likely positives."""
    positives = roles(candidates, known)[0]
    shares = {candidate.document.doc_id: 0.0 for candidate in candidates}
    return {
        "query_id": query.query_id,
        "query": query.text,
        "candidates": [document_line(candidate.document) for candidate in candidates],
        "target": shares | dict.fromkeys(positives, round(1 / len(positives), 6)),
    }


def roles(candidates: Sequence[Candidate], known: Sequence[str]) -> tuple[list[str], list[str], list[str]]:
    """doc_ids of a list's likely positives, its tempting negatives, and its random ones (not retrieved)."""
    ids = [candidate.document.doc_id for candidate in candidates]
    retrieved = {candidate.document.doc_id for candidate in candidates if candidate.score > 0}
    positives = [doc_id for doc_id in ids if doc_id in known]
    others = [doc_id for doc_id in ids if doc_id not in known]
    return positives, [one for one in others if one in retrieved], [one for one in others if one not in retrieved]


def summary(
    lists: Sequence[tuple[Query, list[Candidate]]],
    pairs: Sequence[Pair],
    found: PairSet,
    corpus: Corpus,
    written: Written,
    config: SynthesisConfig,
) -> dict[str, Any]:
    """Counts for people and logs."""
    parts = [roles(candidates, found.known[query.query_id]) for query, candidates in lists]
    best = [candidates[0].document.doc_id in found.known[query.query_id] for query, candidates in lists]
    scores = [{one.document.doc_id: one.score for one in candidates} for _, candidates in lists]
    recalled = [any(own[doc_id] > 0 for doc_id in part[0]) for own, part in zip(scores, parts, strict=True)]
    tally = written.replies.tally
    return {
        "questions": len(found.pairs),
        "questions_merged": found.merged,
        "passages": len(corpus),
        "passages_duplicate": found.duplicates,
        "lists": len(lists),
        "questions_without_a_known_passage": len(pairs) - len(lists),
        "positives": sum(len(part[0]) for part in parts),
        "tempting": sum(len(part[1]) for part in parts),
        "easy": sum(len(part[2]) for part in parts),
        "lists_whose_positive_was_retrieved": sum(recalled),
        "lists_with_a_positive_first": sum(best),
        "questions_with_queries": sum(bool(written.queries[pair.pair_id]) for pair in pairs),
        "replies_rejected": counted(line["why"] for line in written.rejects),
        **tally_summary(tally, tally.cost(config.asking)),
    }


def _mine_all(
    pairs: Sequence[Pair],
    found: PairSet,
    written: Written,
    corpus: Corpus,
    config: SynthesisConfig,
    settings: Settings,
    find: Find,
) -> Iterator[MinedList]:
    if not pairs:
        return
    ids = [document.doc_id for document in corpus.documents]
    with closing(find(corpus, settings)) as retrievers:
        for pair in tqdm(pairs, unit=" questions", file=sys.stderr, dynamic_ncols=True):
            texts = tuple(dict.fromkeys((pair.question, *written.queries[pair.pair_id])))
            candidates = retrievers.retrieve(texts, config.mining.depth)
            query = Query(pair.pair_id, pair.question)
            mined = mine(query, candidates, found.known[pair.pair_id], corpus.by_id, ids, config.mining)
            if mined is not None:
                yield mined


class BothRetrievers:
    """BM25 and dense retrieval over one corpus, indexed at first use."""

    def __init__(self, corpus: Corpus, settings: Settings) -> None:
        with tqdm(total=100, file=sys.stderr, bar_format="{desc} {bar} {percentage:3.0f}%", leave=False) as bar:

            def tell(what: str, fraction: float) -> None:
                bar.set_description(what, refresh=False)
                bar.n = round(100 * fraction)
                bar.refresh()

            self._all: dict[str, Retriever] = {
                name: open_retriever(name, corpus, settings, progress=tell) for name in RETRIEVERS
            }

    def retrieve(self, texts: Sequence[str], depth: int) -> dict[str, list[Candidate]]:
        """Candidates of several queries, by retriever and query."""
        return {
            f"{name} {number}": retriever.retrieve(text, depth)
            for number, text in enumerate(texts)
            for name, retriever in self._all.items()
        }

    def close(self) -> None:
        """Release the indexes."""
        for retriever in self._all.values():
            retriever.close()


def _read_lists(path: Path) -> list[tuple[Query, list[Candidate]]]:
    return list(read_candidates(path)) if path.exists() and path.stat().st_size else []


def _write_beside(
    out: Path,
    lists: Sequence[tuple[Query, list[Candidate]]],
    pairs: Sequence[Pair],
    found: PairSet,
    written: Written,
) -> None:
    stem = out.name.removesuffix(".jsonl")
    known = found.known
    write_json_lines(
        out.with_name(f"{stem}.records.jsonl"),
        (record_line(likely_record(query, candidates, known[query.query_id])) for query, candidates in lists),
    )
    write_json_lines(
        out.with_name(f"{stem}.soft.jsonl"),
        (soft_line(query, candidates, known[query.query_id]) for query, candidates in lists),
    )
    write_json_lines(
        out.with_name(f"{stem}.queries.jsonl"),
        (
            {"query_id": pair.pair_id, "question": pair.question, "queries": list(written.queries[pair.pair_id])}
            for pair in pairs
            if written.queries[pair.pair_id]
        ),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m train.synthesize", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--pairs", type=Path, help="question/answer pairs, JSON lines, .gz or not; MedQuAD's form too")
    source.add_argument("--stackexchange", type=Path, help="Posts.xml of a data dump, or its rows as JSON lines")
    parser.add_argument("--corpus", default="", help="search this corpus too, by name or file")
    parser.add_argument("--out", type=Path, required=True, help="the candidate lists, a .jsonl file")
    parser.add_argument("--questions", type=int, default=0, help="lists for so many questions, drawn at random; 0: all")
    parser.add_argument("--max-words", type=int, default=MAX_PASSAGE_WORDS, help="longest passage of an answer")
    parser.add_argument("--queries", type=int, default=3, help="queries that the teacher writes a question")
    dump, mining = DumpOptions(), MiningOptions()
    parser.add_argument("--limit", type=int, default=dump.limit, help="of a dump: the first so many questions; 0: all")
    parser.add_argument("--least-question-score", type=int, default=dump.least_question_score, help="of a dump: votes")
    parser.add_argument("--least-answer-score", type=int, default=dump.least_answer_score, help="of a dump: votes")
    parser.add_argument("--answers", type=int, default=dump.answers, help="of a dump: answers a question")
    parser.add_argument("--positives", type=int, default=mining.positives, help="likely positives a list, at most")
    parser.add_argument("--tempting", type=int, default=mining.tempting, help="tempting negatives a list")
    parser.add_argument("--pool", type=int, default=mining.pool, help="how deep tempting negatives are drawn from")
    parser.add_argument("--easy", type=int, default=mining.easy, help="random negatives a list")
    parser.add_argument("--depth", type=int, default=mining.depth, help="how deep each retriever is asked")
    parser.add_argument("--seed", type=int, default=mining.seed, help="decides every draw")
    parser.add_argument("--encoder", default=None, help="encoder of dense retrieval: default, a folder or a hub id")
    parser.add_argument("--cache", type=Path, default=None, help="folder for the indexes")
    add_endpoint_flags(parser)
    return parser


def _config(options: argparse.Namespace) -> SynthesisConfig:
    dump = DumpOptions(options.limit, options.least_question_score, options.least_answer_score, options.answers)
    return SynthesisConfig(
        pairs=options.pairs or options.stackexchange,
        out=options.out,
        dump=dump if options.stackexchange else None,
        corpus=options.corpus,
        questions=options.questions,
        max_words=options.max_words,
        queries=options.queries,
        mining=MiningOptions(
            options.positives, options.tempting, options.pool, options.easy, options.depth, options.seed
        ),
        endpoint=endpoint_options(options) if options.server else None,
        asking=ask_options(options),
    )


def main(arguments: Sequence[str] | None = None, find: Find | None = None) -> int:
    """The command line: a summary as JSON on standard output; errors are one sentence and exit code 2."""
    options = _parser().parse_args(arguments)
    try:
        settings = Settings.load(encoder=options.encoder, cache=options.cache)
        counts = synthesize(_config(options), settings, find)
    except ReasonRankError as error:
        sys.stderr.write(f"train.synthesize: {error}\n")
        return 2
    sys.stdout.write(json.dumps(counts, indent=2, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
