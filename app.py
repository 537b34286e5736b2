"""Launches the page as plain Gradio, as Hugging Face Spaces expect; ``python app.py`` does the same here.

Settings come from ``REASONRANK_*`` variables, the address from ``GRADIO_SERVER_NAME`` and ``GRADIO_SERVER_PORT``.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence

from reasonrank.engines.zerogpu import is_zero_gpu, prepare_zero_gpu
from reasonrank.errors import ReasonRankError
from reasonrank.settings import Settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the page until interrupted; 2 when the settings are wrong."""
    parser = argparse.ArgumentParser(prog="python app.py", description=__doc__)
    parser.add_argument("--open", action="store_true", help="open the page in a browser")
    options = parser.parse_args(arguments)
    prepare_zero_gpu()
    from reasonrank.pipeline import Pipeline
    from reasonrank.ui.page import build_page, launch_options

    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    try:
        settings = Settings.load()
    except ReasonRankError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    pipeline = Pipeline(settings)
    if is_zero_gpu() and settings.device == "cuda":
        pipeline.prepare()  # what a borrowed GPU runs must be loaded before the page is open
    build_page(pipeline, settings).launch(**launch_options(), inbrowser=options.open)
    return 0


if __name__ == "__main__":
    sys.exit(main())
