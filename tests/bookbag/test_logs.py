"""What a log line may hold: place and class of a failure, and nothing shaped like a provider key."""

import logging
import sqlite3
import sys
from types import SimpleNamespace, TracebackType

import pytest
from django.db import DatabaseError

from bookbag import logs

SECRET = "sk-ant-cAnArYq7Zx2Wv9Tb4Nm6Lp1Kd8Rj3Hs5Gf0"
PROMPT = "What does the canary sing at dawn?"


def fail_with(words: str) -> BaseException:
    """An error whose words and whose cause's words are `words`."""
    try:
        try:
            raise ValueError(f"Illegal header value b'Bearer {words}'")
        except ValueError as cause:
            raise RuntimeError(words) from cause
    except RuntimeError as error:
        return error


def line(message: str, *args: object, name: str = "django.request", **extra: object) -> str:
    record = logging.LogRecord(name, logging.ERROR, __file__, 1, message, args, None)
    record.__dict__ |= extra
    return logs.RedactingFormatter("{levelname} {name} {message}", style="{").format(record)


def exc_info(error: BaseException) -> tuple[type[BaseException], BaseException, TracebackType | None]:
    return type(error), error, error.__traceback__


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        (f"key {SECRET}", "key sk-ant-[redacted]"),
        (f"b'Bearer {SECRET}\\n'", "b'Bearer [redacted]"),
        ("'x-api-key': 'odd/shape+of=key'", "'x-api-key': '[redacted]"),
        ("/w/acme/keys/sk-proj-abcdefgh12345/", "/w/acme/keys/sk-proj-[redacted]/"),
        ("the mask sk-ant-…wxyz", "the mask sk-ant-…wxyz"),
        ("the task-force met", "the task-force met"),
    ],
)
def test_redact_leaves_no_more_than_a_prefix(text: str, safe: str) -> None:
    assert logs.redact(text) == safe


def test_exception_is_told_by_place_and_class() -> None:
    told = line("Internal Server Error: %s", "/w/acme/", exc_info=exc_info(fail_with(PROMPT)))

    assert told.splitlines()[0] == "ERROR django.request Internal Server Error: /w/acme/"
    assert told.splitlines()[-1] == "RuntimeError"
    assert "ValueError" in told.splitlines()
    assert "in fail_with" in told
    assert PROMPT not in told


def test_text_that_another_formatter_left_is_not_used() -> None:
    told = line("failed", exc_info=exc_info(fail_with(PROMPT)), exc_text=f"RuntimeError: {PROMPT}")

    assert PROMPT not in told


def test_every_exception_of_a_group_is_told_by_class() -> None:
    group = ExceptionGroup(PROMPT, [ValueError(PROMPT), KeyError(PROMPT)])

    assert logs.describe(group).splitlines() == ["ExceptionGroup", "ValueError", "KeyError"]


def test_hidden_context_is_not_told() -> None:
    error = fail_with(PROMPT)
    error.__cause__, error.__suppress_context__ = None, True

    assert "ValueError" not in logs.describe(error)


def test_causes_that_run_in_a_circle_end() -> None:
    first, second = ValueError(), KeyError()
    first.__context__, second.__context__ = second, first

    assert logs.describe(first).splitlines() == ["KeyError", "ValueError"]


def test_database_error_keeps_its_code() -> None:
    with pytest.raises(sqlite3.Error) as failure:
        sqlite3.connect(":memory:").execute("SELECT * FROM nowhere")

    assert logs.kind(failure.value) == "sqlite3.OperationalError (SQLITE_ERROR)"


def test_system_error_keeps_its_code() -> None:
    assert logs.kind(ConnectionRefusedError(111, PROMPT)) == "ConnectionRefusedError (ECONNREFUSED)"


def test_django_error_is_told_with_its_module() -> None:
    assert logs.kind(DatabaseError(PROMPT)) == "django.db.utils.DatabaseError"


def test_words_are_told_to_a_developer_alone(settings: object) -> None:
    settings.DEBUG = True  # type: ignore[attr-defined]
    told = line("failed", exc_info=exc_info(fail_with(f"no such thing, {SECRET}")))

    assert told.splitlines()[-1] == "RuntimeError: no such thing, sk-ant-[redacted]"


def test_task_that_nobody_awaited_is_told_without_its_repr() -> None:
    told = line(f"Task exception was never retrieved\nfuture: <Task {PROMPT}>", name="asyncio")

    assert told == "ERROR asyncio Task exception was never retrieved"


def test_exception_among_the_arguments_is_told_by_class() -> None:
    told = line("Error calling %s in on_commit() (%s).", "tell", RuntimeError(PROMPT))

    assert told == "ERROR django.request Error calling tell in on_commit() (RuntimeError)."


def test_refusal_is_told_without_its_traceback() -> None:
    error = fail_with(PROMPT)
    record = logging.LogRecord("django.request", logging.WARNING, "", 1, "Forbidden", (), exc_info(error))

    assert logs.RedactingFormatter().format(record) == "Forbidden"


def test_line_ends_with_the_reference_that_was_shown() -> None:
    request = SimpleNamespace(reference="5f2a91c0")

    assert line("failed", request=request) == "ERROR django.request failed [5f2a91c0]"


def test_servers_own_handlers_are_taken_over(monkeypatch: pytest.MonkeyPatch) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("uvicorn says %(message)s"))
    monkeypatch.setattr(logging.getLogger("uvicorn"), "handlers", [handler])
    logs.take_over()
    logs.take_over()
    record = logging.LogRecord(
        "uvicorn.error",
        logging.ERROR,
        "",
        1,
        SECRET,
        (),
        exc_info(fail_with(PROMPT)),
    )
    told = handler.format(record)

    assert told.startswith("uvicorn says sk-ant-[redacted]\nTraceback")
    assert told.endswith("\nRuntimeError")
    assert PROMPT not in told
