"""Running jobs at the same moment in threads, each with a database connection of its own."""

import random
import threading
from collections.abc import Callable
from typing import Any

from django.db import connection


def at_once(*jobs: Callable[[], Any], chance: random.Random | None = None) -> list[Any]:
    """Start all jobs at once, each in a thread; returns what each returned or raised, in order."""
    shot = threading.Barrier(len(jobs))
    ended: list[Any] = [None] * len(jobs)
    delays = [chance.uniform(0, 0.004) if chance else 0.0 for _ in jobs]

    def run(place: int, job: Callable[[], Any]) -> None:
        try:
            connection.ensure_connection()
            shot.wait(10)
            threading.Event().wait(delays[place])
            ended[place] = job()
        except Exception as error:
            ended[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return ended
