"""Handling deletions during an act: of the acting account, its membership, an agent, a source.

The database then refuses a reference to the deleted row, or finds nothing to change. The act is rolled back, and the
sender gets the response as if the row had been gone before. It is not reported as a failure.
"""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ObjectDoesNotExist
from django.db import DatabaseError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.defaults import page_not_found

from agents.models import Agent, Conversation, QAPair, RemovedPair, Reply, Source
from llm.models import ChatModel
from workspaces.models import Invitation, Membership, User

# The deletable things that an address names besides the workspace, and the field that identifies each.
NAMED: dict[str, tuple[Any, str]] = {
    "agent_id": (Agent, "pk"),
    "source_id": (Source, "pk"),
    "qa_id": (QAPair, "pk"),
    "removed_id": (RemovedPair, "pk"),
    "conversation_id": (Conversation, "pk"),
    "reply_id": (Reply, "pk"),
    "chat_model_id": (ChatModel, "code"),
    "invitation_id": (Invitation, "pk"),
    "member_id": (Membership, "code"),
}
ACCOUNT_GONE = "Your account was deleted meanwhile. What you sent was not saved."


class GoneMeanwhile:
    """Middleware: after a failure that a deletion can cause, checks whether what the request needs still exists."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, problem: Exception) -> HttpResponse | None:
        if not _may_come_of_it(problem) or not request.user.is_authenticated:
            return None
        if not User.objects.filter(pk=request.user.pk).exists():
            logout(request)
            messages.warning(request, ACCOUNT_GONE)
            return redirect_to_login("/", reverse("account_login"))
        if _names_what_is_gone(request):
            return page_not_found(request, Http404())
        return None


def _may_come_of_it(problem: Exception) -> bool:
    """Whether a deletion can be the cause; not if the database itself fails, because then nothing can be looked up."""
    is_outage = isinstance(problem, OperationalError | InterfaceError)
    return isinstance(problem, DatabaseError | ObjectDoesNotExist) and not is_outage


def _names_what_is_gone(request: HttpRequest) -> bool:
    named = request.resolver_match.kwargs if request.resolver_match else {}
    if request.path.startswith("/w/"):
        own = Membership.objects.filter(user=request.user.pk, workspace__slug=named.get("slug"))
        if not own.exists():
            return True
    return any(_is_gone(*NAMED[name], value) for name, value in named.items() if name in NAMED)


def _is_gone(kind: Any, field: str, value: Any) -> bool:
    return not kind.objects.filter(**{field: value}).exists()
