"""What a log line may hold: place and class of a failure, and nothing shaped like a provider key."""

import json
import logging
import re
import sqlite3
import sys
from collections.abc import Iterator
from types import SimpleNamespace, TracebackType

import pytest
from django.db import DatabaseError

from bookbag.operations import logs
from llm.credentials import SORTS
from tests.harness.cast import Cast, make_agent
from tests.harness.chat import platform_key, send, watch
from tests.harness.live import StartServer
from tests.harness.visitor import Visit
from workspaces import tracing

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
        ("https://sg.somewhere.example/people/1", "https://sg.somewhere.example/people/1"),
        ("https://task-management.example/", "https://task-management.example/"),
        ("in ask_everybody_who_is_there", "in ask_everybody_who_is_there"),
        ("/w/acme/agents/0190aaaa-1111-7222-8333/", "/w/acme/agents/0190aaaa-1111-7222-8333/"),
    ],
)
def test_redact_leaves_no_more_than_a_prefix(text: str, safe: str) -> None:
    assert logs.redact(text) == safe


BODY = "q7Zx2Wv9Tb4Nm6Lp1Kd8Rj3Hs5Gf0cAn"


@pytest.mark.parametrize("begins", [begins for sort in SORTS for begins in sort.begins])
def test_credential_that_the_key_form_knows_is_cut_out_of_lines(begins: str) -> None:
    for line in (
        f"{begins}{BODY}",
        f"at ?key={begins}{BODY}&",
        f"b'a\\n{begins}{BODY}'",
        f"%20{begins}{BODY}",
    ):
        told = logs.redact(line)
        assert BODY not in told
        assert begins[:3] in told


def test_private_key_of_several_lines_is_cut_out_and_what_follows_stays() -> None:
    told = logs.redact(f"a -----BEGIN PRIVATE KEY-----\n{BODY}\n{BODY}\n-----END PRIVATE KEY-----\nb")

    assert BODY not in told
    assert (told[0], told[-1]) == ("a", "b")


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


# --- What a line belongs to ------------------------------------------------------------------------


@pytest.fixture
def at_work() -> Iterator[None]:
    tokens = tracing.request_id.set("5a1c0ffee5a1c0ff"), tracing.reply_id.set("0190-reply")
    yield
    tracing.request_id.reset(tokens[0])
    tracing.reply_id.reset(tokens[1])


@pytest.mark.usefixtures("at_work")
def test_line_ends_with_the_ids_of_its_request_and_reply() -> None:
    assert line("failed") == "ERROR django.request failed request=5a1c0ffee5a1c0ff reply=0190-reply"


def test_line_begins_with_its_time_in_utc() -> None:
    record = logging.LogRecord("bookbag", logging.INFO, "", 1, "ready", (), None)
    record.created = 1_764_075_600.25

    told = logs.RedactingFormatter("{asctime} {levelname} {message}", style="{").format(record)
    assert told == "2025-11-25T13:00:00.250+00:00 INFO ready"


@pytest.mark.usefixtures("at_work")
def test_line_as_an_object_has_the_same_in_it_and_no_words_of_a_failure() -> None:
    record = logging.LogRecord(
        "django.request", logging.ERROR, "", 1, "Failed: %s", (SECRET,), exc_info(fail_with(PROMPT))
    )
    record.created = 1_764_075_600.25
    record.request = SimpleNamespace(reference="5f2a91c0")
    text = logs.JsonFormatter().format(record)
    told = json.loads(text)
    failure = told.pop("failure")

    assert "\n" not in text
    assert told == {
        "time": "2025-11-25T13:00:00.250+00:00",
        "level": "ERROR",
        "logger": "django.request",
        "message": "Failed: sk-ant-[redacted]",
        "request": "5a1c0ffee5a1c0ff",
        "reply": "0190-reply",
        "reference": "5f2a91c0",
    }
    assert failure.endswith("\nRuntimeError")
    assert PROMPT not in text


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("log_format", ["text", "json"])
def test_every_line_of_the_server_has_a_time_and_those_of_a_reply_its_ids(
    start_server: StartServer, cast: Cast, visit: Visit, log_format: str
) -> None:
    platform_key()
    # An application that fails when it is told to, so that a reply has something to say in the log.
    server = start_server(
        LOG_FORMAT=log_format,
        DJANGO_SETTINGS_MODULE="tests.served_settings",
        SERVED_APPLICATION="tests.canary.faulty_asgi.application",
        CANARY_WORDS=PROMPT,
    )
    visitor, agent = visit(cast.edith, server=server), make_agent(cast.acme, "gpt-4o")
    missing = visitor.get("/no-such-page")
    visitor.headers["x-canary-fault"] = "pieces"
    sent = send(visitor, agent)
    watch(visitor, sent.json()["stream"])
    server.stop()
    lines = server.output.splitlines()

    if log_format == "json":
        told = [json.loads(one) for one in lines]
        assert all({"time", "level", "logger", "message"} <= one.keys() for one in told)
    else:
        assert [one for one in lines if not re.match(r"\d{4}-\d\d-\d\dT\S+ [A-Z]+ \S+ ", one)] == []
    assert [one for one in lines if "/no-such-page" in one and missing.headers["x-request-id"] in one]
    (of_the_reply,) = [one for one in lines if "failed inside" in one]
    ids = {"request": sent.headers["x-request-id"], "reply": sent.json()["reply"]}
    if log_format == "json":
        assert ids.items() <= json.loads(of_the_reply).items()
    else:
        assert of_the_reply.endswith(" request={request} reply={reply}".format_map(ids))
    assert "stopped" in lines[-1]
