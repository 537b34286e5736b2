"""Annotators under load in a process of their own, which prints the id of every acknowledged judgement.

``python -m tests.review.writer URL SET_ID THREADS``
"""

from __future__ import annotations

import os
import sys
import threading
import uuid

from reasonrank.review.database import open_database
from reasonrank.review.service import Review
from reasonrank.review.store import Store
from reasonrank.review.values import Identity, Task

ANSWERS = {
    "document": {"grade": 1},
    "reason": {"grade": 1, "correct": 2, "supported": 1, "complete": 0},
    "pair": {"preferred": "left", "reason_right": 1},
}
HALVES = {"reason": {"grade": 1}, "pair": {"preferred": "left"}}


def judge(review: Review, who: Identity, task: Task) -> list[str]:
    """Judge a task, blind half first; the ids of the acknowledged events."""
    kind, item_id, done = task.item.kind, task.item.item_id, []
    if kind in HALVES and not task.revealed:
        done.append(uuid.uuid4().hex)
        review.grade(who, item_id, HALVES[kind], event_id=done[-1])
    done.append(uuid.uuid4().hex)
    review.judge(who, item_id, ANSWERS[kind], event_id=done[-1], seconds=1.0)
    return done


def main() -> None:
    url, set_id, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
    review = Review(Store(open_database(url)))

    def work(who: Identity) -> None:
        while (task := review.next_task(who, set_id)) is not None:
            for event_id in judge(review, who, task):
                os.write(1, f"{event_id}\n".encode())  # one write, so that a line is whole or not there

    workers = [threading.Thread(target=work, args=(Identity(f"w{os.getpid()}-{n}"),)) for n in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


if __name__ == "__main__":
    main()
