"""Signs of abuse: many new accounts and workspaces, and credits spent by people without a confirmed address."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Any

from allauth.account.models import EmailAddress
from django.conf import settings
from django.db.models import Count, Exists, F, OuterRef, QuerySet, Sum
from django.utils import timezone

from billing.models import Account, Transfer
from workspaces.models import SignUpCount, User

# The periods for sign-ups and for spending.
RECENT = timedelta(days=7)
SPENDING = timedelta(days=30)
SHOWN = 20
# Domains are counted in Python, over at most this many people.
MOST_PEOPLE = 10_000


@dataclass(frozen=True)
class Domain:
    """A mail domain, how many people signed up from it, and how many of them confirmed an address."""

    name: str
    people: int
    confirmed: int


def figures() -> dict[str, Any]:
    """The figures of the page, most conspicuous first."""
    return {
        "networks": networks(),
        "domains": domains(),
        "makers": makers(),
        "spenders": spenders(),
        "signup": settings.SIGNUP,
        "signups_per_address": settings.SIGNUPS_PER_ADDRESS,
        "workspaces_per_owner": settings.WORKSPACES_PER_OWNER,
    }


def networks() -> QuerySet[Any, Any]:
    """Accounts made and refused in the last week, by network."""
    since = (timezone.now() - RECENT).astimezone(UTC).date()
    found = SignUpCount.objects.filter(day__gte=since).values("network")
    totals = found.annotate(all_made=Sum("made"), all_refused=Sum("refused"), days=Count("day"))
    return totals.order_by(-(F("all_made") + F("all_refused")), "network")[:SHOWN]


def domains() -> list[Domain]:
    """Mail domains of the people who joined in the last week: a domain's owner can make any number of addresses."""
    people = User.objects.filter(date_joined__gte=timezone.now() - RECENT).annotate(
        confirmed=_confirmed("pk")
    )
    rows = people.order_by("-pk").values_list("email", "confirmed")[:MOST_PEOPLE]
    joined: Counter[str] = Counter()
    confirmed: Counter[str] = Counter()
    for email, is_confirmed in rows:
        domain = email.rpartition("@")[2]
        joined[domain] += 1
        confirmed[domain] += is_confirmed
    return [Domain(name, people, confirmed[name]) for name, people in joined.most_common(SHOWN)]


def makers() -> QuerySet[User]:
    """People who made more than one workspace, with `made` and `confirmed`."""
    people = User.objects.annotate(made=Count("workspaces_made"), confirmed=_confirmed("pk"))
    return people.filter(made__gt=1).order_by("-made", "email")[:SHOWN]


def spenders() -> QuerySet[Account]:
    """Accounts of workspaces whose maker has no confirmed address, with the credits `used` in the last 30 days."""
    charges = Transfer.objects.filter(
        account=OuterRef("pk"), kind=Transfer.Kind.CAPTURE, created_at__gte=timezone.now() - SPENDING
    )
    used = charges.order_by().values("account").annotate(used=-Sum("amount")).values("used")
    unconfirmed = Account.objects.filter(~_confirmed("workspace__created_by"))
    return (
        unconfirmed.annotate(used=used)
        .filter(used__gt=0)
        .select_related("workspace__created_by", "plan")
        .order_by("-used", "pk")[:SHOWN]
    )


def _confirmed(person: str) -> Exists:
    return Exists(EmailAddress.objects.filter(user=OuterRef(person), verified=True))
