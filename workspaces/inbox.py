"""Notices: what somebody should know and might miss, in one place of their account, and by mail unless they say no.

Each is given once: its `once` names what it is about, and the database keeps a second one out.
"""

import logging
from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from workspaces.models import Notice, Role, User, Workspace
from workspaces.one_line import one_line

log = logging.getLogger(__name__)

Kind = Notice.Kind
KEPT = timedelta(days=90)
SHOWN = 50
MAIL_SECONDS = 10


def admins_of(workspace: Workspace) -> QuerySet[User]:
    """Whoever manages `workspace` and can sign in."""
    roles = [Role.ADMIN, Role.OWNER]
    found = User.objects.filter(is_active=True, memberships__workspace=workspace, memberships__role__in=roles)
    return found.order_by("pk")


def note(
    people: Iterable[User], kind: Kind, *, workspace: Workspace | None, once: str, text: str, link: str
) -> list[User]:
    """Give a notice to each of `people` who has none of this `once`; returns those of them who want it by mail.

    `link` is a path of the site. The caller mails, or `tell` does.
    """
    told = []
    for person in people:
        _, is_new = Notice.objects.get_or_create(
            person=person,
            once=f"{kind}:{once}"[:120],
            defaults={"workspace": workspace, "kind": kind, "text": text[:300], "link": link[:300]},
        )
        if is_new and wants_mail(person, kind):
            told.append(person)
    return told


def tell(
    people: Iterable[User], kind: Kind, *, workspace: Workspace | None, once: str, text: str, link: str
) -> None:
    """The same, and mail it, once what is done here is committed."""
    told = note(people, kind, workspace=workspace, once=once, text=text, link=link)
    body = f"{text}\n\n{settings.SITE_URL}{link}\n\nWhich notices are mailed to you: {settings.SITE_URL}/account/notices/\n"
    addresses = [person.email for person in told]
    if addresses:
        transaction.on_commit(lambda: _mail(one_line(text), body, addresses), robust=True)


def wants_mail(person: User, kind: str) -> bool:
    return kind not in person.unmailed_notices.split()


def of(person: User) -> list[Notice]:
    """The latest, the newest first; what is older than 90 days goes."""
    person.notices.filter(created_at__lt=timezone.now() - KEPT).delete()
    return list(person.notices.select_related("workspace").order_by("-id")[:SHOWN])


def _mail(subject: str, body: str, addresses: list[str]) -> None:
    try:
        with get_connection(timeout=MAIL_SECONDS) as connection:
            for address in addresses:
                EmailMessage(
                    subject, body, settings.DEFAULT_FROM_EMAIL, [address], connection=connection
                ).send()
    except OSError as problem:
        log.warning("a notice was not mailed: %s", type(problem).__name__)
