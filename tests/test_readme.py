"""What the README names exists, and its file tree says what the modules say of themselves."""

import re
import tomllib
from pathlib import Path

import pytest

from tests.readme_tree import README, ROOT, tree, written

TEXT = README.read_text(encoding="utf-8")


def test_the_file_tree_is_current() -> None:
    assert written() == tree(), "run: python -m tests.readme_tree"


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)#:]+)\)", TEXT))))
def test_linked_files_exist(target: str) -> None:
    assert (ROOT / target).exists()


@pytest.mark.parametrize("module", sorted(set(re.findall(r"python -m ([\w.]+)", TEXT))))
def test_named_modules_exist(module: str) -> None:
    path = ROOT.joinpath(*module.split("."))
    assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file() or module in ("venv", "pytest")


def test_a_space_installs_what_the_app_extra_says() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    named = {line: re.fullmatch(r"reasonrank\[(\w+)\]", line) for line in extras["app"]}  # an extra within the extra
    wanted = {*project["dependencies"]} | {line for line, inner in named.items() if not inner}
    wanted |= {line for inner in named.values() if inner for line in extras[inner.group(1)]}
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    assert {line for line in lines if line and not line.startswith("#")} == wanted


def test_the_front_matter_fits_the_gradio_that_is_required() -> None:
    version = re.search(r"sdk_version: (\S+)", TEXT)
    assert version is not None
    app = tomllib.loads(Path(ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["app"]
    bounds = next(line for line in app if line.startswith("gradio"))
    least = re.search(r">=([\d.]+)", bounds)
    assert least is not None
    assert tuple(map(int, version.group(1).split("."))) >= tuple(map(int, least.group(1).split(".")))
