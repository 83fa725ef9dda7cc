"""The operators' pages about people: users and roles, workspaces with their members, and the audit log (read-only)."""

from typing import Any, ClassVar

from allauth.account.models import EmailAddress
from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Count, Model, QuerySet
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.utils.functional import cached_property

from workspaces import audit, members, notices, standing
from workspaces.desk import LONGEST_SEARCH, DeskAdmin, ReadOnlyAdmin, StaleForm
from workspaces.errors import LastOwner
from workspaces.forms import InvitationForm, SuspensionForm
from workspaces.models import AuditEvent, Membership, Role, User, Workspace
from workspaces.named import Named

POWERS = ("is_staff", "is_superuser", "groups", "user_permissions")


class NewUserForm(Named, AdminUserCreationForm):
    class Meta(AdminUserCreationForm.Meta):
        model = User
        fields = ("email",)
        field_classes: ClassVar[dict[str, type[forms.Field]]] = {}

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()


class ChangeUserForm(Named, UserChangeForm):
    class Meta(UserChangeForm.Meta):
        model = User
        field_classes: ClassVar[dict[str, type[forms.Field]]] = {}


@admin.register(User)
class PersonAdmin(DeskAdmin, UserAdmin):
    """People are disabled, not deleted: a deleted owner would leave a workspace without one.

    An operator who is not a superuser may change only customers, and no permissions or passwords.
    """

    noun = "person"
    form = ChangeUserForm
    add_form = NewUserForm
    list_display = ("email", "name", "is_active", "is_staff", "last_login")
    list_filter = ("is_active", "is_staff")
    search_fields = ("email", "name")
    ordering = ("email",)
    readonly_fields = ("addresses", "last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("email", "addresses", "name", "password")}),
        ("May sign in", {"fields": ("is_active", "last_login", "date_joined")}),
        ("Operator", {"fields": POWERS}),
    )
    add_fieldsets = ((None, {"fields": ("email", "name", "usable_password", "password1", "password2")}),)
    change_list_template = "workspaces/admin/people.html"

    def get_urls(self) -> list[URLPattern]:
        invite = self.admin_site.admin_view(self.invite)
        return [path("invite/", invite, name="workspaces_user_invite"), *super().get_urls()]

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        found = super().get_fieldsets(request, obj)
        if obj is None or request.user.is_superuser:
            return found
        # Django shows parts of the password's hash; only people who may set a password see it.
        return [
            (title, {**options, "fields": [name for name in options["fields"] if name != "password"]})
            for title, options in found
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        # Otherwise an operator who may change people could make themselves a superuser.
        powers = () if request.user.is_superuser else POWERS
        # People change their address on their own page, which verifies the new one and removes the old one.
        address = () if obj is None else ("email",)
        return (*super().get_readonly_fields(request, obj), *powers, *address)

    @admin.display(description="addresses")
    def addresses(self, person: User) -> str:
        """Every address of the person, and whether they have shown that it is theirs."""
        found = EmailAddress.objects.filter(user=person).order_by("-primary", "email")
        words = {True: "confirmed", False: "not confirmed"}
        return ", ".join(f"{one.email} ({words[one.verified]})" for one in found) or "none confirmed"

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        within_reach = (
            obj is None or request.user.is_superuser or obj == request.user or not _is_operator(obj)
        )
        return within_reach and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not obj.is_active:
            # Django already refuses an inactive person's sessions. They are deleted so that they stay dead when the
            # person is made active again.
            obj.sessions.all().delete()

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        """Only for superusers, because setting a password gives access to the account.

        Other operators tell the person to ask for a reset.
        """
        if not request.user.is_superuser:
            raise PermissionDenied("Passwords are reset by their owners, from the sign-in page.")
        before = (
            User.objects.filter(pk=id).values_list("password", flat=True).first() if id.isdecimal() else None
        )
        with transaction.atomic():
            response = super().user_change_password(request, id, form_url)
            person = self.get_object(request, id)
            if person is not None and person.password != before:
                self.record(request, person, "password_set")
                notices.tell_of_password(person)
        return response

    def invite(self, request: HttpRequest) -> HttpResponse:
        """Sends somebody a link with which they may make an account while SIGNUP is `invited`."""
        if not self.has_add_permission(request):
            raise PermissionDenied("Inviting people is not among your rights.")
        form = InvitationForm(request.POST or None)
        if form.is_valid():
            address = form.cleaned_data["email"]
            audit.record(None, "person.invited", request=request, person=address)
            notices.invite(address, request)
            messages.success(request, f"An invitation is on its way to {address}.")
            return redirect("admin:workspaces_user_changelist")
        return self.act_page(
            request,
            "Invite somebody",
            verb="Send the invitation",
            words="They get a link with which they can make an account, also while sign-up is by invitation only.",
            form=form,
        )


def _is_operator(person: User) -> bool:
    return person.is_staff or person.is_superuser


@admin.register(Group)
class OperatorRoleAdmin(DeskAdmin, GroupAdmin):
    """Roles of operators. Only a superuser may change what a role may do; others could give themselves every permission."""

    noun = "staff_role"

    def _is_superuser(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)

    has_add_permission = has_change_permission = has_delete_permission = _is_superuser


class WorkspaceForm(Named, StaleForm):
    """The form of a workspace with its members.

    Before it overwrites a change that somebody else has made, it shows that change.
    """

    reason = forms.CharField(
        required=False,
        max_length=200,
        help_text="Needed to change members. It is shown in the workspace's audit log, and its owners get it by mail.",
    )

    class Meta:
        model = Workspace
        fields = ("name",)

    def values(self, row: Model) -> dict[str, str]:
        return {**super().values(row), **members.roles(row)}  # type: ignore[arg-type]


# Only some members are shown: a page of ten thousand would take minutes, and has more fields than a form may have.
MEMBERS_SHOWN = 100


class MembershipFormSet(BaseInlineFormSet):
    def get_queryset(self) -> QuerySet[Membership]:
        """The first members; for a form that was sent, the members that it names."""
        return super().get_queryset() if self.is_bound else self._first

    @cached_property
    def _first(self) -> QuerySet[Membership]:
        return super().get_queryset()[:MEMBERS_SHOWN]

    def clean(self) -> None:
        """Requires a reason, and an owner to be left, even if somebody else changes roles at the same time."""
        super().clean()
        if not self.has_changed():
            return
        if not self.data.get("reason", "").strip():
            raise forms.ValidationError("Say above why you change the members of this workspace.")
        members.lock(self.instance)
        roles = dict(self.instance.memberships.values_list("pk", "role"))
        for form in self.forms:
            if form.cleaned_data.get("DELETE"):
                roles.pop(form.instance.pk, None)
            elif form.has_changed():
                roles[form.instance.pk or id(form)] = form.cleaned_data.get("role", "")
        if Role.OWNER not in roles.values():
            raise forms.ValidationError(str(LastOwner()))


class MembershipInline(admin.TabularInline):
    model = Membership
    formset = MembershipFormSet
    fields = ("user", "role")
    autocomplete_fields = ("user",)
    extra = 0
    verbose_name = "member"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        """The members to show. With `member` in the query string, those whose e-mail address contains it."""
        found = super().get_queryset(request).select_related("user", "workspace").order_by("user__email")
        words = request.GET.get("member", "")[:LONGEST_SEARCH].strip()
        return found.filter(user__email__icontains=words) if words and request.method != "POST" else found


@admin.register(Workspace)
class WorkspaceAdmin(DeskAdmin):
    """Members can be added here. A workspace itself is created on the site, because that opens its ledger account."""

    form = WorkspaceForm
    list_display = ("name", "slug", "member_count", "created_by", "created_at", "state")
    list_filter = (("suspended_at", admin.EmptyFieldListFilter), ("closing_at", admin.EmptyFieldListFilter))
    list_select_related = ("created_by",)
    search_fields = ("name", "slug", "memberships__user__email", "created_by__email")
    readonly_fields = ("slug", "created_by", "created_at", "state")
    fields = ("name", "slug", "created_by", "created_at", "state", "reason")
    change_form_template = "workspaces/admin/workspace.html"
    inlines = (MembershipInline,)
    ordering = ("name",)
    # No "view on site": an operator is no member, so the workspace's own pages are closed to them.
    view_on_site = False

    def get_fields(self, request: HttpRequest, obj: Workspace | None = None) -> Any:
        return self.fields if self.has_change_permission(request, obj) else self.fields[:-1]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Workspace]:
        return super().get_queryset(request).annotate(member_count=Count("memberships"))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        context = {**(extra_context or {}), "members_shown": MEMBERS_SHOWN}
        return super().change_view(request, object_id, form_url, context)

    @admin.display(description="members", ordering="member_count")
    def member_count(self, workspace: Any) -> int:
        return workspace.member_count

    @admin.display(description="state")
    def state(self, workspace: Workspace) -> str:
        if workspace.closing_at is not None:
            return "deleted" if workspace.closed_at else "being deleted"
        return f"suspended: {workspace.suspended_for}" if workspace.is_suspended else "works"

    def get_urls(self) -> list[URLPattern]:
        suspend = self.admin_site.admin_view(self.suspend)
        resume = self.admin_site.admin_view(self.resume)
        return [
            path("<int:workspace_id>/suspend/", suspend, name="workspaces_workspace_suspend"),
            path("<int:workspace_id>/resume/", resume, name="workspaces_workspace_resume"),
            *super().get_urls(),
        ]

    def _to_act_on(self, request: HttpRequest, workspace_id: int) -> Workspace:
        if not self.has_change_permission(request):
            raise PermissionDenied("Suspending workspaces is not among your rights.")
        return get_object_or_404(Workspace, pk=workspace_id, closing_at=None)

    def suspend(self, request: HttpRequest, workspace_id: int) -> HttpResponse:
        """Asks for a reason, which the members are shown; from then on nothing runs or changes in the workspace."""
        workspace = self._to_act_on(request, workspace_id)
        form = SuspensionForm(request.POST or None)
        if form.is_valid():
            if standing.suspend(workspace, form.cleaned_data["reason"], request=request):
                self.log_change(request, workspace, "Suspended.")
            messages.success(request, f"{workspace.name} is suspended.")
            return redirect("admin:workspaces_workspace_change", workspace.pk)
        return self.act_page(
            request,
            f"Suspend {workspace.name}",
            verb="Suspend",
            words="Replies that run are ended, uncharged, and no other begins. Members can read its pages and change nothing.",
            form=form,
            subject=workspace,
        )

    def resume(self, request: HttpRequest, workspace_id: int) -> HttpResponse:
        workspace = self._to_act_on(request, workspace_id)
        if request.method == "POST":
            if standing.resume(workspace, request=request):
                self.log_change(request, workspace, "Resumed.")
            messages.success(request, f"{workspace.name} works again.")
            return redirect("admin:workspaces_workspace_change", workspace.pk)
        words = f"It was suspended for: {workspace.suspended_for}"
        return self.act_page(
            request, f"Let {workspace.name} work again", verb="Resume", words=words, subject=workspace
        )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Workspace | None = None) -> bool:
        # A deleted workspace has no members and must get none.
        return (obj is None or obj.closing_at is None) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Workspace | None = None) -> bool:
        return False

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        workspace, reason = form.instance, form.cleaned_data["reason"]
        before, owners = members.roles(workspace), notices.owners(workspace)
        super().save_related(request, form, formsets, change)
        changes = members.record_changes(workspace, before, reason=reason, request=request)
        if changes:
            told = sorted({*owners, *notices.owners(workspace)})
            notices.tell_of_members(workspace, changes, told, reason=reason, operator=request.user)


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "workspace", "sentence", "actor_email", "address")
    list_filter = ("action",)
    search_fields = ("actor_email", "workspace__slug", "=address")
    list_select_related = ("workspace",)
    ordering = ("-id",)
