"""The command line on real files without a model: contract, exit codes, and where output goes."""

import gzip
import json
from pathlib import Path

import pytest

from reasonrank.cli import main

LISTS = [
    {
        "query_id": "1",
        "query": "why do moths circle a lamp",
        "candidates": [
            {"doc_id": "b", "text": "Lamps are sold in shops.", "score": 2.5},
            {"doc_id": "a", "text": "Moths keep their back to the light.", "score": 2.5},
        ],
    },
    {"query_id": "2", "query": "yeast", "candidates": [{"doc_id": "c", "text": "Yeast makes gas."}]},
]


@pytest.fixture
def candidates(tmp_path: Path) -> Path:
    path = tmp_path / "lists.jsonl.gz"
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(line) + "\n" for line in LISTS)
    return path


def test_rerank_without_a_student_writes_the_first_stages_run(candidates: Path, tmp_path: Path) -> None:
    run, objects = tmp_path / "out.trec", tmp_path / "out.jsonl"
    arguments = ["rerank", "--candidates", str(candidates), "--run", str(run), "--json-out", str(objects)]
    assert main([*arguments, "--student", "none"]) == 0
    # A tie is broken by doc_id, in the run as in the list.
    assert [line.split()[:4] for line in run.read_text().splitlines()] == [
        ["1", "Q0", "a", "1"],
        ["1", "Q0", "b", "2"],
        ["2", "Q0", "c", "1"],
    ]
    first, second = map(json.loads, objects.read_text().splitlines())
    assert (first["query_id"], first["order_by"], first["student"]) == ("1", "given", "none")
    assert [document["doc_id"] for document in first["documents"]] == ["a", "b"]
    assert second["documents"][0]["score"] is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["search", "  "], "The question is empty"),
        (["search", "x" * 5000], "5,000 characters"),
        (["search", "why", "--corpus", "no-such-corpus"], "There is no corpus"),
        (["search", "why", "--corpus", "missing.csv"], "missing.csv"),
        (["search", "why", "--k", "0"], "k is 0"),
        (["rerank", "--candidates", "missing.jsonl", "--run", "out.trec", "--student", "none"], "could not be read"),
    ],
)
def test_errors_are_one_sentence_on_standard_error(
    arguments: list[str],
    words: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert words in captured.err
    assert "Traceback" not in captured.err


def test_a_failed_rerank_leaves_no_run_behind(tmp_path: Path) -> None:
    path, run = tmp_path / "lists.jsonl", tmp_path / "out.trec"
    path.write_text(json.dumps(LISTS[0]) + "\n{broken\n", encoding="utf-8")
    assert main(["rerank", "--candidates", str(path), "--run", str(run), "--student", "none"]) == 2
    assert [entry.name for entry in tmp_path.iterdir()] == ["lists.jsonl"]


def test_unknown_choices_are_refused_by_the_parser() -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["search", "why", "--retriever", "magic"])
    assert stopped.value.code == 2
