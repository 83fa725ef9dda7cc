"""Notices: what a person should know and might miss, on one page of their account, and by mail unless they opt out.

Each is given once: `once` identifies what it is about, and a unique constraint prevents a second one.
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
    """The admins and owners of `workspace` who can sign in."""
    roles = [Role.ADMIN, Role.OWNER]
    found = User.objects.filter(is_active=True, memberships__workspace=workspace, memberships__role__in=roles)
    return found.order_by("pk")


def note(
    people: Iterable[User], kind: Kind, *, workspace: Workspace | None, once: str, text: str, link: str
) -> list[User]:
    """Give a notice to each of `people` who has none with this `once`; returns those of them who want it by mail.

    `link` is a path of this site. The caller sends the mails; `tell` does both.
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
    """Like `note`, and mail the notice after the transaction is committed."""
    told = note(people, kind, workspace=workspace, once=once, text=text, link=link)
    body = f"{text}\n\n{settings.SITE_URL}{link}\n\nWhich notices are mailed to you: {settings.SITE_URL}/account/notices/\n"
    addresses = [person.email for person in told]
    if addresses:
        transaction.on_commit(lambda: _mail(one_line(text), body, addresses), robust=True)


def wants_mail(person: User, kind: str) -> bool:
    return kind not in person.unmailed_notices.split()


def mailed_kinds(person: User) -> list[str]:
    """The kinds of notices that `person` wants by mail as well."""
    return [kind for kind in Kind.values if wants_mail(person, kind)]


def mail_only(person: User, kinds: Iterable[str]) -> None:
    """Mail `person` notices of these kinds only, from now on."""
    person.unmailed_notices = " ".join(kind for kind in Kind.values if kind not in kinds)
    person.save(update_fields=["unmailed_notices"])


def of(person: User) -> list[Notice]:
    """The person's notices of the last 90 days, newest first; older ones are deleted."""
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
