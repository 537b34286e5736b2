"""A script that writes the docstrings of the standard library it runs on, one JSON object a line.

:mod:`reasonrank.corpora.python_docs` runs it as a process of its own, because importing a module runs it: what a
module prints, warns of, starts or breaks stays there. It imports the modules instead of reading their sources,
since only a module at work knows its public names (``asyncio.Queue``, not ``asyncio.queues.Queue``) and the
docstrings that are written in C (``str.split``, ``itertools.chain``).

A line is ``{"begin": module}`` before a module is imported, so that the parent knows which one hung, then
``{"name", "signature", "text"}`` for what it has, and ``{"end": true}`` at the end of all. The file imports
nothing but the standard library; its arguments are the file to write and modules to leave out.
"""

from __future__ import annotations

import builtins
import importlib
import inspect
import json
import pkgutil
import re
import sys
from collections.abc import Iterator
from typing import Any, TextIO

SKIPPED = frozenset(
    [
        "antigravity",
        "this",
        "__main__",
        "idlelib",
        "turtledemo",
        "test",
        "ensurepip",
        "pydoc_data",
        "lib2to3",
        "distutils",
    ]
)
"""Modules that open a browser, print a poem, are programs or tests, or are about to leave the library."""
CLOSED = frozenset({"encodings"})
"""Packages whose parts are left out: a hundred generated codecs."""
MAX_SIGNATURE = 120
_GENERATED = re.compile(r"Alias for field number \d+|Create and return a new object|.*\)\s*->\s*None")


def module_names() -> list[str]:
    """Public modules of the standard library without their submodules; built-in functions come first."""
    names = {name for name in sys.stdlib_module_names if not name.startswith("_") and name not in SKIPPED}
    # os.path before posixpath and ntpath: the first name that an object is found under is the one it gets.
    return ["builtins", "os", "os.path", *sorted(names - {"builtins", "os"})]


def submodule_names(module: Any) -> list[str]:
    """Names of a package's own public modules."""
    if module.__name__ in CLOSED or not hasattr(module, "__path__"):
        return []
    found = sorted(part.name for part in pkgutil.iter_modules(module.__path__))
    return [f"{module.__name__}.{name}" for name in found if not name.startswith(("_", "test", "idle_"))]


Seen = dict[int, Any]
"""Objects that have a name already, by id; holding them keeps their ids from being used again."""


def entries(name: str, module: Any, seen: Seen) -> Iterator[tuple[str, Any]]:
    """Qualified names and objects of one module: itself, its public names, their public methods."""
    yield name, module
    public = getattr(module, "__all__", None)
    for label in sorted(vars(module) if public is None else public):
        value = getattr(module, label, None)
        if label.startswith("_") or value is None or inspect.ismodule(value) or id(value) in seen:
            continue
        if public is None and name != "builtins" and not _belongs(value, name):
            continue
        yield from _with_members(f"{name}.{label}" if name != "builtins" else label, value, seen, 2)


def _belongs(value: Any, name: str) -> bool:
    """Whether an object was made in this module's package, or in its half that is written in C."""
    home = getattr(value, "__module__", None)
    return isinstance(home, str) and home.lstrip("_").split(".")[0] == name.split(".")[0]


def _with_members(name: str, value: Any, seen: Seen, depth: int) -> Iterator[tuple[str, Any]]:
    seen[id(value)] = value
    yield name, value
    if not inspect.isclass(value) or depth == 0:
        return
    for label, member in sorted(vars(value).items()):
        if label.startswith("_"):
            continue
        if isinstance(member, staticmethod | classmethod):
            member = member.__func__
        if inspect.isclass(member):
            if id(member) not in seen and member.__qualname__.startswith(value.__qualname__ + "."):
                yield from _with_members(f"{name}.{label}", member, seen, depth - 1)
        else:
            yield f"{name}.{label}", member


def docstring(value: Any) -> str:
    """An object's own docstring, cleaned; empty where it only has its type's, or a generated one."""
    text = getattr(value, "__doc__", None)
    if not isinstance(text, str) or (not inspect.isclass(value) and text == getattr(type(value), "__doc__", None)):
        return ""
    text = inspect.cleandoc(text).strip()
    return "" if _GENERATED.fullmatch(text) else text


def signature(value: Any) -> str:
    """The parameters as ``(item, timeout=None)``: no self, no annotations; empty where there are none to know."""
    if inspect.ismodule(value):
        return " (module)"
    if not callable(value):
        return ""
    try:
        known = inspect.signature(value)
    except (ValueError, TypeError):
        return ""
    shown = [
        one.replace(annotation=one.empty, default=_plain_default(one.default))
        for place, one in enumerate(known.parameters.values())
        if not (place == 0 and one.name in ("self", "cls", "type", "module"))
    ]
    text = str(inspect.Signature(shown))
    while len(text) > MAX_SIGNATURE:
        shown.pop()
        text = str(inspect.Signature(shown))[:-1] + ", ...)"
    return text


class _Dots:
    """Stands for a default that has no short spelling, such as an object with its address."""

    def __repr__(self) -> str:
        return "..."


def _plain_default(default: Any) -> Any:
    if default is inspect.Parameter.empty:
        return default
    spelled = repr(default)
    return _Dots() if spelled.startswith("<") or " at 0x" in spelled or len(spelled) > 30 else default


def write(out: TextIO, left_out: set[str]) -> None:
    """Write the docstrings of all modules but those in ``left_out``."""
    seen: Seen = {}
    for top in module_names():
        waiting = [top]
        while waiting:
            name = waiting.pop(0)
            if name in left_out:
                continue
            out.write(json.dumps({"begin": name}) + "\n")
            out.flush()
            try:
                module = builtins if name == "builtins" else importlib.import_module(name)
                waiting += submodule_names(module)
                for label, value in entries(name, module, seen):
                    if text := docstring(value):
                        out.write(json.dumps({"name": label, "signature": signature(value), "text": text}) + "\n")
            except (Exception, SystemExit):
                # Any module may be missing, or may not be for this system; the others are read all the same.
                continue
    out.write(json.dumps({"end": True}) + "\n")


if __name__ == "__main__":
    with open(sys.argv[1], "w", encoding="utf-8") as target:  # noqa: PTH123  nothing but what it needs
        write(target, set(sys.argv[2:]))
