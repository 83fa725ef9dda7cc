"""Signing in at the issuer: the button that leads to it, and the page to which it returns.

The request's values wait in the session, at most ten minutes, and are used once, so an answer in another browser is
refused. The content security policy forbids forms that lead to another site, so the button shows a page of ours that
redirects.
"""

import time
from typing import Any
from urllib.parse import urlencode

from allauth.account.adapter import get_adapter
from allauth.account.app_settings import EmailVerificationMethod
from allauth.account.internal.flows.login import perform_login, record_authentication
from allauth.account.internal.flows.reauthentication import resume_request
from allauth.account.internal.flows.signup import complete_signup
from allauth.account.models import Login
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from workspaces import identities, issuer, second_factors
from workspaces.access import public, signed_in
from workspaces.addresses import client_address, network_of
from workspaces.errors import IdentityRefused, TooManySignUps
from workspaces.forms import too_many_sign_ups
from workspaces.issuer import Claims, IssuerDown, IssuerError, Question
from workspaces.models import User
from workspaces.reauth import ask_again, is_recent
from workspaces.sign_in_limits import A_MINUTE, Count

ASKED = "sso_asked"
SIGN_IN, CONNECT, CONFIRM = "sign in", "connect", "confirm"
SECONDS = 600
# The most sign-ins under way in one session (several tabs); beyond that the oldest is dropped.
MOST_AT_ONCE = 5
BEGUN_A_MINUTE = 60
METHOD = "sso"


@public("it is one of the ways to sign in")
@require_POST
def begin(request: HttpRequest) -> HttpResponse:
    """Start a sign-in, or a sign-up, at the issuer."""
    if request.user.is_authenticated:
        return redirect(settings.LOGIN_REDIRECT_URL)
    return _lead_out(request, SIGN_IN, request.POST.get("next", ""))


@signed_in
@require_POST
def connect(request: HttpRequest) -> HttpResponse:
    if not is_recent(request):
        return ask_again(reverse("own_account"))
    return _lead_out(request, CONNECT, reverse("own_account"))


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest) -> HttpResponse:
    """Let a signed-in person confirm at the issuer who they are. `next`: where they were."""
    if identities.of(_person(request)) is None:
        return redirect("own_account")
    if request.method == "POST":
        return _lead_out(request, CONFIRM, request.POST.get("next", ""))
    others = [
        one for one in get_adapter().get_reauthentication_methods(request.user) if one["url"] != request.path
    ]
    context = {"next": request.GET.get("next", ""), "reauthentication_alternatives": others}
    return render(request, "sso/confirm.html", context)


@signed_in
@require_POST
def remove(request: HttpRequest) -> HttpResponse:
    person = _person(request)
    if not is_recent(request):
        return ask_again(reverse("own_account"))
    if not identities.may_remove(person, has_passkey=second_factors.has_passkey(person)):
        messages.error(request, "Set a password or add a passkey first: nothing else would sign you in.")
    elif identities.remove(person, request):
        messages.success(request, f"{settings.OIDC_NAME} no longer signs you in.")
    return redirect("own_account")


@public("whoever comes back from the issuer is not signed in yet")
@require_safe
def back(request: HttpRequest) -> HttpResponse:
    """Handle the issuer's answer: a code, or an error."""
    asked = _take(request, request.GET.get("state", ""))
    if asked is None:
        return _told(request, "lost", 400)
    if "error" in request.GET or not request.GET.get("code"):
        return _without_a_code(request, asked)
    try:
        return _done(request, asked, _claims(request, asked))
    except IssuerDown:
        return _told(request, "down", 503)
    except IssuerError:
        return _told(request, "unproved", 400)
    except IdentityRefused as refusal:
        return _told(request, refusal.code, 403, asked["purpose"])
    except TooManySignUps as refusal:
        return too_many_sign_ups(request, str(refusal))


def _claims(request: HttpRequest, asked: dict[str, Any]) -> Claims:
    """What the issuer says of whoever came back with a code. Raises IssuerError."""
    # If an issuer names itself in the address, the answer of another one is noticed (RFC 9207).
    if request.GET.get("iss", settings.OIDC_ISSUER).rstrip("/") != settings.OIDC_ISSUER:
        raise IssuerError("Another issuer answered.")
    question = Question(request.GET["state"], asked["nonce"], asked["verifier"])
    return issuer.claims_of(request.GET["code"], question, back=_own_address(request))


def _lead_out(request: HttpRequest, purpose: str, onwards: str) -> HttpResponse:
    limit = Count("sso", network_of(client_address(request)), BEGUN_A_MINUTE, A_MINUTE)
    if not limit.take():
        return render(request, "429.html", {"retry_after": 60}, status=429)
    question = Question.new()
    try:
        address = issuer.address_for(question, back=_own_address(request), again=purpose == CONFIRM)
    except IssuerDown:
        return _told(request, "down", 503)
    _keep(request, question, purpose, onwards)
    return render(request, "sso/lead_out.html", {"address": address, "name": settings.OIDC_NAME})


def _keep(request: HttpRequest, question: Question, purpose: str, onwards: str) -> None:
    """Store the request in the session, until the issuer answers it and `_take` removes it."""
    waiting = dict(list(request.session.get(ASKED, {}).items())[1 - MOST_AT_ONCE :])
    waiting[question.state] = {
        "nonce": question.nonce,
        "verifier": question.verifier,
        "purpose": purpose,
        "next": onwards if get_adapter().is_safe_url(onwards) else "",
        "person": request.user.pk,
        "at": time.time(),
    }
    request.session[ASKED] = waiting


def _take(request: HttpRequest, state: str) -> dict[str, Any] | None:
    """The request that this session started under `state`, if it is for the current user and recent. It is removed."""
    waiting = dict(request.session.get(ASKED, {}))
    asked: dict[str, Any] | None = waiting.pop(state, None)
    if asked is None:
        return None
    request.session[ASKED] = waiting
    # Saved at once, so that the same answer a second time finds it removed.
    request.session.save()
    is_late = time.time() - asked["at"] > SECONDS
    return None if is_late or asked["person"] != request.user.pk else asked


def _without_a_code(request: HttpRequest, asked: dict[str, Any]) -> HttpResponse:
    if request.GET.get("error") != "access_denied":
        return _told(request, "unproved", 400)
    messages.info(
        request, f"You came back from {settings.OIDC_NAME} without signing in. Nothing was changed."
    )
    if asked["purpose"] == SIGN_IN:
        onwards = "?" + urlencode({"next": asked["next"]}) if asked["next"] else ""
        return HttpResponseRedirect(reverse("account_login") + onwards)
    return redirect("own_account")


def _done(request: HttpRequest, asked: dict[str, Any], claims: Claims) -> HttpResponse:
    if asked["purpose"] == SIGN_IN:
        return _sign_in(request, asked, claims)
    person = _person(request)
    if asked["purpose"] == CONNECT:
        identities.connect(person, claims, request)
        messages.success(request, f"{settings.OIDC_NAME} signs you in from now on.")
        return redirect("own_account")
    identities.confirm(person, claims, asked_at=asked["at"], leeway=issuer.LEEWAY_SECONDS)
    record_authentication(request, person, method=METHOD, reauthenticated=True)
    # If the confirmation was required in the middle of an act, the act is done now.
    request.GET = QueryDict(urlencode({"next": asked["next"]}))
    return resume_request(request) or redirect(settings.LOGIN_REDIRECT_URL)


def _sign_in(request: HttpRequest, asked: dict[str, Any], claims: Claims) -> HttpResponse:
    person, is_new = identities.find_or_make(claims, request)
    record_authentication(request, person, method=METHOD)
    onwards = asked["next"] or None
    if is_new:
        answer = complete_signup(
            request, user=person, email_verification=EmailVerificationMethod.NONE, redirect_url=onwards
        )
    else:
        # A second factor is required, as after a password.
        answer = perform_login(
            request,
            Login(user=person, email_verification=EmailVerificationMethod.NONE, redirect_url=onwards),
        )
    return answer


def _told(request: HttpRequest, code: str, status: int, purpose: str = SIGN_IN) -> HttpResponse:
    """The page that says why it did not work, and what to do. sso/refused.html has the words, by `code`."""
    context = {"code": code, "name": settings.OIDC_NAME, "purpose": purpose}
    return render(request, "sso/refused.html", context, status=status)


def _own_address(request: HttpRequest) -> str:
    return request.build_absolute_uri(reverse("sso_back"))


def _person(request: HttpRequest) -> User:
    return User.objects.get(pk=request.user.pk)  # type: ignore[misc]
