"""``reasonrank review`` from lists to records, on the real command line."""

import gzip
import json
from pathlib import Path

import pytest

from reasonrank.cli import main
from reasonrank.formats import read_candidates
from reasonrank.prompts import PROMPT_VERSION
from reasonrank.review.create import create_from_lists, rankings, send_to_review
from reasonrank.review.lead import Lead
from reasonrank.review.opening import open_review
from reasonrank.settings import Settings
from tests.review.helpers import ADA, LEAD, complete, scripted_ranking
from tests.scripted import ScriptedEngine
from tests.test_pipeline import ScriptedPipeline
from train.records import read_records

LISTS = [
    {"query_id": name, "query": f"why {name}", "candidates": [{"doc_id": d, "text": t} for d, t in texts.items()]}
    for name, texts in {"q1": {"a": "A poor text.", "b": "A good text."}, "q2": {"c": "A fair text."}}.items()
]


@pytest.fixture
def candidates(tmp_path: Path) -> Path:
    path = tmp_path / "lists.jsonl.gz"
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(line) + "\n" for line in LISTS)
    return path


def test_lists_become_a_set_that_is_exported_and_imported(
    candidates: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database = f"sqlite:///{tmp_path / 'review.sqlite'}"
    review = open_review(Settings(database=database))
    pipeline = ScriptedPipeline(Settings(explain=5))
    found = rankings(pipeline, read_candidates(candidates))
    made, count = create_from_lists(Lead(review, LEAD), "bulk", found, annotators_per_item=1)
    assert (made.student, made.engine, made.prompt_version, count) == ("script", "scripted", PROMPT_VERSION, 4)
    while (task := review.next_task(ADA, made.set_id)) is not None:
        changes = {"correct": 2, "supported": 2, "grade": 1} if task.item.kind == "reason" else {}
        complete(review, ADA, task, **changes)
    out = tmp_path / "out"
    arguments = ["review", "export", "--database", database, "--name", "bulk", "--out", str(out), "--format"]
    assert main([*arguments, "records"]) == 0
    assert [record.query.query_id for record in read_records(out)] == ["q1", "q2"]
    assert main([*arguments, "qrels"]) == 0
    assert out.read_text() == "q1 0 b 1\nq1 0 a 1\nq2 0 c 1\n"
    assert main([*arguments, "jsonl"]) == 0
    other = f"sqlite:///{tmp_path / 'other.sqlite'}"
    capsys.readouterr()
    assert main(["review", "import", str(out), "--database", other]) == 0
    assert main(["review", "list", "--database", other]) == 0
    assert capsys.readouterr().out == ("1 sets, 4 items, 8 events were new\nbulk\t4 items\t4 complete\tscript\n")


def test_a_failed_stage_makes_no_half_set(candidates: Path, tmp_path: Path) -> None:
    review = open_review(Settings(database=f"sqlite:///{tmp_path / 'review.sqlite'}"))
    pipeline = ScriptedPipeline(Settings(explain=1), lambda: ScriptedEngine(fail_on="stream"))
    with pytest.raises(Exception, match="query q1, explain: The script fails"):
        create_from_lists(Lead(review, LEAD), "bulk", rankings(pipeline, read_candidates(candidates)))
    assert review.store.sets() == ()


def test_what_is_on_the_page_is_sent_once(tmp_path: Path) -> None:
    lead = Lead(review := open_review(Settings(database=f"sqlite:///{tmp_path / 'review.sqlite'}")), LEAD)
    ranking = scripted_ranking()
    made, count = send_to_review(lead, "from the page", ranking, kinds=("reason", "document"), doc_ids=["z"])
    assert count == 1
    assert send_to_review(lead, "from the page", ranking, kinds=("pair",), doc_ids=["z", "y"]) == (made, 1)
    assert send_to_review(lead, "from the page", ranking) == (made, 2)
    assert send_to_review(lead, "from the page", ranking) == (made, 0)
    items = review.store.items(made.set_id)
    assert [(item.kind, item.position) for item in items] == [
        ("reason", 0),
        ("pair", 1),
        ("reason", 2),
        ("document", 3),
    ]
    assert items[0].content["made_by"] == {"student": "script", "engine": "scripted", "prompt_version": PROMPT_VERSION}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["create", "--candidates", "missing.jsonl"], "could not be read"),
        (["create", "--candidates", "missing.jsonl", "--student", "none"], "nothing to review"),
        (["create", "--candidates", "missing.jsonl", "--kinds", "letter"], "expected some of"),
        (["create", "--candidates", "missing.jsonl", "--depth", "0"], "depth is 0"),
        (["export", "--format", "csv", "--out", "out.csv"], "no review set yet"),
        (["export", "--format", "csv", "--out", "out.csv", "--name", "x"], "no review set named 'x'"),
        (["import", "missing.jsonl"], "could not be read"),
        (["list", "--database", "mysql://x/y"], "expected sqlite or postgresql"),
    ],
)
def test_errors_are_one_sentence(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["review", *arguments, "--cache", str(tmp_path)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert words in captured.err
    assert "Traceback" not in captured.err


def test_passwords_come_from_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse\n"))
    people = tmp_path / "people"
    assert main(["review", "password", "Lea", "--file", str(people), "--role", "lead"]) == 0
    assert people.read_text().startswith("Lea\tlead\t$argon2id$")
