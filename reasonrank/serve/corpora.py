"""Which corpora a request may name: those on the machine and those that the host allows, and never a file."""

from __future__ import annotations

from pathlib import Path

from reasonrank.corpora import public
from reasonrank.corpus import corpus_names
from reasonrank.errors import InputError
from reasonrank.serve.settings import ServeSettings, listed


class Corpora:
    """Names of corpora to what the pipeline calls them.

    Public collections are not among them unless the host says so: a stranger could have gigabytes fetched.
    The server's own corpus may be a file; it is asked for by the file's name, without its folder.
    """

    def __init__(self, settings: ServeSettings) -> None:
        self._default = settings.corpus
        names = [entry.name for entry in corpus_names() if entry.name not in public.SUGGESTED]
        self._names = {name: name for name in (*names, *listed(settings.corpora))}
        own = Path(settings.corpus)
        self._names.setdefault(own.name if own.is_file() else settings.corpus, settings.corpus)

    @property
    def names(self) -> list[str]:
        return sorted(self._names)

    def named(self, name: str | None) -> str:
        """What the pipeline calls the corpus of this name; the server's own without a name.

        Raises:
            InputError: There is no such corpus here.
        """
        if name is None:
            return self._default
        if name not in self._names:
            raise InputError(f"There is no such corpus here; expected {', '.join(self.names)}.")
        return self._names[name]
