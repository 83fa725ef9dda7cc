"""Acts on keys and on the switch ask who you are again when your last sign-in is older than 15 minutes.

django-allauth can hold a POST back and run it after the password was given again, but it stores the
POST in the session to do so, typed secret included. Here the POST is dropped instead: the person
confirms and comes back to the page, which says that nothing was saved.
"""

from collections.abc import Callable
from functools import wraps

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from workspaces.models import Workspace
from workspaces.reauth import ask_again, is_recent


def recent_sign_in_required(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """For views that get a workspace: a POST with a stale sign-in leads to the password page and back."""

    @wraps(view)
    def guarded(request: HttpRequest, workspace: Workspace, *args: object, **kwargs: object) -> HttpResponse:
        if request.method != "POST" or is_recent(request):
            return view(request, workspace, *args, **kwargs)
        return ask_again(reverse("llm:settings", args=[workspace.slug]) + "?confirmed=1")

    return guarded
