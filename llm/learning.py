"""What refusals taught of a chat model: parameters that its provider does not take, left out from then on."""

from django.db import transaction

from llm.models import ChatModel
from workspaces import audit
from workspaces.models import Workspace


def leave_out(chat_model_id: int, names: list[str], *, workspace_id: int) -> None:
    """Remember that requests for this chat model go without these parameters, and tell the workspace's admins.

    `names` are the provider's words. Nothing is written, or told, of what is known already.
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
