"""The command ``reasonrank``: results to standard output, progress to standard error, errors as one sentence."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from reasonrank import __version__
from reasonrank.data import Ranking
from reasonrank.errors import InputError, ReasonRankError
from reasonrank.review.cli import add_parser as add_review
from reasonrank.serve import command as server
from reasonrank.settings import Settings

Command = Callable[[argparse.Namespace], int]
SERVER = ("server", "server_model", "server_samples", "server_requests", "server_timeout")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code (0 fine, 1 the doctor found a fault, 2 an error, 130 interrupted)."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO if options.verbose else logging.WARNING, format="%(message)s"
    )
    command: Command = options.command
    try:
        return command(options)
    except ReasonRankError as error:
        _say(f"reasonrank: {error}")
        return 2
    except KeyboardInterrupt:
        _say("reasonrank: interrupted")
        return 130
    except BrokenPipeError:
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="reasonrank", description="Search that explains its ranking.")
    parser.add_argument("--version", action="version", version=f"reasonrank {__version__}")
    parser.add_argument("--verbose", action="store_true", help="say more on standard error")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    search = commands.add_parser("search", help="ask one question of a corpus")
    search.add_argument("text", help="the question")
    _settings(search, "corpus", "retriever", "k", "explain", "query_writing", "long_queries", "encoder")
    _settings(search, "student", "base", "engine", "device", "order", "mode", "samples", "cache", *SERVER, "milvus_uri")
    search.add_argument(
        "--also",
        action="append",
        metavar="QUERY",
        help="a search query to search beside the question, in place of any that the student would write; repeatable",
    )
    search.add_argument("--json", action="store_true", help="print the whole result as one JSON object")
    search.set_defaults(command=_search)

    rerank = commands.add_parser("rerank", help="rerank the lists of a candidates file")
    rerank.add_argument("--candidates", type=Path, required=True, help="JSON lines, .gz or not")
    rerank.add_argument("--run", type=Path, required=True, help="TREC run to write")
    rerank.add_argument("--json-out", type=Path, help="JSON lines to write: the object of search, one query a line")
    _settings(rerank, "student", "base", "engine", "device", "order", "mode", "samples", "cache", *SERVER)
    rerank.add_argument("--explain", type=int, default=0, help="reasons for so many documents from the top")
    rerank.add_argument("--resume", action="store_true", help="append to the outputs what they do not have yet")
    rerank.add_argument("--workers", type=int, default=1, help="lists reranked side by side; for servers")
    rerank.set_defaults(command=_rerank)

    index = commands.add_parser("index", help="build a corpus's index ahead of time")
    _settings(index, "corpus", "retriever", "encoder", "cache", "milvus_uri", "milvus_index", "milvus_shards")
    index.add_argument("--rebuild", action="store_true", help="build it again even if it is there")
    index.set_defaults(command=_index)

    add_review(commands, _settings, _load_settings)

    weights = commands.add_parser("weights", help="put the student's weights where vLLM can load them")
    _settings(weights, "student", "base", "cache")
    weights.add_argument("--port", type=int, default=8000, help="of the server whose command is printed")
    weights.set_defaults(command=_weights)

    doctor = commands.add_parser("doctor", help="tell what works on this machine")
    _settings(doctor, "student", "base", "engine", "device", "encoder", "cache", *SERVER, "milvus_uri")
    doctor.set_defaults(command=_doctor)

    serve = commands.add_parser("serve", help="serve the page, the HTTP interface and the MCP tools")
    mcp = commands.add_parser("mcp", help="offer search, rerank and compare as MCP tools over stdin and stdout")
    for served, command in ((serve, server.serve), (mcp, server.mcp)):
        _settings(served, *Settings.__dataclass_fields__)
        served.set_defaults(command=command)
    server.add_flags(serve)
    return parser


def _settings(parser: argparse.ArgumentParser, *names: str) -> None:
    """Add settings as flags; their types, choices and help come from the dataclass."""
    declared = Settings.__dataclass_fields__
    for name in names:
        item = declared[name]
        flag, text = "--" + name.replace("_", "-"), item.metadata["help"]
        if isinstance(item.default, bool):
            parser.add_argument(flag, action=argparse.BooleanOptionalAction, default=None, help=text)
        else:
            parser.add_argument(
                flag, type=type(item.default), choices=item.metadata["choices"] or None, default=None, help=text
            )


def _load_settings(options: argparse.Namespace) -> Settings:
    given = {name: getattr(options, name) for name in Settings.__dataclass_fields__ if hasattr(options, name)}
    return Settings.load(**given)


def _search(options: argparse.Namespace) -> int:
    from reasonrank.pipeline import Pipeline, check_query

    settings = _load_settings(options)
    check_query(options.text, settings)
    pipeline = Pipeline(settings)
    with _progress() as progress:
        pipeline.prepare(progress=progress)
    ranking = _last(step.ranking for step in pipeline.search(options.text, queries=options.also))
    if options.json:
        from reasonrank.serialize import ranking_to_json

        sys.stdout.write(json.dumps(ranking_to_json(ranking), ensure_ascii=False) + "\n")
    else:
        from reasonrank.plain import ranking_to_text

        sys.stdout.write(ranking_to_text(ranking))
    return _report(ranking)


def _rerank(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from reasonrank.batch import CandidateList, fresh_output, resumed_output, side_by_side
    from reasonrank.formats import read_candidates
    from reasonrank.pipeline import Pipeline

    settings = _load_settings(options)
    if options.workers < 1:
        raise InputError(f"--workers is {options.workers}; it must be at least 1.")
    pipeline = Pipeline(settings)

    def ranked(one: CandidateList) -> Ranking:
        ranking = _last(step.ranking for step in pipeline.rerank(*one))
        if "score" in ranking.problems:
            # A run in the first stage's order under the student's name would be a wrong figure.
            raise ReasonRankError(f"query {one[0].query_id}: {ranking.problems['score']}")
        return ranking

    code = 0
    with (
        resumed_output(options.run, options.json_out, settings)
        if options.resume
        else fresh_output(options.run, options.json_out)
    ) as output:
        lists = output.missing(read_candidates(options.candidates))
        for ranking in tqdm(side_by_side(ranked, lists, options.workers), unit=" lists", file=sys.stderr):
            code = max(code, _report(ranking))
            output.write(ranking)
    return code


def _index(options: argparse.Namespace) -> int:
    from reasonrank.corpus import load_corpus
    from reasonrank.retrieval.store import open_retriever

    settings = _load_settings(options)
    corpus = load_corpus(settings.corpus, settings)
    with _progress() as progress:
        open_retriever(settings.retriever, corpus, settings, progress=progress, rebuild=options.rebuild)
    _say(f"The {settings.retriever} index of {corpus.name} ({len(corpus.documents):,} passages) is ready.")
    return 0


def _weights(options: argparse.Namespace) -> int:
    from reasonrank.engines.servable import servable, server_command
    from reasonrank.engines.weights import resolve

    settings = _load_settings(options)
    with _progress() as progress:
        ready = servable(resolve(settings), settings.cache, progress)
    sys.stdout.write(server_command(ready, options.port) + "\n")
    return 0


def _doctor(options: argparse.Namespace) -> int:
    from reasonrank.doctor import examine

    findings = examine(_load_settings(options))
    for finding in findings:
        sys.stdout.write(f"{'ok     ' if finding.works else 'MISSING'}  {finding.subject}: {finding.sentence}\n")
        if finding.advice:
            sys.stdout.write(f"         {finding.advice}\n")
    return 0 if all(finding.works or finding.optional for finding in findings) else 1


def _last(rankings: Iterator[Ranking]) -> Ranking:
    ranking: Ranking | None = None
    for ranking in rankings:  # noqa: B007  the last one is wanted
        pass
    if ranking is None:
        raise ReasonRankError("The search ended without a result.")
    return ranking


def _report(ranking: Ranking) -> int:
    for stage, sentence in ranking.problems.items():
        _say(f"reasonrank: {stage}: {sentence}")
    return 2 if ranking.problems else 0


@contextmanager
def _progress() -> Iterator[Callable[[str, float], None]]:
    """A progress bar on standard error that changes its title with the work."""
    from tqdm import tqdm

    with tqdm(total=100, file=sys.stderr, bar_format="{desc} {bar} {percentage:3.0f}%", leave=False) as bar:

        def tell(what: str, fraction: float) -> None:
            bar.set_description(what, refresh=False)
            bar.n = round(100 * fraction)
            bar.refresh()

        yield tell


def _say(text: Any) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    raise SystemExit(main())
