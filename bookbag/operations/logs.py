"""What may be written about a failure: where it happened and of which kind, never in its own words.

The words of an exception, like the locals of its frames, may hold a provider key or a prompt: header
libraries quote the value they refuse, databases the row. So a traceback here names files, lines and
classes, and leaves the words out. As the last line of defence no line leaves with something shaped
like a provider key in it.

Each line tells its time in UTC, its level, who says it, and the ids of the request and the reply that it
belongs to (workspaces/tracing.py); with LOG_FORMAT=json it is an object of the same.
"""

import errno
import json
import logging
import re
import traceback
from collections.abc import Iterator
from copy import copy
from datetime import UTC, datetime
from typing import Any

from django.conf import settings

from llm import credentials
from workspaces import tracing

# Not in the middle of a word (of "task-", say), unless what stands there is an escape: "\n", "%0A", "\x0a", "\u000a".
START = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt])|(?<=%[0-9a-f]{2})|(?<=\\x[0-9a-f]{2})|(?<=\\u[0-9a-f]{4}))"
# How other credentials begin, those of sk- and PEM aside, which have rules of their own below. In these letters alone:
# a host may begin with "sg.", a key of SendGrid begins with "SG.".
OTHERS = "|".join(
    re.escape(begins)
    for sort in credentials.SORTS
    for begins in sort.begins
    if not begins.startswith(("sk-", "-----BEGIN"))
)
# What a credential can look like, and whatever stands where a request carries one. Each has a group for what stays.
SECRET_SHAPE = re.compile(
    rf"(sk-(?:ant|proj)-|{START}sk-)[A-Za-z0-9_\-]{{8,}}"
    rf"|({START}(?-i:{OTHERS}))[A-Za-z0-9_.+/=\-]{{16,}}"
    r"|((?:\bBearer|\bx-api-key['\"]?\s*[:=,])\s*['\"]?)[\x21-\x7e]{8,}"
    r"|(-----BEGIN)[\s\S]*?(?:-----END|\Z)",
    re.IGNORECASE,
)
# Loggers of the server that runs us; they are set up before our settings are read.
SERVER_LOGGERS = ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi")
# Causes of causes beyond this many are not worth a reader's time.
MOST_CAUSES = 10


def redact(text: str) -> str:
    """`text` with every run shaped like a credential cut down to its prefix."""
    return SECRET_SHAPE.sub(lambda found: f"{''.join(filter(None, found.groups()))}[redacted]", text)


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


def _reference(record: logging.LogRecord) -> str:
    """The word that the person whose request failed was shown."""
    return str(getattr(getattr(record, "request", None), "reference", ""))


def _failure(record: logging.LogRecord) -> str:
    # A refusal is no failure: where it was decided is nobody's question.
    if isinstance(record.exc_info, tuple) and record.levelno >= logging.ERROR:
        return describe(record.exc_info[1])
    return ""


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


class RedactingFormatter(logging.Formatter):
    """Formats as usual, or as `inner` does, but tells of exceptions as `describe` does; then redacts."""

    def __init__(self, *args: Any, inner: logging.Formatter | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.inner = inner

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        return _time(record)

    def format(self, record: logging.LogRecord) -> str:
        told = without_words(record)
        told.exc_info = None
        line = self.inner.format(told) if self.inner else super().format(told)
        marks = [f"[{_reference(record)}]" if _reference(record) else ""]
        marks += [f"{name}={value}" for name, value in _ids().items() if value]
        # uvicorn ends a message with a line break, and the ids would stand in a line of their own.
        line = " ".join([line.rstrip(), *filter(None, marks)])
        return redact("\n".join(filter(None, [line, _failure(record)])))


class JsonFormatter(logging.Formatter):
    """One object a line, with the same in it as RedactingFormatter tells. What there is none of is left out."""

    def format(self, record: logging.LogRecord) -> str:
        told = {
            "time": _time(record),
            "level": record.levelname,
            "logger": record.name,
            "message": without_words(record).getMessage(),
            **_ids(),
            "reference": _reference(record),
            "failure": _failure(record),
        }
        return json.dumps({name: redact(text) for name, text in told.items() if text}, ensure_ascii=False)


def _ids() -> dict[str, str]:
    return {"request": tracing.request_id.get(), "reply": tracing.reply_id.get()}


def take_over() -> None:
    """Put our formatter around those of the server's own handlers; doing it again changes nothing."""
    # Else a handler that fails prints the record it failed on, arguments included.
    logging.raiseExceptions = False
    for name in SERVER_LOGGERS:
        for handler in logging.getLogger(name).handlers:
            if not isinstance(handler.formatter, RedactingFormatter):
                handler.setFormatter(RedactingFormatter(inner=handler.formatter))
