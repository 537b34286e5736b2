"""A script: the real server over a scripted student that is held back for so many seconds, or for ever."""

from __future__ import annotations

import logging
import sys
import threading
from pathlib import Path

from slow import GardenPipeline, HeldEngine, garden_settings

from reasonrank.serve.command import serve_desk
from reasonrank.serve.desk import Desk


class Announcing(HeldEngine):
    """Says so when somebody waits for it, and ignores being cancelled while it is told to."""

    def hold_for(self, seconds: float) -> None:
        self.hold(scoring=True)

        def release() -> None:
            self.reached.wait()
            sys.stderr.write("held\n")
            sys.stderr.flush()
            threading.Timer(seconds, self.let_go).start() if seconds >= 0 else None

        threading.Thread(target=release, daemon=True).start()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    folder, seconds, drain = sys.argv[1:]
    settings = garden_settings(Path(folder), port=0, drain_seconds=float(drain))
    engine = Announcing()
    engine.hold_for(float(seconds))
    sys.exit(serve_desk(Desk.of(GardenPipeline(settings, engine), settings)))
