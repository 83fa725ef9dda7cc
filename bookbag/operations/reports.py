"""Mail to ADMINS when something fails, and what Django's debug page may show of a failure.

Django's own report contains posted values, cookies and the exception's message; its HTML also has every local
variable. Ours says where and of which kind the failure was, as the log does, and the reference that the person was
shown. One cause is mailed once in ten minutes, however often it happens and in however many processes; the log has
every time.
"""

import hashlib
import logging
import math
import queue
import re
import threading
import time
import traceback
from collections.abc import ItemsView
from concurrent.futures import ThreadPoolExecutor
from types import FrameType, TracebackType
from typing import Any

from django.conf import settings
from django.core import mail
from django.db import connection
from django.http import HttpRequest, QueryDict
from django.utils.log import AdminEmailHandler
from django.views.debug import SafeExceptionReporterFilter

from bookbag.operations.logs import describe, kind, redact, without_words

# Seconds between two mails about the same cause.
SAME_CAUSE_SECONDS = 600
# The time limit for the database, which must not prevent the mail about its own failure.
CLAIM_SECONDS = 3
# Numbers and ids, which differ between failures with the same cause.
VARYING = re.compile(r"[0-9a-fA-F]{8,}|\d+")
OURS = {"agents", "billing", "bookbag", "llm", "workspaces"}
# The time limit for the mail server.
MAIL_SECONDS = 10
# The most reports that wait. During many failures the first ones are enough, and the log has all.
MOST_WAITING = 20


class HidingFilter(SafeExceptionReporterFilter):
    """For Django's debug page: hides posted values, cookies, and locals that look like a provider key."""

    def is_active(self, request: HttpRequest | None) -> bool:
        return True

    def get_post_parameters(self, request: HttpRequest | None) -> QueryDict | dict[str, str]:
        return dict.fromkeys(request.POST, self.cleansed_substitute) if request else {}

    def get_safe_cookies(self, request: HttpRequest) -> dict[str, str]:
        return dict.fromkeys(getattr(request, "COOKIES", {}), self.cleansed_substitute)

    def get_cleansed_multivaluedict(self, request: HttpRequest, multivaluedict: Any) -> Any:
        return dict.fromkeys(multivaluedict, self.cleansed_substitute)

    def get_traceback_frame_variables(self, request: HttpRequest, tb_frame: FrameType) -> ItemsView[str, Any]:
        shown = super().get_traceback_frame_variables(request, tb_frame)
        return {name: self._without_secrets(value) for name, value in shown}.items()

    def _without_secrets(self, value: Any) -> Any:
        try:
            text = repr(value)
        except Exception:  # a value whose repr fails is hidden
            return self.cleansed_substitute
        return value if redact(text) == text else self.cleansed_substitute


class Report:
    """The content of a mail about one failure. The signature is the one that Django's handler expects."""

    def __init__(
        self,
        request: HttpRequest | None,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | str | None,
        tb: TracebackType | None,
        is_email: bool = True,
    ) -> None:
        self.request = request
        self.error = exc_value if isinstance(exc_value, BaseException) else None

    def get_traceback_text(self) -> str:
        request = self.request
        lines = []
        if request is not None:
            match = request.resolver_match
            lines.append(f"{request.method} {request.path}")
            lines.append(f"View: {match.view_name if match else 'none'}")
            lines.append(f"Reference: {getattr(request, 'reference', 'none')}")
        return "\n".join([*lines, "", describe(self.error)])


class AdminMail(AdminEmailHandler):
    """Mails reports from a thread of its own, because a failure may be logged on the event loop."""

    def __init__(self) -> None:
        super().__init__(include_html=False, reporter_class="bookbag.operations.reports.Report")
        self.waiting: queue.Queue[tuple[str, str, str]] = queue.Queue(MOST_WAITING)
        self.postman: threading.Thread | None = None
        self.clerk = ThreadPoolExecutor(1, thread_name_prefix="admin-mail-claim")
        self.told: dict[str, float] = {}
        # The report of the current record; a handler handles one record at a time.
        self.cause = ""

    def emit(self, record: logging.LogRecord) -> None:
        if not settings.ADMINS:
            return
        now = time.monotonic()
        self.cause = cause_of(record)
        if now - self.told.get(self.cause, -math.inf) >= SAME_CAUSE_SECONDS:
            self.told = {cause: at for cause, at in self.told.items() if now - at < SAME_CAUSE_SECONDS}
            self.told[self.cause] = now
            super().emit(without_words(record))

    def format_subject(self, subject: str) -> str:
        return redact(super().format_subject(subject))

    def send_mail(self, subject: Any, message: Any, *args: Any, **kwargs: Any) -> None:
        try:
            self.waiting.put_nowait((self.cause, str(subject), redact(str(message))))
        except queue.Full:
            # The mail was not sent, so the next failure of this cause may be mailed.
            self.told.pop(self.cause, None)
            return
        if self.postman is None or not self.postman.is_alive():
            self.postman = threading.Thread(target=self._deliver, name="admin-mail", daemon=True)
            self.postman.start()

    def flush(self) -> None:
        """Wait for a limited time until queued mails are sent; the interpreter calls this when it exits."""
        with self.waiting.all_tasks_done:
            self.waiting.all_tasks_done.wait_for(lambda: not self.waiting.unfinished_tasks, MAIL_SECONDS)

    def _deliver(self) -> None:
        while True:
            cause, subject, message = self.waiting.get()
            try:
                if self._is_ours_to_tell(cause):
                    server = mail.get_connection(fail_silently=True, timeout=MAIL_SECONDS)
                    mail.mail_admins(subject, message, fail_silently=True, connection=server)
            except Exception:  # noqa: S110 (a failed mail must not cause another failure; the log has it)
                pass
            finally:
                self.waiting.task_done()

    def _is_ours_to_tell(self, cause: str) -> bool:
        """Whether no other process has mailed this cause lately.

        True if the database does not answer: twice is better than never.
        """
        try:
            return self.clerk.submit(_claim, cause).result(CLAIM_SECONDS)
        except Exception:
            return True


def cause_of(record: logging.LogRecord) -> str:
    """A text that is equal for failures of the same kind at the same place, whatever the request."""
    error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
    words = VARYING.sub("#", str(record.msg))
    told = f"{record.name} {words}"
    if error is not None:
        told += f" {kind(error)} {_place(error, getattr(record, 'request', None))}"
    return hashlib.sha256(told.encode(errors="replace")).hexdigest()[:14]


def _place(error: BaseException, request: HttpRequest | None) -> str:
    """The innermost line of our own code, because many different failures end in the same line of a library.

    Without a line of ours (in one of Django's views, for example), the library's line and the view's name.
    """
    ours = anywhere = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        anywhere = f"{frame.f_code.co_filename}:{line}"
        if frame.f_globals.get("__name__", "").partition(".")[0] in OURS:
            ours = anywhere
    match = request.resolver_match if request is not None else None
    return ours or f"{anywhere} {match.view_name if match else ''}"


def _claim(cause: str) -> bool:
    """Claim the next ten minutes for mails about this cause; only one of several processes gets True."""
    # Imported here, because logging is set up before Django's models are loaded.
    from agents import running

    try:
        return running.my_turn(f"alarm:{cause}", SAME_CAUSE_SECONDS)
    finally:
        connection.close()
