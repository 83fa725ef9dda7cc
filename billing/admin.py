"""The operators' pages: plans to edit, accounts to act on, a ledger to read and nothing to rewrite."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from billing import free, operators, plans, usage
from billing.errors import (
    AmountRefused,
    BillingError,
    CreditsExhausted,
    ExternalIdTaken,
    NotReversible,
    PlanChangedMeanwhile,
)
from billing.forms import ChangePlanForm, GrantForm, PlanForm, ReverseForm
from billing.models import Account, Bucket, Hold, Plan, Transfer
from workspaces.desk import DeskAdmin, ReadOnlyAdmin
from workspaces.figures import credits

MAY_GRANT = "billing.grant_credits"


class LedgerAdmin(ReadOnlyAdmin):
    """Shows the ledger read-only; each act is a form on a page of its own."""

    def _act(
        self,
        request: HttpRequest,
        subject: Any,
        *,
        verb: str,
        title: str,
        form: Form,
        act: Callable[[Form], str],
    ) -> HttpResponse:
        """Show a form on a page of its own.

        After `act` succeeds, the sentence it returns is shown on the subject's page.
        """
        if not request.user.has_perm(MAY_GRANT):
            raise PermissionDenied("Granting credits is not among your rights.")
        if form.is_bound and form.is_valid():
            try:
                done = act(form)
            except BillingError as refusal:
                form.add_error(None, _in_words(refusal))
            else:
                messages.success(request, done)
                self.log_change(request, subject, done)
                return redirect(f"admin:billing_{self.opts.model_name}_change", subject.pk)
        return self.act_page(request, title, verb=verb, form=form, subject=subject)


def _in_words(refusal: BillingError) -> str:
    match refusal:
        case CreditsExhausted():
            return f"Only {refusal.available} credits are available; what was spent cannot be taken back."
        case AmountRefused():
            return f"Enter a whole number from 1 to {refusal.at_most}."
        case PlanChangedMeanwhile():
            return f"Somebody has moved this workspace to the {refusal.plan} plan since you opened the page. Open it anew to move it on."
        case ExternalIdTaken():
            return "This form was sent before with other figures. Open it anew to grant once more."
        case NotReversible(reversed_already=True):
            return "This transfer has been reversed already."
        case NotReversible():
            return "There is nothing of this transfer to take back."
    return str(refusal)


@admin.register(Plan)
class PlanAdmin(DeskAdmin):
    """A plan's slug never changes after creation: imports, scripts and the audit log identify the plan by it."""

    form = PlanForm
    list_display = ["name", "monthly_credits", "agent_limit", "seat_limit", "source_limit", "is_default"]
    fields = [
        "name",
        "slug",
        "monthly_credits",
        "once_per_person",
        "is_default",
        "agent_limit",
        "seat_limit",
        "source_limit",
        "position",
    ]

    def get_readonly_fields(self, request: HttpRequest, obj: Plan | None = None) -> list[str]:
        # The default is changed by marking another plan; unmarking this one would leave no default.
        fixed = [] if obj is None else ["slug"]
        return [*fixed, "is_default"] if obj is not None and obj.is_default else fixed

    def get_prepopulated_fields(self, request: HttpRequest, obj: Plan | None = None) -> Any:
        return {"slug": ["name"]} if obj is None else {}

    def has_delete_permission(self, request: HttpRequest, obj: Plan | None = None) -> bool:
        return not (obj is not None and obj.is_default) and super().has_delete_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: Plan, form: Any, change: bool) -> None:
        becomes_default = "is_default" in form.changed_data and obj.is_default
        if becomes_default:
            plans.unmark_default()
        super().save_model(request, obj, form, change)


@admin.register(Account)
class AccountAdmin(LedgerAdmin):
    list_display = ["workspace", "plan", "posted", "held", "available", "next_event_at"]
    list_select_related = ["workspace", "plan"]
    list_filter = ["plan"]
    search_fields = ["workspace__slug", "workspace__name"]
    ordering = ["workspace__slug"]
    fields = [
        "workspace",
        "plan",
        "monthly_allotment",
        "free_credits",
        "posted",
        "held",
        "available",
        "next_event_at",
        "created_at",
    ]
    change_form_template = "billing/admin/account.html"

    @admin.display(description="monthly allotment")
    def monthly_allotment(self, account: Account) -> str:
        """What was given for this period, and what is given from the next one on if a change of plan makes that differ."""
        found = usage.allotment(account)
        return f"{found.current:,} in this period, {found.following:,} from {found.renews_at:%-d %B %Y} on"

    @admin.display(description="free allotment")
    def free_credits(self, account: Account) -> str:
        """Whether this account gets the free allotment, which each person is given once; if not, why."""
        found = free.standing(account)
        return found.label if found else "Not of this plan"

    def get_urls(self) -> list[URLPattern]:
        own = [
            path(
                "<int:account_id>/grant/",
                self.admin_site.admin_view(self.grant),
                name="billing_account_grant",
            ),
            path(
                "<int:account_id>/plan/",
                self.admin_site.admin_view(self.change_plan),
                name="billing_account_plan",
            ),
        ]
        return own + super().get_urls()

    def grant(self, request: HttpRequest, account_id: int) -> HttpResponse:
        account = get_object_or_404(Account.objects.select_related("workspace"), pk=account_id)

        def act(form: Form) -> str:
            transfer = operators.grant_credits(
                account,
                amount=form.cleaned_data["amount"],
                reason=form.cleaned_data["reason"],
                request_id=form.cleaned_data["request_id"],
                expires_at=form.expires_at,  # type: ignore[attr-defined]
                actor=request.user,  # type: ignore[arg-type]
                request=request,
            )
            return f"{credits(transfer.amount)} granted to {account.workspace}."

        form = GrantForm(request.POST or None)
        return self._act(
            request,
            account,
            verb="Grant credits",
            title=f"Grant credits to {account.workspace}",
            form=form,
            act=act,
        )

    def change_plan(self, request: HttpRequest, account_id: int) -> HttpResponse:
        account = get_object_or_404(Account.objects.select_related("workspace", "plan"), pk=account_id)

        def act(form: Form) -> str:
            plan = form.cleaned_data["plan"]
            operators.change_plan(
                account,
                plan=plan,
                opened_on=form.cleaned_data["opened_on"],
                reason=form.cleaned_data["reason"],
                actor=request.user,  # type: ignore[arg-type]
                request=request,
            )
            return f"{account.workspace} is on the {plan} plan: its limits hold now, its allotment from the next period on."

        form = ChangePlanForm(request.POST or None, account=account)
        return self._act(
            request,
            account,
            verb="Change plan",
            title=f"Change the plan of {account.workspace}",
            form=form,
            act=act,
        )


@admin.register(Transfer)
class TransferAdmin(LedgerAdmin):
    list_display = ["id", "created_at", "workspace", "kind", "amount", "reason", "actor", "reversal"]
    list_select_related = ["account__workspace", "actor", "reversed_by"]
    list_filter = ["kind"]
    search_fields = ["=account__workspace__slug", "=external_id"]
    search_help_text = "A workspace's slug, a reply's id, or an external id"
    ordering = ["-id"]
    fields = [
        "account",
        "kind",
        "amount",
        "reason",
        "actor",
        "reply_id",
        "reverses",
        "reversal",
        "external_id",
        "created_at",
    ]
    change_form_template = "billing/admin/transfer.html"

    @admin.display(ordering="account__workspace__slug")
    def workspace(self, transfer: Transfer) -> str:
        return transfer.account.workspace.slug

    @admin.display(description="reversed by")
    def reversal(self, transfer: Transfer) -> str:
        reversal = getattr(transfer, "reversed_by", None)
        if reversal is None:
            return "–"
        return format_html(
            '<a href="{}">{}</a>', reverse("admin:billing_transfer_change", args=[reversal.pk]), reversal.pk
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Transfer], search_term: str
    ) -> tuple[QuerySet[Transfer], bool]:
        """A reply's id is searched in the holds, where it is indexed; the hold leads to the charge."""
        try:
            hold = Hold.objects.filter(reply_id=UUID(search_term.strip())).first()
        except ValueError:
            return super().get_search_results(request, queryset, search_term)
        found = queryset.filter(external_id=hold.capture_id) if hold else queryset.none()
        return found, False

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.reverse_one)
        return [
            path("<int:transfer_id>/reverse/", view, name="billing_transfer_reverse"),
            *super().get_urls(),
        ]

    def reverse_one(self, request: HttpRequest, transfer_id: int) -> HttpResponse:
        transfer = get_object_or_404(Transfer.objects.select_related("account__workspace"), pk=transfer_id)

        def act(form: Form) -> str:
            reversal = operators.reverse_transfer(
                transfer,
                amount=form.cleaned_data["amount"],
                reason=form.cleaned_data["reason"],
                actor=request.user,  # type: ignore[arg-type]
                request=request,
            )
            return f"Transfer {transfer.pk} is reversed by {reversal.amount:+,} credits."

        form = ReverseForm(request.POST or None)
        return self._act(
            request,
            transfer,
            verb="Reverse",
            title=f"Reverse transfer {transfer.pk} ({transfer})",
            form=form,
            act=act,
        )


@admin.register(Hold)
class HoldAdmin(LedgerAdmin):
    list_display = ["id", "account", "amount", "state", "created_at", "renewed_at", "resolved_at"]
    list_filter = ["state"]
    list_select_related = ["account__workspace"]
    search_fields = ["=account__workspace__slug"]
    ordering = ["pk"]


@admin.register(Bucket)
class BucketAdmin(LedgerAdmin):
    list_display = ["id", "account", "transfer", "remaining", "expires_at"]
    list_select_related = ["account__workspace", "transfer"]
    search_fields = ["=account__workspace__slug"]
    ordering = ["-id"]
