"""Receipts for operators: what ran, who paid and how it ended. Questions and answers are not shown to operators."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from agents import payers, receipts
from agents.models import Reply
from workspaces.desk import ReadOnlyAdmin
from workspaces.models import Role


@admin.register(Reply)
class ReplyAdmin(ReadOnlyAdmin):
    """Replies of every workspace, as receipts. Their texts are not fetched."""

    list_display = ["id", "created_at", "workspace", "model_name", "billing", "price", "charged", "state"]
    list_filter = ["billing", "state"]
    list_select_related = ["workspace"]
    search_fields = ["=workspace__slug"]
    search_help_text = "A reply's id, or a workspace's slug"
    ordering = ["-created_at"]
    # The page shows the receipt instead of the model's fields, so that no text is among them.
    fields = ["state"]
    change_form_template = "agents/admin/reply.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Reply]:
        found: QuerySet[Reply] = super().get_queryset(request)
        return found.select_related("workspace", "member").defer(*Reply.TEXTS)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Reply], search_term: str
    ) -> tuple[QuerySet[Reply], bool]:
        """A search for a reply's id uses the primary key; any other search is for a slug."""
        try:
            return queryset.filter(pk=UUID(search_term.strip())), False
        except ValueError:
            return super().get_search_results(request, queryset, search_term)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        reply = self.get_object(request, object_id)
        shown = {} if reply is None else _shown(reply)
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **shown})


def _shown(reply: Reply) -> dict[str, Any]:
    # Masks of keys are shown to the workspace's admins only.
    reply.credential_mask = ""
    given_back = payers.given_back([reply]).get(reply.pk, 0)
    return {
        "reply": reply,
        "receipt": receipts.describe(reply, role=Role.ADMIN, given_back=given_back),
    }
