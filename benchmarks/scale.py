"""How retrieval's cost grows with the corpus: time to index, size on disk, latency and memory, for each system.

    python -m benchmarks.scale --medquad FILE [--sizes 1000 10000] [--systems lucene ...] [--encoded 1000]
    python -m benchmarks.scale --table

FILE has JSON lines with doc_id, question and answer, .gz or not. Beyond its size its passages are recombined: the first
half of one and the second half of another. Vectors are made by perturbing those of the first ``--encoded`` passages:
real ones, moved by noise of 0.6 of their length, so that a vector keeps a cosine of about 0.86 to where it came from.
Encoding itself is therefore in none of these figures.

Each row, one system at one size, is measured by two processes of its own, one that builds and one that searches, and
appended to ``benchmarks/scale.jsonl``; what is there already is not measured again. Memory is what a process has at
most beyond what it has with the passages in it, libraries among it, as Linux tells it; of an index that is mapped into
memory (Lucene's) the pages that were touched. Latency is of one question after another, of the best 20, encoding not
counted; the time to the first answer is that of opening the index too.
The table goes to standard output, the plot to ``assets/scale.svg``.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks.medquad import corpus_of, read
from reasonrank.corpora.base import Corpus
from reasonrank.data import Document
from reasonrank.encoder import Encoder, EncoderIdentity
from reasonrank.retrieval.base import Retriever
from reasonrank.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "scale.jsonl"
PLOT = ROOT / "assets" / "scale.svg"
SYSTEMS = {
    "lucene": "Lucene BM25",
    "faiss": "FAISS exact",
    "faiss-hnsw": "FAISS HNSW",
    "milvus-lite": "Milvus Lite",
}
SIZES = (1_000, 10_000, 100_000, 1_000_000)
QUERIES, WARM, K = 200, 20, 20
NOISE = 0.6
BLOCK = 4096
HNSW_M, HNSW_BUILD, HNSW_SEARCH = 16, 200, 128


@dataclass(frozen=True)
class Latency:
    """Of one question, in milliseconds; ``recall`` is the share of the exact ten that were found, where not exact."""

    median_ms: float
    p99_ms: float
    recall: float | None = None


@dataclass(frozen=True)
class Row:
    """One system at one size; ``failed`` says why there are no figures.

    ``load`` is the machine's load average before the row: above the number of processors, its times are not to be
    believed.
    """

    system: str
    passages: int
    date: str
    load: float = 0.0
    index_s: float = 0.0
    index_mb: float = 0.0
    build_mb: float = 0.0
    search_mb: float = 0.0
    passages_mb: float = 0.0
    open_s: float = 0.0
    searches: dict[str, Latency] = field(default_factory=dict)
    failed: str = ""

    @property
    def is_busy(self) -> bool:
        return self.load > (os.cpu_count() or 1)


@dataclass(frozen=True)
class Work:
    """What a measuring process is told."""

    system: str
    passages: int
    vectors: str
    folder: str

    @property
    def passages_file(self) -> Path:
        return Path(self.folder) / "passages.jsonl"

    @property
    def questions_file(self) -> Path:
        return Path(self.folder) / "questions.json"


# -- what is indexed -----------------------------------------------------------------------------------------------


def grown(documents: Sequence[Document], passages: int) -> Iterator[Document]:
    """So many passages: the real ones, then the first half of one with the second half of another."""
    draw = random.Random(0)
    for number in range(passages):
        if number < len(documents):
            text = documents[number].text
        else:
            first, second = (draw.choice(documents).text.split() for _ in range(2))
            text = " ".join(first[: len(first) // 2] + second[len(second) // 2 :])
        yield Document(f"p{number:08d}", text)


class Perturbed(Encoder):
    """Vectors without encoding: of a passage by its place in the corpus, of a question by its place among them.

    Args:
        real: Vectors of length 1, shape (encoded, dimensions).
        corpus: The passages.
        questions: The questions.
    """

    identity = EncoderIdentity("perturbed", "1")

    def __init__(self, real: Any, corpus: Corpus, questions: Sequence[str]) -> None:
        self._real = real
        self.dimensions = real.shape[1]
        self._passages = {document.text: row for row, document in enumerate(corpus.documents)}
        self._questions = {text: row for row, text in enumerate(questions)}
        self.seconds = 0.0
        """Spent here so far, which is no part of indexing."""

    def vector(self, place: int, seed: int = 0) -> Any:
        """One vector of length 1, shape (dimensions,), always the same for the same place and seed."""
        import numpy as np

        noise = np.random.default_rng((seed, place)).standard_normal(self.dimensions)
        moved = self._real[place % len(self._real)] + noise * (NOISE / np.linalg.norm(noise))
        return (moved / np.linalg.norm(moved)).astype(np.float32)

    def passages(self, start: int, end: int) -> Any:
        """Vectors of the passages from ``start`` to before ``end``, shape (end - start, dimensions)."""
        import numpy as np

        started = time.perf_counter()
        found = np.stack([self.vector(place) for place in range(start, end)])
        self.seconds += time.perf_counter() - started
        return found

    def _encode(self, texts: list[str], as_query: bool) -> Any:
        import numpy as np

        started = time.perf_counter()
        places, seed = (self._questions, 1) if as_query else (self._passages, 0)
        found = np.stack([self.vector(places[text], seed) for text in texts])
        self.seconds += time.perf_counter() - started
        return found


# -- what is measured ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Material:
    """What every stage works on."""

    corpus: Corpus
    questions: list[str]
    encoder: Perturbed
    folder: Path
    settings: Settings


def write_material(work: Work, medquad: Path) -> None:
    """Write the passages and questions that the stages of a row read."""
    documents, questions = read(medquad)
    with work.passages_file.open("w", encoding="utf-8") as file:
        for one in grown(documents, work.passages):
            file.write(json.dumps([one.doc_id, one.text]) + "\n")
    texts = [one.text for one in questions[:: max(1, len(questions) // QUERIES)][:QUERIES]]
    work.questions_file.write_text(json.dumps(texts), encoding="utf-8")


def material(work: Work) -> Material:
    import numpy as np

    # From a file, so that nothing that was let go of leaves room in this process for the index to hide in.
    with work.passages_file.open(encoding="utf-8") as lines:
        corpus = corpus_of([Document(*json.loads(line)) for line in lines], "scale")
    texts = json.loads(work.questions_file.read_text(encoding="utf-8"))
    folder = Path(work.folder)
    settings = Settings(cache=folder / "cache", milvus_uri=str(folder / "index" / "milvus.db"))
    return Material(corpus, texts, Perturbed(np.load(work.vectors), corpus, texts), folder / "index", settings)


def build(one: Material, system: str) -> dict[str, float]:
    """Make the index in its folder; seconds, without those of the vectors, and memory beyond the passages, in MB."""
    from reasonrank.retrieval.bm25 import build_bm25_index
    from reasonrank.retrieval.dense import build_dense_index

    builders: dict[str, Callable[[], None]] = {
        "lucene": lambda: build_bm25_index(one.corpus, one.folder, _silent),
        "faiss": lambda: build_dense_index(one.corpus, one.encoder, one.folder, _silent),
        "faiss-hnsw": lambda: _build_hnsw(one),
        "milvus-lite": lambda: _milvus(one, "bm25").close(),
    }
    before = _reset_peak()
    started = time.perf_counter()
    builders[system]()
    seconds = time.perf_counter() - started - one.encoder.seconds
    return {"index_s": seconds, "build_mb": _peak() - before, "passages_mb": before}


def search(one: Material, system: str) -> dict[str, Any]:
    """Open the index and ask it: seconds to the first answer, latencies by kind of search, memory as in a build."""
    before = _reset_peak()
    started = time.perf_counter()
    finders = _finders(one, system)
    first = next(iter(finders.values()))
    first(one.questions[0])
    opened = time.perf_counter() - started
    searches = {name: _timed(find, one.questions) for name, find in finders.items()}
    memory = _peak() - before
    if system == "faiss-hnsw":
        searches = {name: replace(latency, recall=_recall(one, first)) for name, latency in searches.items()}
    return {
        "open_s": opened,
        "search_mb": memory,
        "searches": {name: asdict(latency) for name, latency in searches.items()},
    }


def _finders(one: Material, system: str) -> dict[str, Callable[[str], Any]]:
    """From a question to the best ``K``, by the name of the kind of search."""
    from reasonrank.retrieval.bm25 import BM25Retriever
    from reasonrank.retrieval.dense import DenseRetriever

    if system == "lucene":
        k1, b = one.settings.bm25_k1, one.settings.bm25_b
        return {"bm25": _asker(BM25Retriever(one.folder, one.corpus, k1=k1, b=b))}
    if system == "faiss":
        return {"dense": _asker(DenseRetriever(one.folder, one.corpus, one.encoder))}
    if system == "milvus-lite":
        return {name: _asker(_milvus(one, name)) for name in ("bm25", "dense", "hybrid")}
    import faiss

    index: Any = faiss.read_index(str(one.folder / "hnsw.faiss"))
    index.hnsw.efSearch = HNSW_SEARCH
    return {"dense": lambda question: index.search(one.encoder.encode([question], as_query=True), K)[1][0].tolist()}


def _asker(retriever: Retriever) -> Callable[[str], Any]:
    return lambda question: retriever.retrieve(question, K)


def _milvus(one: Material, name: str) -> Retriever:
    from reasonrank.retrieval.store import open_retriever

    return open_retriever(name, one.corpus, one.settings, encoder=one.encoder)


def _build_hnsw(one: Material) -> None:
    import faiss

    index = faiss.IndexHNSWFlat(one.encoder.dimensions, HNSW_M, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = HNSW_BUILD
    for start in range(0, len(one.corpus), BLOCK):
        index.add(one.encoder.passages(start, min(start + BLOCK, len(one.corpus))))
    faiss.write_index(index, str(one.folder / "hnsw.faiss"))


def _recall(one: Material, find: Callable[[str], list[int]]) -> float:
    """Share of the exact ten that are among the ten found."""
    import numpy as np

    asked = one.encoder.encode(one.questions, as_query=True)  # (questions, dimensions)
    best = np.full((len(asked), 10), -np.inf), np.zeros((len(asked), 10), dtype=np.int64)
    for start in range(0, len(one.corpus), BLOCK):
        end = min(start + BLOCK, len(one.corpus))
        cosines = np.hstack([best[0], asked @ one.encoder.passages(start, end).T])  # (questions, 10 + block)
        places = np.hstack([best[1], np.tile(np.arange(start, end), (len(asked), 1))])
        order = np.argsort(-cosines, axis=1)[:, :10]
        best = np.take_along_axis(cosines, order, 1), np.take_along_axis(places, order, 1)
    shares = [
        len(set(find(question)[:10]) & set(exact)) / 10
        for question, exact in zip(one.questions, best[1].tolist(), strict=True)
    ]
    return statistics.mean(shares)


def _timed(find: Callable[[str], Any], questions: Sequence[str]) -> Latency:
    for question in questions[:WARM]:
        find(question)
    times = []
    for question in questions:
        started = time.perf_counter()
        find(question)
        times.append(1000 * (time.perf_counter() - started))
    return Latency(round(statistics.median(times), 2), round(statistics.quantiles(times, n=100)[98], 2))


def _silent(what: str, part: float) -> None:
    return


def _reset_peak() -> float:
    """Start the peak anew; the memory of this process now, in MB."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return _status("VmRSS")


def _peak() -> float:
    return _status("VmHWM")


def _status(name: str) -> float:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    [kilobytes] = [int(line.split()[1]) for line in lines if line.startswith(name + ":")]
    return kilobytes * 1024 / 1e6


# -- rows ----------------------------------------------------------------------------------------------------------


def measure(work: Work, seconds: float) -> Row:
    """One row, by a process that builds and one that searches; a failure is a row too."""
    row = Row(work.system, work.passages, datetime.date.today().isoformat(), round(os.getloadavg()[0], 1))
    index = Path(work.folder) / "index"
    index.mkdir()
    try:
        built = _stage("build", work, seconds)
        size = sum(path.stat().st_size for path in index.rglob("*") if path.is_file()) / 1e6
        found = _stage("search", work, seconds)
    except RuntimeError as error:
        return replace(row, failed=str(error))
    searches = {name: Latency(**one) for name, one in found.pop("searches").items()}
    figures = {name: round(value, 3) for name, value in {**built, **found, "index_mb": size}.items()}
    return replace(row, searches=searches, **figures)


def _stage(stage: str, work: Work, seconds: float) -> dict[str, Any]:
    """What a stage's process writes; RuntimeError where it fails."""
    words = [sys.executable, "-m", "benchmarks.scale", "--stage", stage, "--work", json.dumps(asdict(work))]
    try:
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(f"{stage}: over {seconds:,.0f} s") from error
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or [""])[-1][:200]
        raise RuntimeError(f"{stage}: exit {done.returncode} {last}".strip())
    return dict(json.loads(done.stdout.splitlines()[-1]))


def rows(path: Path) -> list[Row]:
    """The rows of a results file, in the order of the table."""
    if not path.exists():
        return []
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        record["searches"] = {name: Latency(**one) for name, one in record["searches"].items()}
        found.append(Row(**record))
    return sorted(found, key=lambda row: (list(SYSTEMS).index(row.system), row.passages))


def real_vectors(medquad: Path, encoded: int) -> Path:
    """Where the vectors of the first passages are kept, encoded now if they are not there."""
    import numpy as np

    from reasonrank.encoder import load_encoder

    settings = Settings()
    encoder = load_encoder(settings)
    path = settings.cache / "scale" / f"vectors-{encoded}-{encoder.fingerprint[:12]}.npy"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        documents, _ = read(medquad, encoded)
        say(f"encoding {len(documents):,} passages")
        np.save(path, encoder.encode([document.text for document in documents]))
    return path


# -- what is shown -------------------------------------------------------------------------------------------------


def table(found: Sequence[Row]) -> str:
    """The rows as Markdown, a line for each kind of search."""
    lines = [
        "| system | passages | index, s | on disk, MB | memory to build, MB | to search, MB | first answer, s | search "
        "| median, ms | p99, ms |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- | ---: | ---: |",
    ]
    for row in found:
        busy = "*" if row.is_busy else ""
        name = f"| {SYSTEMS[row.system]}{busy} | {row.passages:,} |"
        if row.failed:
            lines.append(f"{name} {row.failed} | | | | | | | |")
        for place, (kind, latency) in enumerate(row.searches.items()):
            figures = (row.index_s, row.index_mb, row.build_mb, row.search_mb, row.open_s)
            cells = [_short(value) if place == 0 else "" for value in figures]
            recall = "" if latency.recall is None else f" (recall {latency.recall:.2f})"
            cells += [kind + recall, _short(latency.median_ms), _short(latency.p99_ms)]
            lines.append(f"{name} {' | '.join(cells)} |")
    return "\n".join([*lines, "", "\\* measured while other programs kept the machine busy"])


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 else f"{value:.2g}"


def plot(found: Sequence[Row], path: Path) -> None:
    """Four panels over the number of passages, both axes in powers of ten."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "scale"
    from matplotlib import pyplot

    colours = dict(zip(SYSTEMS, ("#0072b2", "#d55e00", "#009e73", "#cc79a7"), strict=True))
    good = [row for row in found if not row.failed]
    figure, axes = pyplot.subplots(2, 2, figsize=(11, 7), layout="constrained")
    panels: list[tuple[str, Callable[[Row], float]]] = [
        ("time to index, s", lambda row: row.index_s),
        ("size on disk, MB", lambda row: row.index_mb),
        ("memory to search, MB", lambda row: row.search_mb),
    ]
    for axis, (title, value) in zip(axes.flat, panels, strict=False):
        for system, name in SYSTEMS.items():
            mine = [row for row in good if row.system == system]
            axis.plot([r.passages for r in mine], [value(r) for r in mine], "o-", color=colours[system], label=name)
        axis.set_title(title)
    last = axes.flat[3]
    marks = {"bm25": "o", "dense": "s", "hybrid": "^"}
    for system, name in SYSTEMS.items():
        for kind, mark in marks.items():
            those = [row for row in good if row.system == system and kind in row.searches]
            if those:
                sizes, times = [row.passages for row in those], [row.searches[kind] for row in those]
                style = {"color": colours[system], "markersize": 4}
                last.plot(sizes, [one.median_ms for one in times], mark + "-", label=f"{name}, {kind}", **style)
                last.plot(sizes, [one.p99_ms for one in times], ":", **style)
    last.set_title("time of one search, ms (median; dotted: 99th percentile)")
    for axis in axes.flat:
        axis.set(xscale="log", yscale="log", xlabel="passages")
        axis.title.set_fontsize(10)
        axis.grid(alpha=0.3)
    axes.flat[0].legend(fontsize=7)
    last.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--medquad", type=Path)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS))
    parser.add_argument("--encoded", type=int, default=1000, help="passages whose vectors are real")
    parser.add_argument("--seconds", type=float, default=7200, help="longest time for one stage of a row")
    parser.add_argument("--again", action="store_true", help="measure again what failed or was marked busy")
    parser.add_argument("--table", action="store_true", help="only show what is there")
    parser.add_argument("--stage", choices=("build", "search"), help=argparse.SUPPRESS)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    flags = parser.parse_args(arguments)
    if flags.stage:
        work = Work(**json.loads(flags.work))
        stage = build if flags.stage == "build" else search
        say(json.dumps(stage(material(work), work.system)))
        return
    if not flags.table:
        if flags.medquad is None:
            parser.error("name the file of passages with --medquad")
        fill(flags)
    found = rows(RESULTS)
    plot(found, PLOT)
    say(table(found))


def fill(flags: argparse.Namespace) -> None:
    """Measure the rows that are not in the results yet, the smallest first."""
    kept = [row for row in rows(RESULTS) if not (flags.again and (row.failed or row.is_busy))]
    RESULTS.write_text("".join(json.dumps(asdict(row)) + "\n" for row in kept), encoding="utf-8")
    there = {(row.system, row.passages) for row in kept}
    vectors = real_vectors(flags.medquad, flags.encoded)
    for passages in sorted(flags.sizes):
        for system in flags.systems:
            if (system, passages) in there:
                continue
            with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
                work = Work(system, passages, str(vectors), folder)
                write_material(work, flags.medquad)
                row = measure(work, flags.seconds)
            with RESULTS.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(row)) + "\n")
            sys.stderr.write(f"{system} {passages:,}: {row.failed or 'done'}\n")


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
