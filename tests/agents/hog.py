"""A job for a worker process that takes much memory."""

import os


def take(size: int) -> int:
    """Fill `size` bytes, and say which process did."""
    return os.getpid() if len(b"x" * size) == size else 0
