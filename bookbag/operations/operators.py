"""The operators' site: Django's admin behind the product's own sign-in, and invisible to everybody else."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account.views import logout as account_logout
from django.contrib.admin import AdminSite, ModelAdmin
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme

from bookbag.operations import abuse
from workspaces.adapter import LONGEST_ADDRESS
from workspaces.desk import DeskAdmin

ABUSE_PERMISSIONS = ("workspaces.view_user", "billing.view_account")
ExtraContext = dict[str, Any] | None


class OperatorSite(AdminSite):
    site_header = "Bookbag operators"
    site_title = "Bookbag operators"
    index_title = "The platform"

    def register(
        self, model_or_iterable: Any, admin_class: type[ModelAdmin] | None = None, **options: Any
    ) -> None:
        """Registers only our own pages.

        A library's page would act on its models without an audit event, and some affect accounts: permission to
        write e-mail addresses there would allow to take over an account by a password reset.
        """
        if admin_class is not None and issubclass(admin_class, DeskAdmin):
            super().register(model_or_iterable, admin_class, **options)

    def admin_view(self, view: Callable[..., HttpResponseBase], cacheable: bool = False) -> Any:
        guarded = super().admin_view(view, cacheable)

        @wraps(guarded)
        def hidden(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if request.user.is_authenticated and not self.has_permission(request):
                raise Http404("No such page.")
            return guarded(request, *args, **kwargs)

        return hidden

    def get_urls(self) -> list[Any]:
        return [path("abuse/", self.admin_view(self.abuse), name="abuse"), *super().get_urls()]

    def abuse(self, request: HttpRequest) -> HttpResponse:
        """The page on abuse: who makes many accounts and workspaces, and who spends credits without a confirmed address."""
        if not request.user.has_perms(ABUSE_PERMISSIONS):
            raise PermissionDenied("Seeing people and accounts is not among your rights.")
        context = {**self.each_context(request), "title": "Signs of abuse", **abuse.figures()}
        return TemplateResponse(request, "admin/abuse.html", context)

    # Redirects to the product's sign-in, so that there is one sign-in with one set of rate limits.
    @method_decorator(login_not_required)
    def login(self, request: HttpRequest, extra_context: ExtraContext = None) -> HttpResponse:
        index = reverse("admin:index", current_app=self.name)
        if request.user.is_authenticated:
            if not self.has_permission(request):
                raise Http404("No such page.")
            return redirect(index)
        wanted = request.GET.get(REDIRECT_FIELD_NAME, "")
        is_ours = len(wanted) <= LONGEST_ADDRESS and url_has_allowed_host_and_scheme(
            wanted, {request.get_host()}, request.is_secure()
        )
        return redirect_to_login(wanted if is_ours else index)

    def logout(self, request: HttpRequest, extra_context: ExtraContext = None) -> Any:
        return account_logout(request)

    def password_change(self, request: HttpRequest, extra_context: ExtraContext = None) -> Any:
        return redirect("account_change_password")
