"""The student as vLLM loads it, and what the doctor says of servers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from completions_server import CompletionsServer, Reply, legacy, serving

from reasonrank.data import Document, Judgement
from reasonrank.doctor import Finding, examine
from reasonrank.engines.base import Choice
from reasonrank.engines.load import load_engine
from reasonrank.engines.servable import Servable, lora_room, servable, server_command
from reasonrank.engines.weights import Weights
from reasonrank.errors import EngineError, InputError, MissingDependencyError
from reasonrank.models import AdapterInfo
from reasonrank.settings import Settings
from reasonrank.student import Student
from reasonrank.uncertainty import judgement_doubts
from tests.scripted import ScriptedEngine


def adapter(folder: Path, rank: object) -> AdapterInfo:
    folder.mkdir()
    (folder / "adapter_config.json").write_text(json.dumps({"r": rank}))
    return AdapterInfo(folder, None, None, None, "my student")


def test_an_adapter_is_served_beside_its_base_under_its_name(tmp_path: Path) -> None:
    weights = Weights("org/base", adapter(tmp_path / "lora", 12), "shown")
    ready = servable(weights, tmp_path)
    assert ready == Servable("org/base", tmp_path / "lora", "my student", 12, "shown")
    assert server_command(ready, 81) == (
        "vllm serve org/base --port 81 --enable-lora --max-lora-rank 16 "
        f"--lora-modules 'my student={tmp_path / 'lora'}'"
    )
    assert server_command(servable(Weights("a b", None, "b"), tmp_path)) == "vllm serve 'a b' --port 8000"


def test_an_adapter_without_a_rank_or_beyond_vllms_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="does not say its rank"):
        servable(Weights("base", adapter(tmp_path / "one", "many"), ""), tmp_path)
    assert [lora_room(rank) for rank in (1, 8, 9, 512)] == [8, 8, 16, 512]
    with pytest.raises(InputError, match="rank 513"):
        lora_room(513)


def test_vllm_in_process_says_how_to_install_it(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    with pytest.raises(MissingDependencyError, match=r"pip install 'reasonrank\[vllm\]'"):
        load_engine(Settings(cache=tmp_path, student=str(folder), engine="vllm"))


def engine_line(settings: Settings) -> Finding:
    [line] = [finding for finding in examine(settings) if finding.subject == "Engine"]
    return line


def test_the_doctor_asks_the_servers(tmp_path: Path, tiny_folder: Path) -> None:
    said = legacy({" 2": -0.5, " 1": -2.0, " the": -3.0})
    settings = Settings(cache=tmp_path, base=str(tiny_folder), student="base", engine="openai")
    assert "No server is named" in engine_line(settings).sentence
    with serving(CompletionsServer(lambda body: Reply(said)), CompletionsServer(lambda body: Reply(said))) as servers:
        line = engine_line(replace(settings, server=servers))
        assert line.works and line.sentence.startswith("openai, 2 servers serves m; asked for grades, it tells them")
        assert "upper bounds" in line.sentence
    with serving(CompletionsServer(lambda body: Reply({"choices": [{"text": "2"}]}))) as server:
        line = engine_line(replace(settings, server=server))
        assert not line.works and "no log-probabilities" in line.sentence


def test_a_bound_and_an_estimate_reach_the_judgement_and_its_doubts() -> None:
    class Bounding(ScriptedEngine):
        def choose(self, prompts, choices, cancel=lambda: False):  # type: ignore[no-untyped-def]
            return [Choice((0.01, 0.3, 0.69), 0.8, bounded=(0,), drawn=20) for _ in prompts]

    [judgement] = Student(Bounding(), Settings()).score("q", [Document("a", "A text.")])
    assert judgement == Judgement((0.01, 0.3, 0.69), 0.8, False, 1, (0,), 20)
    doubts = {doubt.name: doubt.sentence for doubt in judgement_doubts(judgement)}
    assert set(doubts) == {"bounded_grades", "drawn_grades"}
    assert "did not list grade 0 among" in doubts["bounded_grades"]
    assert "estimate from 20 grades" in doubts["drawn_grades"]
    exact = replace(judgement, bounded=(), drawn=0)
    assert judgement_doubts(exact) == ()
