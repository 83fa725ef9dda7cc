"""Whether strangers may make accounts (SIGNUP), and how many of them from one network in a day.

An invitation is a link with a signed address in it, which an operator has sent. It lets that address, and no other,
make an account while SIGNUP is `invited`.
"""

from datetime import UTC, date, datetime, time, timedelta

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from workspaces.addresses import client_address, network_of
from workspaces.errors import TooManySignUps
from workspaces.models import SignUpCount

SALT = "workspaces.signup"
INVITATION_LIFE = timedelta(days=7)
# How long the counts are kept, for operators to see.
KEPT = timedelta(days=90)


def invitation(address: str) -> str:
    """A token that lets `address` sign up within the next seven days."""
    return signing.dumps(address.strip().lower(), salt=SALT)


def invited_address(request: HttpRequest) -> str | None:
    """The address that this visitor's link invites. Kept in the session, because the form is sent without the link."""
    token = request.GET.get("invitation") or request.session.get("invitation", "")
    try:
        address = signing.loads(token, salt=SALT, max_age=INVITATION_LIFE)
    except signing.BadSignature:
        return None
    request.session["invitation"] = token
    if token == request.GET.get("invitation"):
        # An operator's link is mailed to the address and shown nowhere else, so following it confirms the address.
        request.session["account_verified_email"] = str(address)
    return str(address)


def admit(request: HttpRequest, address: str) -> None:
    """Let this visitor, who has followed an invitation of `address`, sign up with it even while SIGNUP is `invited`."""
    if settings.SIGNUP != "closed":
        request.session["invitation"] = invitation(address)


def is_open(request: HttpRequest) -> bool:
    """Whether this visitor may see the sign-up form."""
    invited = invited_address(request)
    return settings.SIGNUP == "open" or (settings.SIGNUP == "invited" and invited is not None)


def admits(request: HttpRequest, address: str) -> bool:
    """Whether this visitor may make an account of `address`."""
    return settings.SIGNUP == "open" or (settings.SIGNUP == "invited" and invited_address(request) == address)


def count(request: HttpRequest) -> None:
    """Count one more account from the visitor's network today (UTC). Raises TooManySignUps.

    The update locks the row, so simultaneous requests cannot exceed the limit together.
    """
    network = network_of(client_address(request))
    most = settings.SIGNUPS_PER_ADDRESS
    with transaction.atomic():
        row, is_new = SignUpCount.objects.get_or_create(network=network, day=_today())
        if is_new:
            SignUpCount.objects.filter(day__lt=_today() - KEPT).delete()
        counted = SignUpCount.objects.filter(pk=row.pk)
        room: QuerySet[SignUpCount] = counted.filter(made__lt=most) if most else counted
        admitted = room.update(made=F("made") + 1)
        if not admitted:
            counted.update(refused=F("refused") + 1)
    if not admitted:
        raise TooManySignUps


def touch(request: HttpRequest) -> None:
    """Write the count of the visitor's network unchanged, for a commit that takes as long as a real one."""
    network = network_of(client_address(request))
    SignUpCount.objects.filter(network=network, day=_today()).update(made=F("made"))


def seconds_left_today() -> int:
    """Seconds until midnight (UTC), when the count starts again."""
    midnight = datetime.combine(_today() + timedelta(days=1), time(), tzinfo=UTC)
    return max(1, int((midnight - timezone.now()).total_seconds()))


def _today() -> date:
    return timezone.now().astimezone(UTC).date()
