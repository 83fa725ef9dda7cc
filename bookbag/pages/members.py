"""The members page and the invitations. They are here because they use the plan, which `workspaces` cannot import."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from billing import plans
from billing.models import Account
from workspaces import invitations, members, notices, signup
from workspaces.access import WorkspaceRequest, admin_required, owner_required, public, viewer_required
from workspaces.errors import MembersError, NoSeat, NotInvited, NotNow
from workspaces.invitations import Invitee
from workspaces.models import Invitation, Membership, Role, User, Workspace
from workspaces.reauth import ask_again, is_recent

# The session key for the results of inviting, shown on the next page. In the session, because the list may be long.
ANSWERS = "invited"
UNSENT = "is invited, but the mail could not be sent: copy the link below and pass it on"
MEMBERS_SHOWN = 200
PENDING_SHOWN = 200
LONGEST_SEARCH = 100


class InviteForm(forms.Form):
    emails = forms.CharField(
        label="E-mail addresses",
        max_length=20_000,
        strip=True,
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": "ada@example.com, bob@example.com"}),
        help_text=f"One or several, separated by commas or line breaks; at most {invitations.MOST_AT_ONCE} at a time.",
    )
    role = forms.TypedChoiceField(
        coerce=Role, choices=[(role.value, role.label) for role in invitations.ROLES]
    )

    def clean_emails(self) -> list[str]:
        found = invitations.addresses_in(self.cleaned_data["emails"])
        if len(found) > invitations.MOST_AT_ONCE:
            raise forms.ValidationError(
                f"These are {len(found)} addresses. At most {invitations.MOST_AT_ONCE} can be invited at a time."
            )
        return found


@dataclass(frozen=True)
class MemberRow:
    """One member, for a given reader. `only_owner`: the role is fixed until there is another owner."""

    member: Membership
    is_self: bool
    is_manageable: bool
    only_owner: bool


@dataclass(frozen=True)
class Seats:
    """How many seats members and open invitations take. `most`: None without a limit."""

    taken: int
    most: int | None
    plan: str

    @property
    def left(self) -> int | None:
        return None if self.most is None else max(0, self.most - self.taken)

    @property
    def is_over(self) -> bool:
        return self.most is not None and self.taken > self.most


@dataclass(frozen=True)
class Pending:
    """An invitation that is not accepted, and its link if it still works."""

    invitation: Invitation
    link: str


def _seats(workspace: Workspace) -> Seats:
    account = Account.objects.select_related("plan").filter(workspace=workspace).first()
    plan = account.plan if account else None
    return Seats(
        taken=invitations.seats_taken(workspace),
        most=plan.seat_limit if plan else None,
        plan=plan.name if plan else "",
    )


def _member_rows(workspace: Workspace, viewer: Membership, words: str) -> list[MemberRow]:
    """At most MEMBERS_SHOWN members, owners first."""
    found = sorted(
        workspace.memberships.select_related("user"), key=lambda m: (-Role(m.role).rank, m.user.email)
    )
    owners = [member.pk for member in found if member.is_owner]
    chosen = [member for member in found if _matches(member, words.casefold())]
    return [
        MemberRow(member, member.pk == viewer.pk, viewer.may_manage(member), owners == [member.pk])
        for member in chosen[:MEMBERS_SHOWN]
    ]


def _matches(member: Membership, words: str) -> bool:
    return words in member.user.email.casefold() or words in member.user.name.casefold()


def _link(request: HttpRequest, invitation: Invitation) -> str:
    token = invitations.token_of(invitation)
    return request.build_absolute_uri(reverse("workspaces:invitation", args=[token])) if token else ""


def _page(
    request: WorkspaceRequest, workspace: Workspace, form: InviteForm | None = None, status: int = 200
) -> HttpResponse:
    """Context: `rows`, `count`, `words` of the search, and for admins what `_inviting` has."""
    words = request.GET.get("q", "")[:LONGEST_SEARCH].strip()
    facts: dict[str, Any] = {
        "workspace": workspace,
        "words": words,
        "rows": _member_rows(workspace, request.membership, words),
        "count": workspace.memberships.count(),
        "most_shown": MEMBERS_SHOWN,
    }
    if request.membership.is_admin:
        facts |= _inviting(request, workspace, form, words)
    return render(request, "workspaces/members.html", facts, status=status)


def _inviting(
    request: WorkspaceRequest, workspace: Workspace, form: InviteForm | None, words: str
) -> dict[str, Any]:
    """Context: `form`, `seats`, `answers`, the `pending` that fit the words, `pending_count`, how many do, and
    `waiting_count`, how many wait at all."""
    answers = request.session.pop(ANSWERS, [])
    waiting = invitations.pending(workspace, words)
    fitting = waiting.count()
    not_done = [one["address"] for one in answers if not one["done"]]
    return {
        "form": form or InviteForm(initial={"emails": "\n".join(not_done), "role": Role.EDITOR.value}),
        "seats": _seats(workspace),
        "pending": [Pending(one, _link(request, one)) for one in waiting[:PENDING_SHOWN]],
        "pending_count": fitting,
        "waiting_count": invitations.pending(workspace).count() if words else fitting,
        "answers": answers,
    }


def _telling_refusals(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Show errors of the membership rules on the members page."""

    @wraps(view)
    def wrapped(request: WorkspaceRequest, workspace: Workspace, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, workspace, *args, **kwargs)
        except MembersError as refusal:
            messages.error(request, str(refusal))
            return redirect("workspaces:members", workspace.slug)

    return wrapped


@viewer_required
@require_safe
def members_page(request: WorkspaceRequest, workspace: Workspace) -> HttpResponse:
    return _page(request, workspace)


@owner_required
@require_http_methods(["GET", "HEAD", "POST"])
def transfer(request: WorkspaceRequest, workspace: Workspace, member_id: UUID) -> HttpResponse:
    """GET says what changes, POST makes the member an owner and the caller an admin. Context: `member`."""
    found = workspace.memberships.select_related("user").exclude(pk=request.membership.pk)
    member = get_object_or_404(found, code=member_id)
    if not is_recent(request):
        return ask_again(reverse("workspaces:transfer", args=[workspace.slug, member.code]))
    if request.method != "POST":
        return render(request, "workspaces/transfer.html", {"workspace": workspace, "member": member})
    return _transfer(request, workspace, member)


@_telling_refusals
def _transfer(request: WorkspaceRequest, workspace: Workspace, member: Membership) -> HttpResponse:
    member = members.transfer(member, by=request.membership, request=request)
    notices.tell_of_ownership(member, by=request.membership.user)
    messages.success(request, f"{member.user.email} owns {workspace.name} now. You are an admin of it.")
    return redirect("workspaces:members", workspace.slug)


# --- Inviting -----------------------------------------------------------------------------------


@admin_required
@require_POST
@_telling_refusals
def invite(request: WorkspaceRequest, workspace: Workspace) -> HttpResponse:
    """Invite each of `emails` as `role`; the next page shows the results."""
    form = InviteForm(request.POST)
    if not form.is_valid():
        return _page(request, workspace, form, status=400)
    invitees = invitations.invite(
        form.cleaned_data["emails"],
        role=form.cleaned_data["role"],
        by=request.membership,
        seats=plans.seats_of(workspace),
        request=request,
    )
    request.session[ANSWERS] = _told(request, invitees)
    return redirect(reverse("workspaces:members", args=[workspace.slug]) + "#invite")


def _told(request: WorkspaceRequest, invitees: list[Invitee]) -> list[dict[str, Any]]:
    """Mail the people; returns the result of each address. Once a mail fails, no further one is tried."""
    by: User = request.membership.user
    mail_works, told = True, []
    for one in invitees:
        words = one.status.value
        if one.invitation is not None:
            mail_works = mail_works and notices.send_invitation(
                one.invitation, _link(request, one.invitation), by=by
            )
            words = words if mail_works else UNSENT
        elif one.member is not None:
            mail_works = mail_works and notices.tell_of_joining(one.member, by=by)
            notices.tell_admins_of_joining(one.member, by)
        told.append({"address": one.address[:100], "words": words, "done": one.status.is_done})
    return told


@admin_required
@require_POST
@_telling_refusals
def resend_invitation(request: WorkspaceRequest, workspace: Workspace, invitation_id: UUID) -> HttpResponse:
    invitation = get_object_or_404(workspace.invitations, pk=invitation_id)
    seats = plans.seats_of(workspace)
    invitation = invitations.resend(invitation, by=request.membership, seats=seats, request=request)
    if notices.send_invitation(invitation, _link(request, invitation), by=request.membership.user):
        messages.success(request, f"{invitation.email} was sent a new link. The one before no longer works.")
    else:
        messages.warning(
            request, f"The mail to {invitation.email} could not be sent. Copy the new link and pass it on."
        )
    return redirect("workspaces:members", workspace.slug)


@admin_required
@require_POST
@_telling_refusals
def revoke_invitation(request: WorkspaceRequest, workspace: Workspace, invitation_id: UUID) -> HttpResponse:
    invitation = get_object_or_404(workspace.invitations, pk=invitation_id)
    invitations.revoke(invitation, by=request.membership, request=request)
    messages.success(request, f"The invitation of {invitation.email} is revoked.")
    return redirect("workspaces:members", workspace.slug)


# --- Being invited ------------------------------------------------------------------------------


@public("whoever has the link of an invitation may read it, in order to sign in or up")
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """GET shows the invitation, POST accepts it. Context: `invitation`, or `refusal`, a sentence."""
    found = invitations.find(token)
    if found is None or not found.is_open(timezone.now()):
        return _over(request, found)
    if request.method == "POST":
        return _accept(request, found)
    return _show(request, found)


def _accept(request: HttpRequest, found: Invitation) -> HttpResponse:
    if not request.user.is_authenticated:
        return redirect(f"{reverse(settings.LOGIN_URL)}?next={request.path}")
    try:
        member = invitations.accept(
            found, request.user, seats=plans.seats_of(found.workspace), request=request
        )
    except NotInvited:
        return _show(request, found, status=403)
    except (NoSeat, NotNow) as refusal:
        return _show(request, found, refusal=str(refusal), status=409)
    except MembersError:
        return _over(request, invitations.find(request.path.rstrip("/").rpartition("/")[2]))
    notices.tell_admins_of_joining(member)
    messages.success(request, f"Welcome to {found.workspace.name}. You are {member.role_in_words}.")
    return redirect(found.workspace)


def _show(request: HttpRequest, found: Invitation, *, refusal: str = "", status: int = 200) -> HttpResponse:
    person = request.user
    if not person.is_authenticated:
        # Even if strangers cannot sign up, a person with the link may, with the address that it was sent to.
        signup.admit(request, found.email)
    facts = {
        "invitation": found,
        "refusal": refusal,
        "may_sign_up": settings.SIGNUP != "closed",
        "is_theirs": person.is_authenticated and invitations.has_confirmed(person, found.email),
        "is_unconfirmed": person.is_authenticated and person.email.lower() == found.email,
    }
    return render(request, "workspaces/invitation.html", facts, status=status)


def _over(request: HttpRequest, found: Invitation | None) -> HttpResponse:
    """The page of a link that no longer works.

    The person who accepted it is redirected; for an expired one it says who can send another.
    """
    is_used = found is not None and found.state == Invitation.State.ACCEPTED
    if found and is_used and request.user.pk in found.workspace.memberships.values_list("user", flat=True):
        return redirect(found.workspace)
    expired = found if found is not None and found.has_expired else None
    return render(request, "workspaces/invitation_over.html", {"expired": expired}, status=404)
