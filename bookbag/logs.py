"""What may be written about a failure: where it happened and of which kind, never in its own words.

The words of an exception, like the locals of its frames, may hold a provider key or a prompt: header
libraries quote the value they refuse, databases the row. So a traceback here names files, lines and
classes, and leaves the words out. As the last line of defence no line leaves with something shaped
like a provider key in it.
"""

import errno
import logging
import re
import traceback
from collections.abc import Iterator
from copy import copy
from typing import Any

from django.conf import settings

# What a provider key can look like, and whatever stands where a request carries one.
SECRET_SHAPE = re.compile(
    r"(sk-(?:ant-|proj-)?)[A-Za-z0-9_\-]{8,}|((?:\bBearer|\bx-api-key['\"]?\s*[:=,])\s*['\"]?)[\x21-\x7e]{8,}",
    re.IGNORECASE,
)
# Loggers of the server that runs us; they are set up before our settings are read.
SERVER_LOGGERS = ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi")
# Causes of causes beyond this many are not worth a reader's time.
MOST_CAUSES = 10


def redact(text: str) -> str:
    """`text` with every run shaped like a provider key cut down to its prefix."""
    return SECRET_SHAPE.sub(lambda found: f"{found[1] or found[2]}[redacted]", text)


def describe(error: BaseException | None) -> str:
    """The traceback of `error` and of what caused it, without a word that any of them carries."""
    return "\n".join(part for cause in reversed(list(_causes(error))) for part in _one(cause))


def kind(error: BaseException) -> str:
    """The class of `error`, with the code that a database or the system gave it."""
    code = getattr(error, "sqlstate", None) or getattr(error, "sqlite_errorname", None)
    if code is None and isinstance(error, OSError) and error.errno is not None:
        code = errno.errorcode.get(error.errno)
    name = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    return f"{name} ({code})" if code else name


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    while error is not None and error not in seen and len(seen) < MOST_CAUSES:
        seen.append(error)
        yield error
        hidden = error.__suppress_context__
        error = error.__cause__ or (None if hidden else error.__context__)


def _one(error: BaseException) -> Iterator[str]:
    frames = traceback.extract_tb(error.__traceback__)
    if frames:
        yield "Traceback (most recent call last):"
        yield "".join(traceback.format_list(frames)).rstrip()
    # A developer alone with the product may read the words; redaction still applies to them.
    yield f"{kind(error)}: {error}" if settings.DEBUG else kind(error)
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield describe(inner)


def without_words(record: logging.LogRecord) -> logging.LogRecord:
    """A copy of `record` whose message repeats nothing that an exception says."""
    told = copy(record)
    # What another formatter made of the exception is kept on the record.
    told.exc_text = told.stack_info = None
    if isinstance(told.args, tuple):
        told.args = tuple(kind(one) if isinstance(one, BaseException) else one for one in told.args)
    if record.name == "asyncio":
        # The lines after the first are the repr of a task, its exception's words included.
        told.msg, told.args = record.getMessage().partition("\n")[0], ()
    return told


class RedactingFormatter(logging.Formatter):
    """Formats as usual, or as `inner` does, but tells of exceptions as `describe` does; then redacts."""

    def __init__(self, *args: Any, inner: logging.Formatter | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.inner = inner

    def format(self, record: logging.LogRecord) -> str:
        told = without_words(record)
        told.exc_info = None
        lines = [self.inner.format(told) if self.inner else super().format(told)]
        reference = getattr(getattr(record, "request", None), "reference", "")
        if reference:
            lines[0] += f" [{reference}]"
        # A refusal is no failure: where it was decided is nobody's question.
        if isinstance(record.exc_info, tuple) and record.levelno >= logging.ERROR:
            lines.append(describe(record.exc_info[1]))
        return redact("\n".join(lines))


def take_over() -> None:
    """Put our formatter around those of the server's own handlers; doing it again changes nothing."""
    # Else a handler that fails prints the record it failed on, arguments included.
    logging.raiseExceptions = False
    for name in SERVER_LOGGERS:
        for handler in logging.getLogger(name).handlers:
            if not isinstance(handler.formatter, RedactingFormatter):
                handler.setFormatter(RedactingFormatter(inner=handler.formatter))
