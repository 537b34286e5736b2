"""Launches the page as plain Gradio, as Hugging Face Spaces expect; ``python app.py`` does the same here.

Settings come from ``REASONRANK_*`` variables, the address from ``GRADIO_SERVER_NAME`` and ``GRADIO_SERVER_PORT``.
"""

from __future__ import annotations

import logging
import sys

from reasonrank.errors import ReasonRankError
from reasonrank.settings import Settings


def main() -> int:
    """Serve the page until interrupted; 2 when the settings are wrong."""
    from reasonrank.pipeline import Pipeline
    from reasonrank.ui.page import build_page, launch_options

    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    try:
        settings = Settings.load()
    except ReasonRankError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    build_page(Pipeline(settings), settings).launch(**launch_options())
    return 0


if __name__ == "__main__":
    sys.exit(main())
