"""A job for a worker process that takes memory and keeps it."""

import os

kept: list[bytes] = []


def take(size: int) -> int:
    """Fill `size` bytes, and say which process did."""
    kept.append(b"x" * size)
    return os.getpid()
