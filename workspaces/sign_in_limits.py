"""Limits on wrong passwords, counted in the database and so for all processes together.

A *known* browser, one that the person has signed in with before (workspaces/devices.py), has counts of its own. So
an attacker who guesses locks out only unknown browsers, not the account's owner, and not people behind the same
address whose browsers are known.

    an unknown browser  10 in 15 minutes for the account, 50 for the address; 120 sign-ins of any end a minute
    a known browser     10 in 15 minutes for the account, 100 for all its known browsers together
"""

from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv6Address, ip_address, ip_network

from django.db import transaction
from django.db.models import F
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac

from workspaces import devices
from workspaces.models import SignInCount

WHILE = timedelta(minutes=15)
A_MINUTE = timedelta(minutes=1)
# How many expired rows are deleted whenever a new one is made.
CLEARED_AT_ONCE = 100


class TooMany(Exception):
    """Too many attempts: no password is checked, for at most `seconds`."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"too many sign-ins; try again in {seconds} s")
        self.seconds = seconds


@dataclass(frozen=True)
class Count:
    """A limit of `most` in `span` for each `value`, which is stored as a keyed hash."""

    kind: str
    value: str
    most: int
    span: timedelta = WHILE
    keeps_successes: bool = False

    @property
    def name(self) -> str:
        return f"{self.kind}:{salted_hmac('workspaces.sign_in_limits', self.value).hexdigest()[:40]}"

    def take(self) -> bool:
        """Count one more; returns False and counts nothing at the limit.

        A row lock makes simultaneous calls count separately.
        """
        now = timezone.now()
        with transaction.atomic():
            row, made = SignInCount.objects.select_for_update().get_or_create(
                name=self.name, defaults={"count": 0, "since": now}
            )
            if row.since <= now - self.span:
                row.count, row.since = 0, now
            if row.count >= self.most:
                return False
            row.count += 1
            row.save()
        if made:
            _clear_away()
        return True

    def give_back(self) -> None:
        SignInCount.objects.filter(name=self.name, count__gt=0).update(count=F("count") - 1)


class Attempt:
    """One attempt to sign in. It counts as failed from its start, so that simultaneous attempts are all counted."""

    def __init__(self, request: HttpRequest, email: str) -> None:
        """Raises TooMany."""
        self.taken: list[Count] = []
        for count in _counts(request, email.strip().lower()):
            if not count.take():
                self.forgive()
                raise TooMany(round(count.span.total_seconds()))
            self.taken.append(count)

    def forgive(self) -> None:
        """The password was right: take the counts back."""
        for count in self.taken:
            if not count.keeps_successes:
                count.give_back()


def _counts(request: HttpRequest, email: str) -> list[Count]:
    device = devices.known_for(request, email)
    if device:
        return [Count("device", f"{device} {email}", 10), Count("devices", email, 100)]
    address = _network(request.META.get("REMOTE_ADDR", ""))
    return [
        Count("sign-ins", address, 120, A_MINUTE, keeps_successes=True),
        Count("address", address, 50),
        Count("account", email, 10),
    ]


def _network(address: str) -> str:
    """The network to count by: the /64 of an IPv6 address, because one household has all of it."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return "unknown"
    return str(ip_network(f"{parsed}/64", strict=False)) if isinstance(parsed, IPv6Address) else str(parsed)


def _clear_away() -> None:
    with transaction.atomic():
        over = SignInCount.objects.filter(since__lt=timezone.now() - WHILE)
        names = list(over.select_for_update(skip_locked=True).values_list("pk", flat=True)[:CLEARED_AT_ONCE])
        over.filter(pk__in=names).delete()
