"""The README's file tree, made from the modules' own first sentences: ``python -m tests.readme_tree`` rewrites it."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
BEGIN, END = "<!-- files -->", "<!-- end of files -->"


def first_sentence(path: Path) -> str:
    """The first line of a module's docstring, without its full stop."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return text.splitlines()[0].rstrip(".") if text else ""


def tree() -> str:
    """One line a module, by folder."""
    lines = ["```", f"{'app.py':32}{first_sentence(ROOT / 'app.py')}"]
    for top in ("reasonrank", "train", "benchmarks"):
        for folder in sorted({path.parent for path in (ROOT / top).rglob("*.py")}):
            lines.append(f"{folder.relative_to(ROOT).as_posix()}/")
            lines += [
                f"  {path.name:30}{first_sentence(path)}"
                for path in sorted(folder.glob("*.py"))
                if path.name != "__init__.py"
            ]
    return "\n".join([*lines, "```"])


def written() -> str:
    """What the README says between its two marks."""
    return README.read_text(encoding="utf-8").split(BEGIN)[1].split(END)[0].strip()


if __name__ == "__main__":
    text = README.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    README.write_text(f"{before}{BEGIN}\n{tree()}\n{END}{rest.split(END)[1]}", encoding="utf-8")
