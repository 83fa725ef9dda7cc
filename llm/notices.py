"""Mail to the people who can fix a provider key or move agents off a model. No mail shows more of a key than its mask."""

import datetime as dt
import logging
import smtplib
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db import connection as database
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from llm import lifecycle
from llm.models import ChatModel, LLMSettings, ProviderKey
from llm.profiles import Profile
from workspaces import inbox
from workspaces.models import Role, User, Workspace

log = logging.getLogger(__name__)

# A time limit, so that a mail server that does not answer cannot hold up the reply that found the rejection.
MAIL_SECONDS = 10
AGENTS_NAMED = 20


def tell_of_rejection(row: ProviderKey) -> None:
    """Ask the workspace's admins and owners (operators for a platform key) to replace this key."""
    byo = LLMSettings.objects.filter(workspace=row.workspace_id, byo_enabled=True).exists()
    whose = f"{row.workspace}'s" if row.workspace else "Bookbag's"
    subject = f"{row.get_provider_display()} rejected {whose} key {row.mask}"
    text = render_to_string("llm/mail/key_rejected.txt", {"row": row, "byo_enabled": byo})
    addresses = _menders(row)
    if row.workspace is not None:
        people = inbox.admins_of(row.workspace)
        link = reverse("llm:settings", args=[row.workspace.slug])
        day = timezone.now().date()
        inbox.note(
            people,
            inbox.Kind.KEY_REJECTED,
            workspace=row.workspace,
            once=f"{row.pk}:{day}",
            text=f"{subject}.",
            link=link,
        )
        unwanted = {one.email for one in people if not inbox.wants_mail(one, inbox.Kind.KEY_REJECTED)}
        addresses = [one for one in addresses if one not in unwanted]
    with get_connection(timeout=MAIL_SECONDS) as connection:
        for address in addresses:
            EmailMessage(subject, text, settings.DEFAULT_FROM_EMAIL, [address], connection=connection).send()


def tell_of_shutdown(
    workspace: Workspace,
    chat_model: ChatModel,
    profile: Profile,
    agents: list[str],
    link: str,
    today: dt.date,
) -> None:
    """Tell the workspace's admins and owners which of its agents lose their chat model, and where to move them.

    No database connection is held meanwhile. `profile` names the last day and what takes over. Raises OSError when
    the mail server cannot be reached and nobody got the mail.
    """
    facts = {
        "workspace": workspace,
        "model": chat_model,
        "last_day": profile.shuts_down_on,
        "days": profile.days_left(today),
        "is_gone": profile.is_gone(today),
        "successor": lifecycle.name_of(profile.replaced_by),
        "agents": agents[:AGENTS_NAMED],
        "more": max(0, len(agents) - AGENTS_NAMED),
        "link": link,
    }
    text = render_to_string("llm/mail/model_leaves.txt", facts)
    end = lifecycle.end_words(profile, today)
    people = list(inbox.admins_of(workspace).order_by("email"))
    inbox.note(
        people,
        inbox.Kind.MODEL_LEAVES,
        workspace=workspace,
        once=f"{workspace.pk}:{chat_model.pk}:{today}",
        text=f"{chat_model.name} {end}. Agents of {workspace} run on it: {', '.join(agents[:3])}.",
        link=urlsplit(link).path,
    )
    addresses = [one.email for one in people if inbox.wants_mail(one, inbox.Kind.MODEL_LEAVES)]
    _send_each(f"{chat_model.name} {end}: agents of {workspace} run on it", text, addresses)


def _send_each(subject: str, text: str, addresses: list[str]) -> None:
    """Send one mail to each. A refused address is logged and does not stop the others."""
    if not database.in_atomic_block:
        database.close()
    connection = get_connection(timeout=MAIL_SECONDS)
    # People choose these names, and a line break in one would start a new mail header.
    subject = " ".join(subject.split())
    sent = 0
    for address in addresses:
        try:
            EmailMessage(subject, text, settings.DEFAULT_FROM_EMAIL, [address], connection=connection).send()
            sent += 1
        except (smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError):
            log.warning("a mail about a model's last day was refused")
        except OSError:
            if not sent:
                raise
            log.warning("a mail about a model's last day was not sent")


def _menders(row: ProviderKey) -> list[str]:
    if row.workspace_id is not None:
        return _admins(row.workspace_id)
    operators = User.objects.filter(is_active=True, is_staff=True)
    return list(operators.order_by("email").values_list("email", flat=True))


def _admins(workspace_id: int) -> list[str]:
    people = User.objects.filter(
        is_active=True, memberships__workspace=workspace_id, memberships__role__in=[Role.ADMIN, Role.OWNER]
    )
    return list(people.order_by("email").values_list("email", flat=True))
