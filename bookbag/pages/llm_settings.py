"""The LLM settings page and its acts, for admins and owners. Every act redirects to the page."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from agents.views import playground
from bookbag.pages import llm_overview
from llm import account, byo, key_wording, keys, vault
from llm.forms import CustomModelForm, ProviderKeyForm, RegionForm
from llm.models import Provider, ProviderKey
from llm.providers.base import ProviderError
from workspaces import contact
from workspaces.access import WorkspaceRequest, admin_required, admin_required_even_suspended
from workspaces.adapter import LONGEST_ADDRESS
from workspaces.models import Workspace
from workspaces.reauth import PasswordForm, is_recent, recent_sign_in_required

Health = ProviderKey.Health

LEVELS = {
    Health.VALID: messages.SUCCESS,
    Health.REJECTED: messages.ERROR,
    Health.UNREADABLE: messages.ERROR,
}

SAVE_ANYWAY = "To save it all the same, paste it again and clear the box."
CHECK_RUNNING = "This key is being checked at this moment. Its card shows the result in a few seconds."


def _vault_shut() -> str:
    return f"The vault is not available, so nothing was changed. {contact.operator()} has to look into it."


def _back(workspace: Workspace) -> HttpResponse:
    return redirect("llm:settings", workspace.slug)


def _say(request: WorkspaceRequest, row: ProviderKey, done: str) -> None:
    """Show what was done with a key, and what its provider says about it."""
    name, level = Provider(row.provider).label, LEVELS.get(Health(row.health), messages.WARNING)
    told = key_wording.sentence(key_wording.wording_of(row))
    messages.add_message(request, level, f"{name} key {row.mask} {done} {told}")


def _check(request: WorkspaceRequest, row: ProviderKey, done: str) -> None:
    """Verify a stored key and show the result."""
    try:
        keys.verify(row, by=request.membership.user, request=request)
    except vault.VaultUnavailable:
        messages.error(request, _vault_shut())
    except keys.CheckRunning:
        messages.info(request, CHECK_RUNNING)
    else:
        _say(request, row, done)


def _page(
    request: WorkspaceRequest,
    workspace: Workspace,
    *,
    key_form: ProviderKeyForm | None = None,
    model_form: CustomModelForm | None = None,
    password_form: PasswordForm | None = None,
) -> HttpResponse:
    context = {
        "workspace": workspace,
        "page": llm_overview.overview(workspace, key_form),
        "model_form": model_form or CustomModelForm(auto_id="custom_%s"),
        "is_recent": is_recent(request),
        "password_form": password_form or PasswordForm(request=request, auto_id="confirm_%s"),
        "pasting": key_form.provider if key_form else "",
    }
    return render(request, "bookbag/llm_settings/page.html", context)


@admin_required
@require_safe
def settings_page(request: WorkspaceRequest, workspace: Workspace) -> HttpResponse:
    return _page(request, workspace)


@sensitive_post_parameters("secret", "current_password")
@admin_required
@require_POST
def replace_key(request: WorkspaceRequest, workspace: Workspace, provider: str) -> HttpResponse:
    """After an old sign-in the same form has the password, which is checked once the rest is valid."""
    form = ProviderKeyForm(request.POST, provider=provider)
    password = PasswordForm(request.POST, request=request, auto_id=f"{provider}_confirm_%s")
    if not form.is_valid():
        return _page(request, workspace, key_form=form)
    if not (is_recent(request) or password.confirms()):
        return _page(request, workspace, key_form=form, password_form=password)
    try:
        row = keys.enter(
            workspace, provider=provider, **form.cleaned_data, by=request.membership.user, request=request
        )
    except keys.SecretRejected:
        form.add_error("secret", f"{key_wording.not_saved(provider)} {SAVE_ANYWAY}")
        return _page(request, workspace, key_form=form)
    except vault.VaultError:
        messages.error(request, _vault_shut())
    else:
        _say(request, row, "saved.")
    return _back(workspace)


@admin_required_even_suspended
@require_http_methods(["GET", "HEAD", "POST"])
@recent_sign_in_required
def delete_key(request: WorkspaceRequest, workspace: Workspace, provider: str) -> HttpResponse:
    """GET asks for confirmation, for browsers without the dialog."""
    if request.method != "POST":
        return _ask_to_delete(request, workspace, provider)
    name = Provider(provider).label
    try:
        row = keys.delete(workspace, provider=provider, by=request.membership.user, request=request)
    except keys.NoActiveKey:
        messages.info(request, f"There is no {name} key to delete.")
    else:
        messages.success(request, f"{name} key {row.mask} deleted, and its stored bytes with it.")
    return _back(workspace)


def _ask_to_delete(request: WorkspaceRequest, workspace: Workspace, provider: str) -> HttpResponse:
    card = llm_overview.overview(workspace).card(provider)
    if not card.row:
        return _back(workspace)
    return render(request, "bookbag/llm_settings/delete_key.html", {"workspace": workspace, "card": card})


@admin_required
@require_POST
def verify_key(request: WorkspaceRequest, workspace: Workspace, provider: str) -> HttpResponse:
    """Verify the key, then redirect to `next`, if the form has it and it is a page of this workspace."""
    row = keys.active(workspace, provider)
    if row is None:
        messages.info(request, f"There is no {Provider(provider).label} key to verify.")
    else:
        _check(request, row, "checked.")
    return redirect(_came_from(request, workspace) or reverse("llm:settings", args=[workspace.slug]))


def _came_from(request: WorkspaceRequest, workspace: Workspace) -> str:
    """`next` with the text that was typed there, if it is an address in the workspace; else empty."""
    came_from = request.POST.get("next", "")
    if len(came_from) > LONGEST_ADDRESS or not came_from.startswith(f"/w/{workspace.slug}/"):
        return ""
    return playground.with_text(came_from, request.POST.get("text", ""))


@admin_required
@require_POST
@recent_sign_in_required
def restore_key(request: WorkspaceRequest, workspace: Workspace, provider: str) -> HttpResponse:
    name = Provider(provider).label
    try:
        row = keys.restore(workspace, provider=provider, by=request.membership.user, request=request)
    except keys.NothingToRestore:
        messages.warning(request, f"There is no earlier {name} key left to restore.")
    else:
        messages.success(request, f"{name} key {row.mask} is in use again.")
    return _back(workspace)


@admin_required
@require_POST
@recent_sign_in_required
def set_region(request: WorkspaceRequest, workspace: Workspace, provider: str) -> HttpResponse:
    """Choose the region of the stored key's project, and check the key there."""
    form, name = RegionForm(request.POST, provider=provider), Provider(provider).label
    if not form.is_valid():
        messages.error(request, f"Nothing was changed. {name} has no such region here.")
        return _back(workspace)
    region = form.cleaned_data["region"]
    try:
        row = keys.set_region(
            workspace, provider=provider, region=region, by=request.membership.user, request=request
        )
    except keys.NoActiveKey:
        messages.info(request, f"There is no {name} key to choose a region for.")
    else:
        _check(request, row, f"is set to {row.get_region_display() or 'Global'}.")
    return _back(workspace)


@admin_required
@require_POST
@recent_sign_in_required
def set_byo(request: WorkspaceRequest, workspace: Workspace) -> HttpResponse:
    enabled = request.POST.get("byo_enabled") == "on"
    if byo.set_byo(workspace, enabled=enabled, by=request.membership.user, request=request):
        messages.success(
            request,
            "“Bring your own keys” is on: from the next reply on, provider models run on your own keys."
            if enabled
            else "“Bring your own keys” is off: from the next reply on, provider models run on Bookbag's keys.",
        )
    return _back(workspace)


@admin_required
@require_POST
def add_model(request: WorkspaceRequest, workspace: Workspace) -> HttpResponse:
    form = CustomModelForm(request.POST, auto_id="custom_%s")
    if form.is_valid():
        try:
            row = byo.add_model(workspace, **form.asked(), by=request.membership.user, request=request)
        except byo.ModelNotAdded as problem:
            form.add_error("model_id", str(problem))
        else:
            messages.success(request, f"{row} can be chosen for agents now.")
            return _back(workspace)
    return _page(request, workspace, model_form=form)


@admin_required
@require_POST
def remove_model(request: WorkspaceRequest, workspace: Workspace, chat_model_id: UUID) -> HttpResponse:
    row = get_object_or_404(workspace.chat_models, code=chat_model_id)
    try:
        byo.remove_model(workspace, row, by=request.membership.user, request=request)
    except byo.ModelInUse as refused:
        messages.error(request, f"{row} is in use by {', '.join(refused.users)}. Change their model first.")
    else:
        messages.success(request, f"{row} removed.")
    return _back(workspace)


@admin_required
@require_safe
def account_models(request: WorkspaceRequest, workspace: Workspace, provider: str) -> HttpResponse:
    """The models of the workspace's own account, as stored; fetched again if older than a day."""
    row = keys.active(workspace, provider)
    problem = _list_again(row) if row and account.is_stale(row) else ""
    context = {
        "workspace": workspace,
        "name": Provider(provider).label,
        "provider": provider,
        "row": row,
        "problem": problem,
        "models": account.models_of(workspace, row) if row else None,
        "prospect": account.prospect(workspace, provider),
    }
    return render(request, "bookbag/llm_settings/account_models.html", context)


@admin_required
@require_POST
def refresh_account_models(request: WorkspaceRequest, workspace: Workspace, provider: str) -> HttpResponse:
    row, name = keys.active(workspace, provider), Provider(provider).label
    problem = _list_again(row) if row else f"There is no {name} key to ask with."
    if problem:
        messages.error(request, problem)
    else:
        messages.success(request, f"{name} was asked just now.")
    return redirect("llm:account_models", workspace.slug, provider)


def _list_again(row: ProviderKey) -> str:
    """Fetch the account's models and store them. Returns a sentence if that fails, else empty."""
    name = Provider(row.provider).label
    try:
        keys.list_account_models(row)
    except vault.VaultError:
        return f"The stored {name} key cannot be opened. Enter it again on the settings page."
    except keys.CheckRunning:
        return CHECK_RUNNING
    except ProviderError as error:
        return f"{key_wording.no_list(error.fault, row.provider)}."
    row.refresh_from_db(fields=["listed_at"])
    return ""
