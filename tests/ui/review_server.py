"""The page as a process of its own, over the scripted pipeline, so that a test can kill it and start it again."""

import sys
from pathlib import Path

from standin import ScriptedPipeline

from reasonrank.settings import Settings
from reasonrank.ui.page import build_page, launch_options

if __name__ == "__main__":
    settings = Settings.load(cache=Path(sys.argv[1]))
    page = build_page(ScriptedPipeline(settings), settings, prepare=False)
    page.launch(server_name="127.0.0.1", server_port=int(sys.argv[2]), quiet=True, **launch_options())
