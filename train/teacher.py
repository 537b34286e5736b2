"""A teacher's judgements of candidate lists: ``python -m train.teacher --candidates F --out R --server URL --model M``.

Any OpenAI-compatible server (vLLM, a hosted one, llama.cpp on this machine) is asked, once a list, for each passage's
label 0/1/2, deciding sentence and direct reason, for the order, and for comparative reasons. The form is
Reason-to-Rank's (arXiv 2410.05168) on InteRank's labels (arXiv 2504.03947), with these departures:

1. One request a list, answered as JSON by a schema where the server takes one; our own parser is strict in any case.
2. The deciding sentence must stand in the passage; what fails that, or anything else, goes to a second file with the
   reason, and never into a record.
3. Comparative reasons are written for named pairs, so that each can be trained in both orders of presentation.

Beside ``R.jsonl`` lie ``R.replies.jsonl`` (every reply, written before anything is made of it), ``R.rejects.jsonl``
and ``R.config.json``. Run the same command again after a stop of any kind: nothing that was answered is asked again.
Records from elsewhere are brought into the same shape without a server: ``--import FILE``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from reasonrank.errors import InputError, ReasonRankError
from reasonrank.formats import open_text, read_candidates
from reasonrank.prompts import PROMPT_VERSION, TEACHER_VERSION
from train.asking import Asked, AskOptions, Replies, ask_all
from train.commit import git_commit
from train.endpoint import STRUCTURED, Endpoint, EndpointOptions, Reply, Request
from train.imported import imported_record
from train.journal import Journal
from train.judging import Judged, ListToJudge, Reject, judge_reply, request_for
from train.outcome import OutputFiles, check_complete, counted, tally_summary
from train.record_lines import record_line, write_json_lines
from train.records import TeacherRecord

CHANGEABLE = ("server", "concurrency", "attempts", "price_in", "price_out", "max_cost", "timeout", "retries", "commit")
"""Settings that a run may be continued with: they change no request."""
DEFAULT_ASKING = AskOptions()


@dataclass(frozen=True, slots=True)
class TeacherConfig:
    """One run of the teacher.

    Args:
        candidates: The lists to judge.
        out: The records.
        endpoint: The server and how it is asked.
        asking: How many at a time, and what they may cost.
        documents: So many candidates of each list are judged, from its top.
        comparisons: Comparative reasons a list.
        max_words: Words of a passage that the teacher reads.
        lists: Only the first so many lists; 0 takes all.
    """

    candidates: Path
    out: Path
    endpoint: EndpointOptions
    asking: AskOptions = DEFAULT_ASKING
    documents: int = 8
    comparisons: int = 3
    max_words: int = 300
    lists: int = 0

    def __post_init__(self) -> None:
        if self.documents < 1 or self.max_words < 1 or min(self.comparisons, self.lists) < 0:
            raise InputError("--documents and --max-words count from 1; --comparisons and --lists are not negative.")

    def saved(self) -> dict[str, Any]:
        """What is saved beside the records: everything but keys and folders."""
        return {
            "candidates": self.candidates.name,
            **asdict(self.endpoint),
            **asdict(self.asking),
            "documents": self.documents,
            "comparisons": self.comparisons,
            "max_words": self.max_words,
            "prompt_version": PROMPT_VERSION,
            "teacher_version": TEACHER_VERSION,
            "commit": git_commit(),
        }


def teach(config: TeacherConfig) -> dict[str, Any]:
    """Judge all lists that have no judgement yet; returns a summary of all that there is.

    Raises:
        ReasonRankError: A file or flag is not as expected, the server will not serve, or lists are left open.
    """
    files = OutputFiles.of(config.out)
    lists = read_lists(config)
    with files.locked():
        files.keep_config(config.saved(), (*CHANGEABLE, "candidates"))
        replies = Replies.read(files.replies)
        strangers = replies.by_key.keys() - lists.keys()
        if strangers:
            raise InputError(
                f"{files.replies.name} holds replies for {len(strangers)} lists that {config.candidates.name} does not "
                "have; give the same file (it may have grown), or choose another --out."
            )
        work = _Work(config, files, lists, replies)
        asked = Asked({}, {})
        try:
            work.write()
            asked = work.ask()
        finally:
            work.write(asked)
    open_lists = work.open_lists(asked)
    summary = work.summary(asked, open_lists)
    sys.stderr.write(f"{replies.tally.words(config.asking)}\n")
    if open_lists:
        sys.stderr.write(json.dumps(summary) + "\n")
    check_complete(asked, open_lists)
    return summary


def read_lists(config: TeacherConfig) -> dict[str, ListToJudge]:
    """The lists by their key, each cut to the documents that are judged; the same list twice is one.

    Raises:
        InputError: The file is not as expected, or holds no list.
    """
    lists: dict[str, ListToJudge] = {}
    for query, candidates in read_candidates(config.candidates):
        if candidates:
            one = ListToJudge(query, tuple(candidate.document for candidate in candidates[: config.documents]))
            lists.setdefault(one.key, one)
        if config.lists and len(lists) == config.lists:
            break
    if not lists:
        raise InputError(f"{config.candidates.name} holds no list with candidates; expected at least one.")
    return lists


class _Work:
    """What is made of the replies, as they come."""

    def __init__(
        self, config: TeacherConfig, files: OutputFiles, lists: dict[str, ListToJudge], replies: Replies
    ) -> None:
        self._config, self._files, self._lists, self._replies = config, files, lists, replies
        self._requests = [request_for(one, config.comparisons, config.max_words) for one in lists.values()]
        self._judged: dict[tuple[str, int], Judged] = {}

    def ask(self) -> Asked:
        options = self._config.endpoint
        with Journal(self._files.out) as records, Journal(self._files.rejects) as rejects:

            def told(request: Request) -> None:
                record = self._record(request.key)
                if record is not None:
                    records.append(record_line(record))
                for line in self._reject_lines(request.key):
                    rejects.append(line)

            return ask_all(
                self._requests,
                lambda: Endpoint(options),
                self._files.replies,
                self._replies,
                self._usable,
                self._config.asking,
                told,
            )

    def write(self, asked: Asked | None = None) -> None:
        """Records and rejects from the journal, in the order of the lists."""
        write_json_lines(self._files.out, (record_line(record) for record in self._records()))
        refused = asked.refused if asked else {}
        write_json_lines(
            self._files.rejects,
            (line for key in self._lists for line in (*self._reject_lines(key), *self._refusal(key, refused))),
        )

    def open_lists(self, asked: Asked) -> int:
        """How many lists can still be asked."""
        attempts = self._config.asking.attempts
        return sum(
            not self._replies.is_settled(request, self._usable, attempts) and request.key not in asked.refused
            for request in self._requests
        )

    def summary(self, asked: Asked, open_lists: int) -> dict[str, Any]:
        """Counts for people and logs."""
        records = list(self._records())
        rejects = [line for key in self._lists for line in self._reject_lines(key)]
        whole = [line for line in rejects if line["part"] == "reply"]
        tally = self._replies.tally
        return {
            "lists": len(self._lists),
            "records": len(records),
            "lists_rejected": len(self._lists) - len(records) - open_lists - len(asked.refused),
            "lists_refused": len(asked.refused),
            "lists_open": open_lists,
            "reasons": sum(len(record.reasons) for record in records),
            "comparisons": sum(len(record.comparisons) for record in records),
            "labels": {str(grade): _count(records, grade) for grade in (0, 1, 2)},
            "replies_rejected": counted(line["why"] for line in whole),
            "parts_rejected": counted(line["why"] for line in rejects if line["part"] != "reply"),
            **tally_summary(tally, tally.cost(self._config.asking)),
        }

    def _usable(self, request: Request, reply: Reply) -> bool:
        return self._judge(reply).record is not None

    def _judge(self, reply: Reply) -> Judged:
        place = (reply.key, reply.attempt)
        if place not in self._judged:
            self._judged[place] = judge_reply(self._lists[reply.key], reply, self._config.endpoint.model)
        return self._judged[place]

    def _record(self, key: str) -> TeacherRecord | None:
        judged = (self._judge(reply) for reply in self._replies.by_key.get(key, []))
        return next((one.record for one in judged if one.record is not None), None)

    def _records(self) -> Iterator[TeacherRecord]:
        return (record for record in map(self._record, self._lists) if record is not None)

    def _reject_lines(self, key: str) -> list[dict[str, Any]]:
        return [
            reject_line(self._lists[key].query.query_id, reject, reply.attempt)
            for reply in self._replies.by_key.get(key, [])
            for reject in self._judge(reply).rejects
        ]

    def _refusal(self, key: str, refused: Any) -> list[dict[str, Any]]:
        if key not in refused:
            return []
        return [reject_line(self._lists[key].query.query_id, Reject("request", refused[key], ""), 0)]


def reject_line(query_id: str, reject: Reject, attempt: int) -> dict[str, Any]:
    """A line of the second file."""
    return {"query_id": query_id, "attempt": attempt, "part": reject.part, "why": reject.why, "text": reject.text}


def import_records(path: Path, out: Path) -> dict[str, Any]:
    """Bring ready records into shape (:mod:`train.imported`); returns counts.

    Raises:
        InputError: The file is not as expected; the message names the line.
        MissingDependencyError: ftfy is missing.
    """
    files = OutputFiles.of(out)
    records: list[TeacherRecord] = []
    rejects: list[dict[str, Any]] = []
    with open_text(path) as lines:
        for number, text in enumerate(lines, start=1):
            if not text.strip():
                continue
            try:
                line = json.loads(text)
                if not isinstance(line, dict):
                    raise InputError("expected a JSON object")
                judged = imported_record(line)
            except (ValueError, RecursionError) as error:
                raise InputError(f"{path.name}, line {number}: not valid JSON ({error}).") from error
            except InputError as error:
                raise InputError(f"{path.name}, line {number}: {error}. Mend or remove the line.") from error
            if judged.record is not None:
                records.append(judged.record)
                rejects += [reject_line(judged.record.query.query_id, reject, 0) for reject in judged.rejects]
    with files.locked():
        write_json_lines(files.out, map(record_line, records))
        write_json_lines(files.rejects, rejects)
    return {
        "records": len(records),
        "reasons": sum(len(record.reasons) for record in records),
        "evidence": sum(bool(one.evidence) for record in records for one in record.reasons.values()),
        "comparative_kept": sum(bool(one.comparative) for record in records for one in record.reasons.values()),
        "comparisons": sum(len(record.comparisons) for record in records),
        "rejected": counted(line["part"].split(" of ")[0] + ": " + line["why"] for line in rejects),
    }


def _count(records: Sequence[TeacherRecord], grade: int) -> int:
    return sum(label == grade for record in records for label in record.labels.values())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m train.teacher", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="the records, a .jsonl file")
    parser.add_argument("--candidates", type=Path, help="candidate lists, JSON lines, .gz or not")
    parser.add_argument("--import", dest="imported", type=Path, help="ready records to bring into shape instead")
    parser.add_argument("--documents", type=int, default=8, help="judge so many candidates of each list (8)")
    parser.add_argument("--comparisons", type=int, default=3, help="comparative reasons a list (3)")
    parser.add_argument("--max-words", type=int, default=300, help="words of a passage that the teacher reads (300)")
    parser.add_argument("--lists", type=int, default=0, help="only the first so many lists, for a trial")
    add_endpoint_flags(parser)
    return parser


def add_endpoint_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of a server, for every stage that asks one."""
    group = parser.add_argument_group("the server")
    group.add_argument("--server", help="base URL of an OpenAI-compatible server, with /v1")
    group.add_argument("--model", help="the model's name there")
    group.add_argument("--api-key-variable", default="OPENAI_API_KEY", help="environment variable that holds the key")
    group.add_argument("--structured", default="auto", choices=("auto", *STRUCTURED), help="how JSON is asked for")
    group.add_argument("--temperature", type=float, default=0.0, help="of the first attempt; each further adds 0.3")
    group.add_argument("--max-tokens", type=int, default=0, help="longest answer; 0 leaves it to the server")
    group.add_argument("--timeout", type=float, default=300.0, help="seconds for one try")
    group.add_argument("--retries", type=int, default=6, help="further tries after a busy or silent server")
    group.add_argument("--body", type=json.loads, default={}, help="more fields of the request, as JSON")
    group.add_argument("--concurrency", type=int, default=8, help="requests at a time")
    group.add_argument("--attempts", type=int, default=2, help="how often a list is asked when its reply is rejected")
    group.add_argument("--price-in", type=float, default=0.0, help="price of a million prompt tokens")
    group.add_argument("--price-out", type=float, default=0.0, help="price of a million answer tokens")
    group.add_argument("--max-cost", type=float, default=0.0, help="begin nothing once this is spent; 0 sets no limit")


def endpoint_options(options: argparse.Namespace) -> EndpointOptions:
    """What the flags say of the server.

    Raises:
        InputError: One is missing or cannot be meant.
    """
    if not options.server or not options.model:
        raise InputError("Give --server (a base URL with /v1) and --model (the model's name there).")
    if not options.server.startswith(("http://", "https://")):
        raise InputError(f"--server is {options.server!r}; expected a URL such as http://127.0.0.1:8000/v1.")
    if not isinstance(options.body, dict):
        raise InputError(f"--body is {options.body!r}; expected a JSON object.")
    if options.timeout <= 0 or min(options.retries, options.max_tokens) < 0 or options.temperature < 0:
        raise InputError("--timeout is above 0; --retries, --max-tokens and --temperature are not negative.")
    return EndpointOptions(
        server=options.server,
        model=options.model,
        api_key_variable=options.api_key_variable,
        structured=options.structured,
        temperature=options.temperature,
        max_tokens=options.max_tokens,
        timeout=options.timeout,
        retries=options.retries,
        body=options.body,
    )


def ask_options(options: argparse.Namespace) -> AskOptions:
    """What the flags say of how many requests there may be.

    Raises:
        InputError: One cannot be meant.
    """
    return AskOptions(options.concurrency, options.attempts, options.price_in, options.price_out, options.max_cost)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line: a summary as JSON on standard output; errors are one sentence and exit code 2."""
    options = _parser().parse_args(arguments)
    try:
        if (options.imported is None) == (options.candidates is None):
            raise InputError("Give either --candidates with a --server, or --import.")
        if options.imported is not None:
            summary = import_records(options.imported, options.out)
        else:
            config = TeacherConfig(
                options.candidates,
                options.out,
                endpoint_options(options),
                ask_options(options),
                options.documents,
                options.comparisons,
                options.max_words,
                options.lists,
            )
            summary = teach(config)
    except ReasonRankError as error:
        sys.stderr.write(f"train.teacher: {error}\n")
        return 2
    sys.stdout.write(json.dumps(summary, indent=2, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
