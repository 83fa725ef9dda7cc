"""Log formatting: where a failure happened and of which kind, but never its message.

The message of an exception and the locals of its frames may contain a provider key or a prompt: header libraries
quote the value they refuse, databases the row. So tracebacks here name files, lines and classes, without messages.
In addition, text in the form of a provider key is cut out of every line.

Each line has the time in UTC, the level, the logger, and the ids of its request and reply (workspaces/tracing.py);
with LOG_FORMAT=json it is an object with the same entries.
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

# Not inside a word (such as "task-"), except after an escape: "\n", "%0A", "\x0a", "\u000a".
START = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt])|(?<=%[0-9a-f]{2})|(?<=\\x[0-9a-f]{2})|(?<=\\u[0-9a-f]{4}))"
# How other credentials begin, except sk- and PEM, which have their own rules below. Case matters: a host may begin
# with "sg.", while a key of SendGrid begins with "SG.".
OTHERS = "|".join(
    re.escape(begins)
    for sort in credentials.SORTS
    for begins in sort.begins
    if not begins.startswith(("sk-", "-----BEGIN"))
)
# Patterns of credentials, and of the places where a request carries one. Each has a group for the part that stays.
SECRET_SHAPE = re.compile(
    rf"(sk-(?:ant|proj)-|{START}sk-)[A-Za-z0-9_\-]{{8,}}"
    rf"|({START}(?-i:{OTHERS}))[A-Za-z0-9_.+/=\-]{{16,}}"
    r"|((?:\bBearer|\bx-api-key['\"]?\s*[:=,])\s*['\"]?)[\x21-\x7e]{8,}"
    r"|(-----BEGIN)[\s\S]*?(?:-----END|\Z)",
    re.IGNORECASE,
)
# Loggers of the server (uvicorn), which are set up before our settings are read.
SERVER_LOGGERS = ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi")
# The most chained causes that are shown.
MOST_CAUSES = 10


def redact(text: str) -> str:
    """`text` with everything in the form of a credential cut to its prefix."""
    return SECRET_SHAPE.sub(lambda found: f"{''.join(filter(None, found.groups()))}[redacted]", text)


def describe(error: BaseException | None) -> str:
    """The traceback of `error` and its causes, without their messages."""
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
    # With DEBUG, a developer's setting, messages are shown; redaction still applies to them.
    yield f"{kind(error)}: {error}" if settings.DEBUG else kind(error)
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield describe(inner)


def without_words(record: logging.LogRecord) -> logging.LogRecord:
    """A copy of `record` whose message contains no text of an exception."""
    told = copy(record)
    # Another formatter may have stored its text of the exception on the record.
    told.exc_text = told.stack_info = None
    if isinstance(told.args, tuple):
        told.args = tuple(kind(one) if isinstance(one, BaseException) else one for one in told.args)
    if record.name == "asyncio":
        # Lines after the first are the repr of a task, with its exception's message.
        told.msg, told.args = record.getMessage().partition("\n")[0], ()
    return told


def _reference(record: logging.LogRecord) -> str:
    """The reference that the person whose request failed was shown."""
    return str(getattr(getattr(record, "request", None), "reference", ""))


def _failure(record: logging.LogRecord) -> str:
    # A refusal is no failure, so its traceback is left out.
    if isinstance(record.exc_info, tuple) and record.levelno >= logging.ERROR:
        return describe(record.exc_info[1])
    return ""


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


class RedactingFormatter(logging.Formatter):
    """Formats as usual, or with `inner`, but with `describe` for exceptions; then redacts."""

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
        # uvicorn ends a message with a line break, after which the ids would be on a line of their own.
        line = " ".join([line.rstrip(), *filter(None, marks)])
        return redact("\n".join(filter(None, [line, _failure(record)])))


class JsonFormatter(logging.Formatter):
    """One JSON object per line with the same content as RedactingFormatter's. Missing values are left out."""

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
    """Wrap the formatters of the server's own handlers in ours. Safe to repeat."""
    # Otherwise a failing handler prints the record with its arguments.
    logging.raiseExceptions = False
    for name in SERVER_LOGGERS:
        for handler in logging.getLogger(name).handlers:
            if not isinstance(handler.formatter, RedactingFormatter):
                handler.setFormatter(RedactingFormatter(inner=handler.formatter))
