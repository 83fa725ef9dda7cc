"""Audits changes of people's sign-in (sessions, passwords, addresses), from signals of Django and allauth.

They are events of the platform, not of a workspace. Failed sign-ins are not recorded: anybody can make any number of
them, and the log keeps everything.
"""

from typing import Any

from allauth.account import signals as account
from allauth.account.internal.flows.email_verification import verify_email_indirectly
from allauth.mfa import signals as mfa
from allauth.mfa.models import Authenticator
from django.contrib.auth.signals import user_logged_in
from django.dispatch import Signal, receiver
from django.http import HttpRequest

from workspaces import audit, notices
from workspaces.models import User

# The audit action, and the signal on which it is recorded.
ACTIONS: dict[str, Signal] = {
    "person.signed_up": account.user_signed_up,
    "person.signed_in": user_logged_in,
    "password.set": account.password_set,
    "password.changed": account.password_changed,
    "password.reset": account.password_reset,
}
ADDRESS_ACTIONS: dict[str, Signal] = {
    "address.added": account.email_added,
    "address.removed": account.email_removed,
    "address.confirmed": account.email_confirmed,
}
FACTOR_ACTIONS: dict[str, Signal] = {
    "second_factor.added": mfa.authenticator_added,
    "second_factor.removed": mfa.authenticator_removed,
    "second_factor.reset": mfa.authenticator_reset,
}
FACTORS = {
    Authenticator.Type.TOTP: "an app that shows codes",
    Authenticator.Type.WEBAUTHN: "a passkey",
}


def connect() -> None:
    """Connect the signals; called once, by the app's `ready`."""
    for action, signal in ACTIONS.items():
        signal.connect(_recorder(action), weak=False, dispatch_uid=action)
    for action, signal in ADDRESS_ACTIONS.items():
        signal.connect(_address_recorder(action), weak=False, dispatch_uid=action)
    for action, signal in FACTOR_ACTIONS.items():
        signal.connect(_factor_recorder(action), weak=False, dispatch_uid=action)
    account.email_changed.connect(_record_change, dispatch_uid="address.changed")


def _recorder(action: str) -> Any:
    def record(sender: Any, request: HttpRequest, user: User, **kwargs: Any) -> None:
        audit.record(None, action, actor=user, request=request)

    return record


def _address_recorder(action: str) -> Any:
    def record(sender: Any, request: HttpRequest, email_address: Any, **kwargs: Any) -> None:
        # The actor is the address's owner, not the visitor: a confirmation link may be opened by somebody who is not
        # signed in.
        audit.record(None, action, actor=email_address.user, request=request, to=email_address.email)

    return record


def _factor_recorder(action: str) -> Any:
    def record(sender: Any, request: HttpRequest, user: User, authenticator: Any, **kwargs: Any) -> None:
        if authenticator.type == Authenticator.Type.RECOVERY_CODES:
            # Recovery codes are added and removed with the factor that they are for.
            audit.record(None, action.replace("second_factor", "recovery_codes"), actor=user, request=request)
        else:
            kind = FACTORS[Authenticator.Type(authenticator.type)]
            audit.record(None, action, actor=user, request=request, kind=kind)
            notices.tell_of_second_factor(user, kind, added=action.endswith("added"))

    return record


def _record_change(
    sender: Any,
    request: HttpRequest,
    user: User,
    from_email_address: Any,
    to_email_address: Any,
    **kwargs: Any,
) -> None:
    before = from_email_address.email if from_email_address else None
    audit.record(
        None, "address.changed", actor=user, request=request, before=before, to=to_email_address.email
    )


@receiver(account.password_reset, dispatch_uid="workspaces.account_events.confirm")
def _confirm_by_reset(sender: Any, request: HttpRequest, user: User, **kwargs: Any) -> None:
    """Confirm the address of a person who sets a password by a mailed link, which shows that the address is theirs."""
    if user.last_login is None:
        verify_email_indirectly(request, user, user.email)
