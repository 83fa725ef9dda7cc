"""Telling of changes among people: the members of a workspace, and the person concerned; by mail, some by a notice.

A mail is sent after its act is committed. If the mail server fails, the act remains and the failure is logged.
"""

import logging
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage, EmailMultiAlternatives, get_connection
from django.db import transaction
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from workspaces import inbox, signup
from workspaces.models import Invitation, Membership, Role, User, Workspace
from workspaces.one_line import one_line

log = logging.getLogger(__name__)

# A time limit, so that a mail server that does not answer cannot hold up the page.
MAIL_SECONDS = 10


def owners(workspace: Workspace) -> list[str]:
    """The addresses of the workspace's owners who can sign in."""
    found = workspace.memberships.filter(role=Role.OWNER, user__is_active=True).order_by("user__email")
    return list(found.values_list("user__email", flat=True))


def tell_of_members(
    workspace: Workspace, changes: list[str], told: list[str], *, reason: str, operator: Any
) -> None:
    """Tell each address of `told` what an operator has changed among the members, and why."""
    facts = {"workspace": workspace, "changes": changes, "reason": reason, "operator": operator}
    text = render_to_string("workspaces/mail/members_changed.txt", facts)
    _send_on_commit(f"An operator has changed the members of {workspace.name}", text, told)


def tell_of_password(person: User) -> None:
    """Tell `person` that an operator has set their password."""
    text = render_to_string("workspaces/mail/password_set.txt", {"person": person})
    _send_on_commit("An operator has set your Bookbag password", text, [person.email])


def tell_of_second_factor(person: User, kind: str, *, added: bool) -> None:
    """Tell `person` that a second factor was added or removed, so that they notice if somebody else did it."""
    facts = {"person": person, "kind": kind, "added": added, "site": settings.SITE_URL}
    text = render_to_string("workspaces/mail/second_factor.txt", facts)
    done = "added to" if added else "removed from"
    _send_on_commit(f"{kind[0].upper()}{kind[1:]} was {done} your Bookbag account", text, [person.email])


def tell_of_identity(person: User, *, added: bool) -> None:
    """Tell `person` that the issuer signs them in from now on, or no longer."""
    facts = {"person": person, "name": settings.OIDC_NAME, "added": added, "site": settings.SITE_URL}
    text = render_to_string("workspaces/mail/identity.txt", facts)
    done = "signs you in to" if added else "no longer signs you in to"
    _send_on_commit(f"{settings.OIDC_NAME} {done} Bookbag", text, [person.email])


def invite(address: str, request: HttpRequest) -> None:
    """Send `address` a link with which it may make an account."""
    link = request.build_absolute_uri(f"{reverse('account_signup')}?invitation={signup.invitation(address)}")
    facts = {"link": link, "days": signup.INVITATION_LIFE.days}
    _send("Make your Bookbag account", render_to_string("workspaces/mail/invitation.txt", facts), [address])


def send_invitation(invitation: Invitation, link: str, *, by: User) -> bool:
    """Mail the link to the invited address; False if the mail server did not accept it. Call after the commit."""
    facts = {"invitation": invitation, "workspace": invitation.workspace, "link": link, "by": by}
    subject = f"{_name_of(by)} invites you to {invitation.workspace.name} on Bookbag"
    return _send_now(
        subject, ("workspaces/mail/invited.txt", "workspaces/mail/invited.html"), facts, invitation.email
    )


def tell_of_joining(member: Membership, *, by: User) -> bool:
    """Tell a person that they were added, and how to leave; False if the mail server did not accept it."""
    link = f"{settings.SITE_URL}{reverse('workspaces:members', args=[member.workspace.slug])}"
    facts = {"member": member, "workspace": member.workspace, "link": link, "by": by}
    subject = f"{_name_of(by)} has added you to {member.workspace.name} on Bookbag"
    return _send_now(
        subject, ("workspaces/mail/joined.txt", "workspaces/mail/joined.html"), facts, member.user.email
    )


def tell_admins_of_joining(member: Membership, *others: User) -> None:
    """Give the workspace's admins, except `others`, who know it, a notice that `member` has joined."""
    known = {member.user_id, *(one.pk for one in others)}
    inbox.tell(
        [one for one in inbox.admins_of(member.workspace) if one.pk not in known],
        inbox.Kind.MEMBER_JOINED,
        workspace=member.workspace,
        once=f"{member.pk}",
        text=f"{member.user.email} has joined {member.workspace.name} as {member.role_in_words}.",
        link=reverse("workspaces:members", args=[member.workspace.slug]),
    )


def tell_of_ownership(member: Membership, *, by: User) -> None:
    """Give a member a notice that they own the workspace now, and mail it in more words. Call after the commit."""
    workspace, page = member.workspace, reverse("workspaces:members", args=[member.workspace.slug])
    mailed = inbox.note(
        [member.user],
        inbox.Kind.OWNERSHIP,
        workspace=workspace,
        once=f"{workspace.pk}:{timezone.now():%Y-%m-%dT%H:%M:%S}",
        text=f"You own {workspace.name} now.",
        link=page,
    )
    if mailed:
        facts = {"workspace": workspace, "link": f"{settings.SITE_URL}{page}", "by": by}
        templates = ("workspaces/mail/owner.txt", "workspaces/mail/owner.html")
        _send_now(f"You own {workspace.name} on Bookbag now", templates, facts, member.user.email)


def tell_of_deletion(name: str, told: list[str], *, by: User) -> None:
    """Tell those who were members that the workspace called `name` is gone. Once a mail fails, no further one is tried."""
    templates = ("workspaces/mail/deleted.txt", "workspaces/mail/deleted.html")
    for address in told:
        if not _send_now(f"{name} on Bookbag was deleted", templates, {"name": name, "by": by}, address):
            return


def _name_of(person: User) -> str:
    return person.name or person.email


def _send_now(subject: str, templates: tuple[str, str], facts: dict[str, Any], address: str) -> bool:
    """Send one mail, as text and HTML."""
    text, html = (render_to_string(template, facts) for template in templates)
    try:
        with get_connection(timeout=MAIL_SECONDS) as connection:
            mail = EmailMultiAlternatives(
                one_line(subject), text, settings.DEFAULT_FROM_EMAIL, [address], connection=connection
            )
            mail.attach_alternative(html, "text/html")
            mail.send()
    except OSError as problem:
        log.warning("a mail about a membership was not sent: %s", type(problem).__name__)
        return False
    return True


def _send_on_commit(subject: str, text: str, addresses: list[str]) -> None:
    def send_it() -> None:
        _send(subject, text, addresses)

    transaction.on_commit(send_it, robust=True)


def _send(subject: str, text: str, addresses: list[str]) -> None:
    """Send each recipient a mail of their own, so that nobody sees who else got it."""
    # People choose the names in the subject, and a line break in one would start a new mail header.
    subject = one_line(subject)
    with get_connection(timeout=MAIL_SECONDS) as connection:
        for address in addresses:
            EmailMessage(subject, text, settings.DEFAULT_FROM_EMAIL, [address], connection=connection).send()
