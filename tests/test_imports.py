"""Who may import what: the package stays light, and never reaches into train or the app."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = sorted((ROOT / "reasonrank").rglob("*.py"))
HEAVY = {
    *("torch", "transformers", "sentence_transformers", "pyserini", "jnius", "jnius_config", "gradio", "vllm"),
    *("faiss", "ctranslate2", "peft", "pandas", "numpy", "scipy", "sklearn", "ir_datasets"),
    *("pymilvus", "milvus_lite", "grpc"),
    *("sqlalchemy", "alembic", "psycopg", "krippendorff", "huggingface_hub"),
}


def imported(path: Path, *, top_level: bool) -> set[str]:
    """Packages that a file imports; with ``top_level`` only what runs when the file itself is imported."""
    found: set[str] = set()

    def visit(nodes: list[ast.stmt]) -> None:
        for node in nodes:
            if isinstance(node, ast.Import):
                found.update(alias.name.split(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                found.add((node.module or "").split(".")[0])
            elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test) and top_level:
                continue
            elif not (top_level and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)):
                visit([child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)])

    visit(ast.parse(path.read_text(encoding="utf-8")).body)
    return found


@pytest.mark.parametrize("path", PACKAGE, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_package_never_imports_train_or_the_app(path: Path) -> None:
    assert not imported(path, top_level=False) & {"train", "app", "tests", "benchmarks"}


@pytest.mark.parametrize(
    "module",
    [
        *("reasonrank", "reasonrank.cli", "reasonrank.pipeline", "reasonrank.student", "reasonrank.doctor"),
        *("reasonrank.corpus", "reasonrank.retrieval.store", "reasonrank.engines.load", "reasonrank.models"),
        *("reasonrank.serve.command", "reasonrank.interface", "reasonrank.retrieval.milvus"),
    ],
)
def test_importing_loads_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print(*sorted(m for m in sys.modules if '.' not in m))"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not set(loaded.stdout.split()) & HEAVY


def test_nothing_prints_in_the_library() -> None:
    printing = [
        path.name
        for path in PACKAGE
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert printing == []
