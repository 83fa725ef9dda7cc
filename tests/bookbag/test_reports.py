"""Mail about failures, and Django's debug page: neither repeats what a person typed."""

import json
import logging
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.core import mail
from django.http import HttpRequest
from django.test import RequestFactory
from django.views.debug import ExceptionReporter

from bookbag.operations.reports import AdminMail, HidingFilter, cause_of

SECRET = "sk-cAnArYq7Zx2Wv9Tb4Nm6Lp1Kd8Rj3Hs5Gf0"
ODD_SECRET = "opensesame-and-more"
PROMPT = "What does the canary sing at dawn?"


@pytest.fixture
def admin_mail(settings: Any) -> Iterator[AdminMail]:
    settings.ADMINS = [("Olive", "olive@bookbag.test"), ("", "oscar@bookbag.test")]
    handler = AdminMail()
    yield handler
    handler.flush()


@pytest.fixture
def request_with_everything() -> HttpRequest:
    request = RequestFactory().post(
        f"/w/acme/{SECRET}/", {"secret": SECRET, "password": ODD_SECRET, "text": PROMPT}
    )
    request.COOKIES = {"session": ODD_SECRET, "other": PROMPT}
    request.reference = "5f2a91c0"  # type: ignore[attr-defined]
    return request


def fail(secret: str, prompt: str) -> Any:
    try:
        raise RuntimeError(f"{secret} {prompt}")
    except RuntimeError as error:
        return type(error), error, error.__traceback__


def record_of(request: HttpRequest | None, told: str = "Failed") -> logging.LogRecord:
    record = logging.LogRecord(
        "django.request", logging.ERROR, __file__, 1, f"{told}: %s", (SECRET,), fail(SECRET, PROMPT)
    )
    record.request = request
    return record


def test_mail_tells_place_and_class_and_nothing_typed(
    admin_mail: AdminMail, request_with_everything: HttpRequest
) -> None:
    admin_mail.handle(record_of(request_with_everything))
    admin_mail.flush()
    (sent,) = mail.outbox
    text = f"{sent.subject}\n{sent.body}"

    assert sent.to == ["olive@bookbag.test", "oscar@bookbag.test"]
    assert sent.subject == "[Bookbag] ERROR (EXTERNAL IP): Failed: sk-[redacted]"
    assert "POST /w/acme/sk-[redacted]/" in sent.body
    assert "Reference: 5f2a91c0" in sent.body
    assert "in fail" in sent.body
    assert sent.body.endswith("RuntimeError")
    assert [word for word in (SECRET, ODD_SECRET, PROMPT) if word in text] == []
    assert not getattr(sent, "alternatives", [])


def test_mail_without_a_request_is_sent_too(admin_mail: AdminMail) -> None:
    admin_mail.handle(record_of(None))
    admin_mail.flush()

    assert len(mail.outbox) == 1
    assert PROMPT not in mail.outbox[0].body


def test_subject_repeats_nothing_that_an_exception_says(admin_mail: AdminMail) -> None:
    record = record_of(None)
    record.msg, record.args = "Error calling tell in on_commit() (%s).", (RuntimeError(ODD_SECRET),)
    admin_mail.handle(record)
    admin_mail.flush()

    assert mail.outbox[0].subject == "[Bookbag] ERROR: Error calling tell in on_commit() (RuntimeError)."
    assert ODD_SECRET not in mail.outbox[0].body


def test_no_mail_without_anybody_to_write_to(admin_mail: AdminMail, settings: Any) -> None:
    settings.ADMINS = []
    admin_mail.handle(record_of(None))

    assert admin_mail.postman is None
    assert mail.outbox == []


def test_one_cause_is_mailed_once_in_ten_minutes(
    admin_mail: AdminMail, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(30):
        admin_mail.handle(record_of(None, f"Reply {number} of 0190aaaa-bbbb failed"))
    admin_mail.handle(record_of(None, "Another thing failed"))
    admin_mail.flush()
    assert len(mail.outbox) == 2

    later = time.monotonic() + 600
    monkeypatch.setattr("bookbag.operations.reports.time.monotonic", lambda: later)
    admin_mail.handle(record_of(None, "Reply 31 of 0190cccc-dddd failed"))
    admin_mail.flush()
    assert len(mail.outbox) == 3


@pytest.mark.django_db(transaction=True)
def test_what_another_process_has_told_is_not_told_again(settings: Any) -> None:
    settings.ADMINS = [("", "oscar@bookbag.test")]
    processes = [AdminMail(), AdminMail()]
    for process in processes:
        process.handle(record_of(None))
        process.flush()

    assert len(mail.outbox) == 1


def test_failure_at_another_place_is_another_cause() -> None:
    here, there = record_of(None), record_of(None)
    there.exc_info = fail_elsewhere()

    assert cause_of(here) == cause_of(record_of(None))
    assert cause_of(here) != cause_of(there)


def failure_in_a_library(name: str, kind: type[Exception] = ValueError) -> logging.LogRecord:
    """A failure in a line of a library, called from a line of the module `name`."""
    try:
        exec("import json\njson.loads('{')", {"__name__": name})  # noqa: S102
    except ValueError as error:
        record = record_of(None)
        record.exc_info = kind, kind().with_traceback(error.__traceback__), error.__traceback__
    return record


def test_place_is_the_innermost_line_of_our_own_code() -> None:
    ours = cause_of(failure_in_a_library("billing.ledger"))
    lines = "\n" * 5 + "import json\njson.loads('{')"
    with pytest.raises(json.JSONDecodeError) as elsewhere:
        exec(lines, {"__name__": "billing.ledger"})  # noqa: S102
    record = record_of(None)
    record.exc_info = ValueError, ValueError().with_traceback(elsewhere.tb), elsewhere.tb

    assert cause_of(failure_in_a_library("billing.ledger")) == ours
    assert cause_of(record) != ours
    assert cause_of(failure_in_a_library("billing.ledger", KeyError)) != ours


def test_without_a_line_of_ours_the_view_tells_causes_apart() -> None:
    causes = []
    for view in ("admin:llm_chatmodel_changelist", "admin:billing_plan_changelist") * 2:
        record = failure_in_a_library("django.contrib.admin.options")
        record.request = SimpleNamespace(resolver_match=SimpleNamespace(view_name=view))
        causes.append(cause_of(record))

    assert causes[0] != causes[1]
    assert causes[:2] == causes[2:]


def fail_elsewhere() -> Any:
    try:
        raise RuntimeError
    except RuntimeError as error:
        return type(error), error, error.__traceback__


def test_storm_of_failures_is_bounded(admin_mail: AdminMail, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin_mail, "_deliver", lambda: None)
    for number in range(100):
        admin_mail.handle(record_of(None, f"Cause {chr(number + 100)}"))

    assert admin_mail.waiting.qsize() == 20
    while not admin_mail.waiting.empty():
        admin_mail.waiting.get()
        admin_mail.waiting.task_done()
    # One that was dropped is told the next time.
    admin_mail.handle(record_of(None, f"Cause {chr(199)}"))
    admin_mail.handle(record_of(None, f"Cause {chr(100)}"))
    assert admin_mail.waiting.qsize() == 1
    admin_mail.waiting.get()
    admin_mail.waiting.task_done()


@pytest.mark.parametrize("debug", [True, False])
def test_debug_page_hides_what_was_typed(
    settings: Any, request_with_everything: HttpRequest, debug: bool
) -> None:
    settings.DEBUG = debug
    page = ExceptionReporter(request_with_everything, *fail(SECRET, "words")).get_traceback_html()

    assert HidingFilter.cleansed_substitute in page
    assert ODD_SECRET not in page
    assert PROMPT not in page
