"""The workspace's own choices about its language models: the BYO switch and custom chat models."""

from django.db import transaction
from django.db.models import ProtectedError, Q
from django.http import HttpRequest
from django.utils import timezone

from llm import eligibility, listing, profiles
from llm.models import ChatModel, ListedModel, LLMSettings, ProviderKey
from llm.profiles import NO_WORD, OwnWord
from workspaces import audit
from workspaces.models import User, Workspace


class ModelInUse(Exception):
    """The custom chat model is in use: `users` names what runs on it (agents, for example)."""

    def __init__(self, users: list[str]) -> None:
        super().__init__(f"in use by {len(users)}")
        self.users = users


class ModelNotAdded(Exception):
    """A custom chat model that was not added. `str()` of it tells the admin who entered it why."""


class ModelUnfit(ModelNotAdded):
    """No agent could run on the model."""


class ModelExists(ModelNotAdded):
    """The workspace or the catalogue already has this chat model."""

    def __init__(self, existing: ChatModel) -> None:
        where = "a custom model here" if existing.is_custom else "in the catalogue"
        super().__init__(f"That is {where} already, as {existing}.")


def settings_of(workspace: Workspace) -> LLMSettings:
    """The workspace's settings row; unsaved with BYO off while nobody has changed anything."""
    return LLMSettings.objects.filter(workspace=workspace).first() or LLMSettings(workspace=workspace)


def set_byo(
    workspace: Workspace, *, enabled: bool, by: User | None, request: HttpRequest | None = None
) -> bool:
    """Turn "bring your own keys" on or off, from the next reply on. Returns whether that changed anything."""
    with transaction.atomic():
        LLMSettings.objects.get_or_create(workspace=workspace)
        row = LLMSettings.objects.select_for_update().get(workspace=workspace)
        if row.byo_enabled == enabled:
            return False
        row.byo_enabled, row.changed_by, row.changed_at = enabled, by, timezone.now()
        row.save(update_fields=["byo_enabled", "changed_by", "changed_at"])
        audit.record(workspace, "byo.enabled" if enabled else "byo.disabled", actor=by, request=request)
    return True


def add_model(
    workspace: Workspace,
    *,
    provider: str,
    model_id: str,
    name: str = "",
    own_word: OwnWord = NO_WORD,
    by: User | None,
    request: HttpRequest | None = None,
) -> ChatModel:
    """Add a custom chat model, with what the admin says that it takes. Raises ModelUnfit, ModelExists."""
    reason = _unfit(workspace, provider, model_id)
    if reason:
        raise ModelUnfit(reason)
    with transaction.atomic():
        LLMSettings.objects.get_or_create(workspace=workspace)
        LLMSettings.objects.select_for_update().get(workspace=workspace)
        same = ChatModel.objects.filter(provider=provider, model_id=model_id)
        existing = (
            same.filter(workspace=workspace).first()
            or same.filter(workspace=None, enabled=True, retired_at=None).first()
        )
        if existing is not None:
            raise ModelExists(existing)
        row = ChatModel.objects.create(
            workspace=workspace,
            provider=provider,
            model_id=model_id,
            name=name or model_id[:60],
            position=100,
            takes_temperature=own_word.takes_temperature,
            efforts=" ".join(own_word.efforts),
            output_limit=own_word.output_limit,
            context_tokens=own_word.context_tokens,
        )
        audit.record(
            workspace, "chat_model.added", actor=by, request=request, provider=provider, model=model_id
        )
    return row


def _unfit(workspace: Workspace, provider: str, model_id: str) -> str:
    """Why no agent could run on the model, by the rules and the model list of the workspace's own account."""
    row = ListedModel.objects.filter(
        provider_key__workspace=workspace,
        provider_key__provider=provider,
        provider_key__state=ProviderKey.State.ACTIVE,
        model_id=model_id,
    ).first()
    profile = profiles.resolve(provider, model_id, listed=listing.said(row) if row else None)
    return eligibility.refusal(provider, model_id, profile, today=timezone.now().date())


def listed_ids(workspace: Workspace, provider: str) -> set[str]:
    """The provider's model ids that the workspace can already choose."""
    mine = Q(workspace=workspace) | Q(workspace=None, enabled=True, retired_at=None)
    return set(ChatModel.objects.filter(mine, provider=provider).values_list("model_id", flat=True))


def remove_model(
    workspace: Workspace, chat_model: ChatModel, *, by: User | None, request: HttpRequest | None = None
) -> None:
    """Remove a custom chat model. Raises ModelInUse while anything runs on it."""
    with transaction.atomic():
        row = workspace.chat_models.select_for_update().get(pk=chat_model.pk)
        try:
            row.delete()
        except ProtectedError as protected:
            raise ModelInUse(sorted(str(one) for one in protected.protected_objects)) from None
        audit.record(
            workspace,
            "chat_model.removed",
            actor=by,
            request=request,
            provider=row.provider,
            model=row.model_id,
        )


def forget(workspace: Workspace) -> None:
    """Delete the LLM settings and custom chat models of a deleted workspace, within the caller's transaction.

    Nothing may run on its chat models any more. `keys.destroy` deletes its keys.
    """
    ChatModel.objects.filter(workspace=workspace).delete()
    LLMSettings.objects.filter(workspace=workspace).delete()
