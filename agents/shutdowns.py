"""Which agents use chat models that leave: for the operators' front page, and for the mails to admins.

llm/shutdowns.py handles the models, their last days and the notices already sent.
"""

import datetime as dt
import logging
from collections import defaultdict

from django.conf import settings
from django.db.models import Count
from django.urls import reverse

from agents.models import Agent
from llm import outlook, shutdowns
from llm.models import ChatModel, Provider
from llm.shutdowns import LeavingModel, Use
from workspaces.models import Workspace

log = logging.getLogger(__name__)


def catalogue(today: dt.date) -> list[LeavingModel]:
    """The catalogue's models that leave soon, and gone ones that agents still use, in three queries."""
    counted = (
        Agent.objects.exclude(status=Agent.Status.ARCHIVED)
        .order_by()
        .values("chat_model_id")
        .annotate(agents=Count("pk"), workspaces=Count("workspace", distinct=True))
    )
    uses = {row["chat_model_id"]: Use(row["agents"], row["workspaces"]) for row in counted}
    return shutdowns.catalogue(uses, today)


def tell(today: dt.date | None = None) -> int:
    """Mail the admins of workspaces whose active agents use a model that leaves; returns the number of notices.

    Safe to repeat and to run twice at once: each notice is sent once. `today` is the date in UTC.
    """
    day = today or outlook.today()
    sent = 0
    for due in shutdowns.due(_workspaces(), day):
        workspace = Workspace.objects.get(pk=due.workspace_id)
        running = workspace.agents.filter(chat_model=due.chat_model, status=Agent.Status.ACTIVE)
        names = list(running.order_by("name").values_list("name", flat=True))
        if not names:  # its agents were moved meanwhile
            continue
        try:
            sent += shutdowns.tell(due, workspace, names, _way_out(workspace, due.chat_model), day)
        except OSError as problem:
            log.warning("mails about models that leave wait for the mail server: %s", type(problem).__name__)
            break
    return sent


def _workspaces() -> dict[int, set[int]]:
    """The workspaces whose active agents use a provider's chat model, by the chat model's id. One query."""
    running = Agent.objects.filter(status=Agent.Status.ACTIVE).exclude(chat_model__provider=Provider.LOCAL)
    found: dict[int, set[int]] = defaultdict(set)
    for chat_model_id, workspace_id in (
        running.order_by().values_list("chat_model_id", "workspace_id").distinct()
    ):
        found[chat_model_id].add(workspace_id)
    return found


def _way_out(workspace: Workspace, chat_model: ChatModel) -> str:
    page = reverse("agents:change_models", args=[workspace.slug])
    return f"{settings.SITE_URL}{page}?from={chat_model.code}"
