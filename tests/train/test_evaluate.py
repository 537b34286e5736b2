"""Evaluation from files and public collections, kept judgements, both modes, and two runs set against each other."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import write_lines
from ir_datasets.datasets.bright import BrightDocs, BrightQrels, BrightQueries

from reasonrank.data import Candidate, Document
from reasonrank.errors import InputError
from train.benchmarks import benchmark_of, cutoff_of, load_judgements, without
from train.compare_runs import compare, differences, plot, read_per_query
from train.compare_runs import main as compare_main
from train.evaluate import main

# -- a collection of BRIGHT's shape ---------------------------------------------------------------------------------


class Parquet(SimpleNamespace):
    """A downloaded file of ir_datasets."""

    def path(self, force: bool = True) -> str:
        return str(self.file)


def parquet(path: Path, rows: list[dict[str, Any]]) -> Parquet:
    import pyarrow
    from pyarrow import parquet as files

    files.write_table(pyarrow.Table.from_pylist(rows), str(path))
    return Parquet(file=path)


def example(number: str, query: str, gold: list[str], excluded: list[str]) -> dict[str, Any]:
    """A row of BRIGHT's examples."""
    return {
        "id": number,
        "query": query,
        "reasoning": "",
        "excluded_ids": excluded,
        "gold_ids_long": ["N/A"],
        "gold_ids": gold,
        "gold_answer": "",
    }


@pytest.fixture
def bright(tmp_path: Path) -> Any:
    """BRIGHT's own reader over a few rows: the gold passage of query 1 is also excluded for it by mistake."""
    texts = {"a/1.txt": "moths and lamps", "a/2.txt": "moths by the moon", "b/3.txt": "rain", "b/4.txt": "moths eat"}
    docs = parquet(tmp_path / "docs.parquet", [{"id": key, "content": text} for key, text in texts.items()])
    rows = [
        example("0", "why do moths\n circle lamps", ["a/2.txt"], ["a/1.txt"]),
        example("1", "what eats " + "moths " * 20, ["b/4.txt", "b/3.txt"], ["b/3.txt"]),
        example("2", "nothing is excluded", ["b/3.txt"], ["N/A"]),
    ]
    queries = parquet(tmp_path / "queries.parquet", rows)

    class Collection(BrightDocs, BrightQueries, BrightQrels):
        def __init__(self) -> None:
            BrightDocs.__init__(self, "tiny", docs)
            BrightQueries.__init__(self, queries)

    return Collection()


def test_brights_excluded_ids_are_removed_before_the_cut(bright: Any) -> None:
    documents = [Document(str(one["id"]), one["text"]) for one in (
        {"id": "a/1.txt", "text": "moths and lamps"}, {"id": "a/2.txt", "text": "moths by the moon"},
        {"id": "b/3.txt", "text": "rain"}, {"id": "b/4.txt", "text": "moths eat"})]  # fmt: skip
    asked: list[tuple[str, int]] = []

    def retrieve(query: str, k: int) -> list[Candidate]:
        asked.append((query, k))
        return [Candidate(one, rank, 9.0 - rank, "bm25") for rank, one in enumerate(documents[:k], start=1)]

    found = benchmark_of("bright/tiny", bright, retrieve, depth=2, most_chars=40)
    # The excluded one is asked for in addition, so that two candidates are left.
    assert [k for _, k in asked] == [3, 3, 2]
    ids = {query.query_id: [(c.rank, c.document.doc_id) for c in listed] for query, listed in found.lists}
    assert ids == {
        "0": [(1, "a/2.txt"), (2, "b/3.txt")],
        "1": [(1, "a/1.txt"), (2, "a/2.txt")],
        "2": [(1, "a/1.txt"), (2, "a/2.txt")],
    }
    assert found.qrels == {"0": {"a/2.txt": 1}, "1": {"b/4.txt": 1}, "2": {"b/3.txt": 1}}
    assert found.lists[0][0].text == "why do moths circle lamps"
    assert (found.cut_queries, len(found.lists[1][0].text), found.cutoff) == (1, 40, 1)


def test_a_collection_without_judgements_is_refused() -> None:
    empty = SimpleNamespace(queries_iter=lambda: [SimpleNamespace(query_id="q", text="t")], qrels_iter=list)
    with pytest.raises(InputError, match="no judged query"):
        benchmark_of("x", empty, lambda query, k: [], 5, 100)


def test_deep_learning_counts_from_grade_two() -> None:
    assert [cutoff_of(name) for name in ("msmarco-passage/trec-dl-2020/judged", "bright/biology")] == [2, 1]


def test_names_that_are_no_judged_collection() -> None:
    with pytest.raises(InputError, match="no collection 'nowhere'"):
        load_judgements("nowhere")
    with pytest.raises(InputError, match="no judged queries"):
        load_judgements("beir/scifact")  # its queries have no judgements; its parts have


def test_ranks_are_counted_anew() -> None:
    listed = [Candidate(Document(name, name), rank, 1.0, "bm25") for rank, name in enumerate("abc", start=1)]
    assert [(c.document.doc_id, c.rank) for c in without(listed, frozenset("a"))] == [("b", 1), ("c", 2)]


# -- the command ---------------------------------------------------------------------------------------------------


@pytest.fixture
def task(tmp_path: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Flags of an evaluation of the tiny model on two lists; a third judged query has no list."""
    monkeypatch.setenv("REASONRANK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("REASONRANK_MAX_REASON_TOKENS", "8")
    lines = [
        {
            "query_id": q,
            "query": f"query {q} ",
            "candidates": [{"doc_id": f"{q}{n}", "text": f"text {n}"} for n in "ab"],
        }
        for q in ("1", "2")
    ]
    candidates = write_lines(tmp_path / "lists.jsonl", lines)
    qrels = tmp_path / "judged.qrels"
    qrels.write_text("1 0 1a 2\n1 0 1b 0\n2 0 2b 1\n3 0 3a 1\n")
    flags = ["--candidates", str(candidates), "--qrels", str(qrels), "--student", str(tiny_folder)]
    return [*flags, "--engine", "transformers", "--device", "cpu"]


def run(flags: list[str], capsys: pytest.CaptureFixture[str]) -> Any:
    assert main(flags) == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def test_a_second_run_reads_kept_judgements_also_in_another_order(
    task: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    first = run([*task, "--out", str(out)], capsys)
    assert (first["queries"], first["lists"], first["rel_cutoff"]) == (3, 2, 1)  # the query without a list counts
    kept = (out / "judgements.jsonl").read_text()
    assert len(kept.splitlines()) == 2
    assert run([*task, "--out", str(out)], capsys) == first
    # A judgement that was changed in the file is what counts: nothing is scored again.
    changed = [json.loads(line) for line in kept.splitlines()]
    for line in changed:
        for doc_id, judgement in line["judgements"].items():
            judgement["label_probabilities"] = [0.0, 0.0, 1.0] if doc_id in ("1b", "2b") else [1.0, 0.0, 0.0]
    write_lines(out / "judgements.jsonl", changed)
    second = run([*task, "--out", str(out), "--order", "fused"], capsys)
    assert second["order_by"] == "fused"
    third = run([*task, "--out", str(out)], capsys)
    assert [line.split()[2] for line in (out / "run.trec").read_text().splitlines()] == ["1b", "1a", "2b", "2a"]
    assert third["measures"]["P@5"] == pytest.approx((1 + 1 + 0) / 5 / 3)
    assert main([*task, "--out", str(out), "--mode", "reason_then_score"]) == 2
    assert "another mode" in capsys.readouterr().err


def test_the_other_judging_mode_scores_every_document(
    task: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = run([*task, "--mode", "reason_then_score", "--out", str(tmp_path / "out")], capsys)
    assert (found["mode"], found["order_by"], found["lists"]) == ("reason_then_score", "expected_grade", 2)


def test_what_is_missing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "--dataset" in capsys.readouterr().err


# -- two runs ------------------------------------------------------------------------------------------------------


def folder_of(path: Path, ours: list[float], first: list[float]) -> Path:
    path.mkdir()
    with (path / "per_query.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["query_id", "nDCG@10", "first_stage nDCG@10"])
        table.writerows([str(n), a, b] for n, (a, b) in enumerate(zip(ours, first, strict=True)))
    return path


def test_two_runs_are_set_against_each_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ours = folder_of(tmp_path / "ours", [0.5, 0.75, 0.25, 1.0], [0.25, 0.75, 0.5, 0.5])
    theirs = folder_of(tmp_path / "theirs", [0.25, 0.75, 0.5, 0.5], [0.0] * 4)
    found = compare(read_per_query(ours), read_per_query(theirs))["nDCG@10"]
    assert (found["ours"], found["theirs"]) == (0.625, 0.5)
    assert found["difference"]["mean"] == pytest.approx(0.125)
    assert found["difference"]["low"] < 0.125 < found["difference"]["high"]
    assert (found["better"], found["equal"], found["worse"]) == (2, 1, 1)
    # Sign flips of the differences 0.25, 0, -0.25, 0.5: 12 of 16 reach a mean as far from 0 as 0.125.
    assert found["p"] == pytest.approx(12 / 16)
    assert compare_main([str(ours), str(theirs), "--out", str(tmp_path / "c")]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads((tmp_path / "c" / "comparison.json").read_text())
    assert (tmp_path / "c" / "differences.svg").read_text().count("<svg") == 1
    # Without a second run, the first stage of the same.
    assert compare_main([str(ours)]) == 0
    assert json.loads(capsys.readouterr().out)["nDCG@10"]["theirs"] == 0.5


def test_the_largest_gain_comes_first_and_a_plot_has_a_bar_for_each_query(tmp_path: Path) -> None:
    change = differences({"a": 0.5, "b": 1.0, "c": 0.0}, {"a": 0.5, "b": 0.25, "c": 0.5})
    assert list(change.items()) == [("b", 0.75), ("a", 0.0), ("c", -0.5)]
    plot(change, "nDCG@10", tmp_path / "p.png", ("ours", "theirs"))
    assert (tmp_path / "p.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "no per_query.csv"),  # not there
        ("query_id,nDCG@10\n1,much\n", "no per_query.csv"),  # no number
        ("query_id,nDCG@10\n", "no values"),  # no query
        ("query_id,nDCG@10\n1,0.5\n", "different queries"),
        ("query_id,MRR\n0,0.5\n", "share no measure"),
    ],
)
def test_runs_that_cannot_be_compared(tmp_path: Path, text: str | None, words: str) -> None:
    ours = read_per_query(folder_of(tmp_path / "ours", [0.5], [0.5]))
    (tmp_path / "other").mkdir()
    if text is not None:
        (tmp_path / "other" / "per_query.csv").write_text(text)
    with pytest.raises(InputError, match=words):
        compare(ours, read_per_query(tmp_path / "other"))
