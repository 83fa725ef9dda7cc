"""The operators' site: Django's admin behind the product's own sign-in, and invisible to everybody else."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account.views import logout as account_logout
from django.contrib.admin import AdminSite
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme

Page = dict[str, Any] | None


class OperatorSite(AdminSite):
    site_header = "Bookbag operators"
    site_title = "Bookbag operators"
    index_title = "The platform"

    def admin_view(self, view: Callable[..., HttpResponseBase], cacheable: bool = False) -> Any:
        guarded = super().admin_view(view, cacheable)

        @wraps(guarded)
        def hidden(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if request.user.is_authenticated and not self.has_permission(request):
                raise Http404("No such page.")
            return guarded(request, *args, **kwargs)

        return hidden

    # No form of its own: one sign-in, with one set of rate limits.
    @method_decorator(login_not_required)
    def login(self, request: HttpRequest, extra_context: Page = None) -> HttpResponse:
        index = reverse("admin:index", current_app=self.name)
        if request.user.is_authenticated:
            if not self.has_permission(request):
                raise Http404("No such page.")
            return redirect(index)
        wanted = request.GET.get(REDIRECT_FIELD_NAME, "")
        is_ours = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, request.is_secure())
        return redirect_to_login(wanted if is_ours else index)

    def logout(self, request: HttpRequest, extra_context: Page = None) -> Any:
        return account_logout(request)

    def password_change(self, request: HttpRequest, extra_context: Page = None) -> Any:
        return redirect("account_change_password")
