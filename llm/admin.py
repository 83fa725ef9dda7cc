"""The operators' pages: platform keys (by mask), the catalogue with its prices, and the choices of workspaces.

No page here opens a key or shows sealed bytes. Acts go through llm/keys and are audited there.
"""

import datetime as dt
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters

from llm import key_wording, keys, listing, ring, vault
from llm.forms import ChatModelForm, PlatformKeyForm
from llm.models import ChatModel, KekRecord, ListedModel, LLMSettings, PlatformKey, ProviderKey
from workspaces.desk import DeskAdmin, ReadOnlyAdmin
from workspaces.reauth import ask_again, is_recent

State = ProviderKey.State
VAULT_SHUT = "The vault cannot seal a key now, so nothing was changed: run vault_check."

# By act: title, what it does, the permission that it needs.
ACTS = {
    "verify": ("Verify", "Asks the provider for its list of models with this key. Uses no tokens.", "llm.add_platformkey"),
    "restore": ("Restore", "Makes this key the active one again. The one now active can be restored in turn.", "llm.add_platformkey"),
    "delete": (
        "Delete",
        "Wipes this key for good, and the one before it. Replies of every workspace on credits stop until there is another.",
        "llm.delete_platformkey",
    ),
}  # fmt: skip


@admin.register(PlatformKey)
class PlatformKeyAdmin(ReadOnlyAdmin):
    list_display = ("mask", "provider", "state", "health", "last_good_at", "added_at")
    list_filter = ("state", "provider")
    ordering = ("provider", "state", "-added_at")
    # Columns are listed one by one, so that the sealed ones are not shown, not even read-only.
    fields = (
        "provider", "mask", "state", "added_by", "added_at", "retired_at",
        "health", "health_at", "last_good_at", "last_used_at", "last_error", "last_error_at",
    )  # fmt: skip
    change_form_template = "llm/admin/platform_key.html"

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("llm.add_platformkey")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("wrapped_dek", "nonce", "ciphertext")

    def get_urls(self) -> list[URLPattern]:
        act = self.admin_site.admin_view(self.act)
        return [path("<uuid:key_id>/acts/<slug:name>/", act, name="llm_platformkey_act"), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        row = self.get_object(request, object_id)
        offered = [name for name in ACTS if row and self._may(request, row, name)]
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), "acts": offered})

    @method_decorator(sensitive_post_parameters("secret"))
    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied("Entering platform keys is not among your rights.")
        here = reverse("admin:llm_platformkey_add")
        if request.method == "POST" and not is_recent(request):
            return ask_again(here)
        form = PlatformKeyForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            row = self._enter(request, form)
            if row is not None:
                return redirect("admin:llm_platformkey_change", row.pk)
        return self.act_page(request, "Enter a platform key", form=form)

    def _enter(self, request: HttpRequest, form: PlatformKeyForm) -> ProviderKey | None:
        provider = form.cleaned_data["provider"]
        try:
            row = keys.enter(
                None,
                provider=provider,
                secret=form.cleaned_data["secret"],
                by=request.user,  # type: ignore[arg-type]
                request=request,
                only_if_accepted=True,
            )
        except keys.SecretRejected:
            form.add_error("secret", key_wording.not_saved(provider))
            return None
        except vault.VaultError:
            form.add_error(None, VAULT_SHUT)
            return None
        self.log_addition(request, row, f"Entered {row.mask} for {row.get_provider_display()}.")
        messages.success(
            request,
            f"{row.get_provider_display()} {row.mask} is active. {key_wording.sentence(key_wording.wording_of(row))}",
        )
        return row

    def act(self, request: HttpRequest, key_id: UUID, name: str) -> HttpResponse:
        """GET asks for confirmation, POST acts. Only the acts that suit the key's state are allowed."""
        row = get_object_or_404(self.get_queryset(request), pk=key_id)
        if name not in ACTS:
            raise Http404("No such act.")
        if not self._may(request, row, name):
            raise PermissionDenied("That cannot be done to this key, or not by you.")
        title, words, _ = ACTS[name]
        if request.method != "POST":
            return self.act_page(request, f"{title} {row.mask}", subject=row, words=words)
        if name != "verify" and not is_recent(request):
            return ask_again(request.path)
        self._do(request, row, name)
        return redirect("admin:llm_platformkey_change", row.pk)

    def _may(self, request: HttpRequest, row: ProviderKey, name: str) -> bool:
        suits = row.state == State.ACTIVE if name != "restore" else row == keys.restorable(None, row.provider)
        return suits and request.user.has_perm(ACTS[name][2])

    def _do(self, request: HttpRequest, row: ProviderKey, name: str) -> None:
        whose = {"by": request.user, "request": request}
        try:
            if name == "verify":
                stored = ProviderKey.objects.get(pk=row.pk)
                keys.verify(stored, **whose)  # type: ignore[arg-type]
                done = f"{row.mask} checked. {key_wording.sentence(key_wording.wording_of(stored))}"
            else:
                verb = keys.restore if name == "restore" else keys.delete
                verb(None, provider=row.provider, **whose)  # type: ignore[arg-type]
                done = f"{row.mask} {'restored' if name == 'restore' else 'deleted'}."
        except (keys.ProviderKeyError, vault.VaultError):
            messages.error(
                request,
                "Not done: the key has changed meanwhile or is being checked already, or the vault is shut.",
            )
        else:
            self.log_change(request, row, done)
            messages.success(request, done)


@admin.register(ChatModel)
class ChatModelAdmin(DeskAdmin):
    """The catalogue. Chat models are withdrawn (not enabled, or retired), never deleted: replies name them."""

    form = ChatModelForm
    list_display = (
        "name",
        "provider",
        "model_id",
        "price",
        "input_price",
        "output_price",
        "last_day",
        "enabled",
        "retired_at",
    )
    list_filter = ("provider", "enabled")
    search_fields = ("name", "model_id")
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        ours = ListedModel.objects.filter(
            provider_key__workspace=None,
            provider_key__state=State.ACTIVE,
            provider_key__provider=OuterRef("provider"),
            model_id=OuterRef("model_id"),
        )
        listed_last_day = Subquery(ours.values("shuts_down_on")[:1])
        return super().get_queryset(request).filter(workspace=None).annotate(listed_last_day=listed_last_day)

    @admin.display(description="shuts down on")
    def last_day(self, chat_model: ChatModel) -> dt.date | None:
        """The last day by the platform account's list, else by the operator's own word, else by the rules."""
        listed: dt.date | None = chat_model.listed_last_day  # type: ignore[attr-defined]
        return listed or listing.profile_of(chat_model).shuts_down_on

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(LLMSettings)
class LLMSettingsAdmin(ReadOnlyAdmin):
    list_display = ("workspace", "byo_enabled", "changed_by", "changed_at")
    list_filter = ("byo_enabled",)
    list_select_related = ("workspace", "changed_by")
    search_fields = ("workspace__slug", "workspace__name")


@admin.register(KekRecord)
class KekRecordAdmin(ReadOnlyAdmin):
    list_display = ("kek_id", "first_used_at", "sealed_rows")
    fields = ("kek_id", "first_used_at", "sealed_rows")

    @admin.display(description="stored secrets under it")
    def sealed_rows(self, record: KekRecord) -> int:
        return ring.rows_per_kek().get(record.kek_id, 0)
