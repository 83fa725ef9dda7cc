"""The last line of defence: no log line leaves with something shaped like a provider key in it."""

import logging
import re

SECRET_SHAPE = re.compile(r"(sk-(?:ant-|proj-)?)[A-Za-z0-9_\-]{8,}")


def redact(text: str) -> str:
    """`text` with every run shaped like a provider key cut down to its prefix."""
    return SECRET_SHAPE.sub(r"\1[redacted]", text)


class RedactingFormatter(logging.Formatter):
    """Formats as usual, traceback included, then redacts."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))
