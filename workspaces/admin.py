"""The operators' view of people: users, workspaces with their members, and the audit log, read-only."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.db.models import Count, QuerySet
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest

from workspaces import members
from workspaces.errors import LastOwner
from workspaces.models import AuditEvent, Membership, Role, User, Workspace

POWERS = ("is_staff", "is_superuser", "groups", "user_permissions")


class NewUserForm(AdminUserCreationForm):
    class Meta(AdminUserCreationForm.Meta):
        model = User
        fields = ("email",)
        field_classes: ClassVar[dict[str, type[forms.Field]]] = {}

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()


class ChangeUserForm(UserChangeForm):
    class Meta(UserChangeForm.Meta):
        model = User
        field_classes: ClassVar[dict[str, type[forms.Field]]] = {}


@admin.register(User)
class PersonAdmin(UserAdmin):
    """People are disabled, not deleted: a deleted owner would leave a workspace without one."""

    form = ChangeUserForm
    add_form = NewUserForm
    list_display = ("email", "name", "is_active", "is_staff", "last_login")
    list_filter = ("is_active", "is_staff")
    search_fields = ("email", "name")
    ordering = ("email",)
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("email", "name", "password")}),
        ("May sign in", {"fields": ("is_active", "last_login", "date_joined")}),
        ("Operator", {"fields": POWERS}),
    )
    add_fieldsets = ((None, {"fields": ("email", "name", "usable_password", "password1", "password2")}),)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        # Else an operator who may change people could make themselves a superuser.
        powers = () if request.user.is_superuser else POWERS
        # People change their address themselves, where the new one is verified and the old one forgotten.
        address = () if obj is None else ("email",)
        return (*super().get_readonly_fields(request, obj), *powers, *address)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        beyond_reach = obj is not None and obj.is_superuser and not request.user.is_superuser
        return not beyond_reach and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not obj.is_active:
            # They are refused from now on anyway; this keeps the sessions from coming back with the person.
            obj.sessions.all().delete()


class MembershipFormSet(BaseInlineFormSet):
    def clean(self) -> None:
        """Refuses to leave the workspace without an owner, whoever else is changing roles meanwhile."""
        super().clean()
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


@admin.register(Workspace)
class WorkspaceAdmin(admin.ModelAdmin):
    """People are added here. A workspace itself is made on the site, where its account is opened with it."""

    list_display = ("name", "slug", "member_count", "created_at")
    search_fields = ("name", "slug", "memberships__user__email")
    readonly_fields = ("slug", "created_at")
    fields = ("name", "slug", "created_at")
    inlines = (MembershipInline,)
    ordering = ("name",)
    # An operator is no member, so the workspace's own page is none of theirs.
    view_on_site = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Workspace]:
        return super().get_queryset(request).annotate(member_count=Count("memberships"))

    @admin.display(description="members", ordering="member_count")
    def member_count(self, workspace: Any) -> int:
        return workspace.member_count

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Workspace | None = None) -> bool:
        return False

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        before = members.roles(form.instance)
        super().save_related(request, form, formsets, change)
        members.record_changes(form.instance, before, request=request)


@admin.register(AuditEvent)
class AuditEventAdmin(admin.ModelAdmin):
    list_display = ("created_at", "workspace", "action", "actor_email", "address")
    list_filter = ("action",)
    search_fields = ("actor_email", "workspace__slug")
    list_select_related = ("workspace",)
    ordering = ("-id",)
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: AuditEvent | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: AuditEvent | None = None) -> bool:
        return False
