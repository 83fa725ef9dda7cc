"""Run in a worker process (agents/process_pool.py): how much memory a function takes of a text. Knows no Django."""

import resource
from importlib import import_module

from tests.bounded.texts import TEXTS


def peaks(module: str, function: str, size: int, texts: tuple[str, ...]) -> dict[str, int]:
    """By how many bytes each of these TEXTS, one after the other, raised the most that this process ever took."""
    work = getattr(import_module(module), function)
    work("a")
    found, before = {}, _peak()
    for what in texts:
        text = TEXTS[what](size)
        work(text)
        found[what], before = _peak() - before, _peak()
    return found


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
