"""Parameters that a provider refused for a chat model: they are left out from then on."""

from django.db import transaction

from llm.models import ChatModel
from workspaces import audit
from workspaces.models import Workspace


def leave_out(chat_model_id: int, names: list[str], *, workspace_id: int) -> None:
    """Store that requests for this chat model leave out these parameters, and record it in the workspace's audit log.

    `names`: in the provider's words. For parameters that are already left out, nothing is written.
    """
    with transaction.atomic():
        row = ChatModel.objects.select_for_update().filter(pk=chat_model_id).first()
        fresh = [name for name in names if row is not None and name not in row.left_out.split()]
        if row is None or not fresh:
            return
        row.left_out = " ".join([*row.left_out.split(), *fresh])
        row.save(update_fields=["left_out"])
        audit.record(
            Workspace.objects.get(pk=workspace_id),
            "chat_model.parameter_left_out",
            model=row.name,
            parameters=", ".join(fresh),
        )
