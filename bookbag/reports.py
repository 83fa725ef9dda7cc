"""Mail to the people of ADMINS when something fails, and what Django may show of a failure.

Django's own report repeats what was posted, the cookies, and the words of the exception; with HTML
also every local variable. Ours says where and of which kind, as the log does, and which reference
the person was shown.
"""

import logging
import queue
import threading
from collections.abc import ItemsView
from types import FrameType, TracebackType
from typing import Any

from django.conf import settings
from django.core import mail
from django.http import HttpRequest, QueryDict
from django.utils.log import AdminEmailHandler
from django.views.debug import SafeExceptionReporterFilter

from bookbag.logs import describe, redact, without_words

# A mail server that does not answer holds up nothing but the next mail.
MAIL_SECONDS = 10
# In a storm of failures the first ones tell the story, and the log has them all.
MOST_WAITING = 20


class HidingFilter(SafeExceptionReporterFilter):
    """For Django's debug page: no posted value, no cookie, and no local that looks like a provider key."""

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
        except Exception:  # a value that cannot show itself is not ours to show
            return self.cleansed_substitute
        return value if redact(text) == text else self.cleansed_substitute


class Report:
    """What is mailed about one failure. The signature is the one that Django's handler expects."""

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
    """Mails a report from a thread of its own, since a failure may be logged on the event loop."""

    def __init__(self) -> None:
        super().__init__(include_html=False, reporter_class="bookbag.reports.Report")
        self.waiting: queue.Queue[tuple[str, str]] = queue.Queue(MOST_WAITING)
        self.postman: threading.Thread | None = None

    def emit(self, record: logging.LogRecord) -> None:
        super().emit(without_words(record))

    def format_subject(self, subject: str) -> str:
        return redact(super().format_subject(subject))

    def send_mail(self, subject: Any, message: Any, *args: Any, **kwargs: Any) -> None:
        if not settings.ADMINS:
            return
        try:
            self.waiting.put_nowait((str(subject), redact(str(message))))
        except queue.Full:
            return
        if self.postman is None or not self.postman.is_alive():
            self.postman = threading.Thread(target=self._deliver, name="admin-mail", daemon=True)
            self.postman.start()

    def flush(self) -> None:
        """Wait, a little while, until what was handed over is sent; the interpreter asks this at its end."""
        with self.waiting.all_tasks_done:
            self.waiting.all_tasks_done.wait_for(lambda: not self.waiting.unfinished_tasks, MAIL_SECONDS)

    def _deliver(self) -> None:
        while True:
            subject, message = self.waiting.get()
            try:
                connection = mail.get_connection(fail_silently=True, timeout=MAIL_SECONDS)
                mail.mail_admins(subject, message, fail_silently=True, connection=connection)
            except Exception:  # noqa: S110 (a mail about a failure must not become one; the log has it)
                pass
            finally:
                self.waiting.task_done()
