"""Identifying people by the e-mail addresses that they have confirmed."""

from hashlib import sha256

from allauth.account.models import EmailAddress
from django.db.models import Exists, OuterRef, QuerySet

from workspaces.contact import at_support
from workspaces.models import User

# Domains of a mail provider that ignores dots in a mailbox.
DOTLESS = {"gmail.com", "googlemail.com"}


def confirmed_address(person: User) -> str | None:
    """The confirmed address of `person`, preferably the primary one; None without one."""
    confirmed = EmailAddress.objects.filter(user=person, verified=True).order_by("-primary", "pk")
    return confirmed.values_list("email", flat=True).first()


def is_confirmed(person: User) -> bool:
    return confirmed_address(person) is not None


def is_mere_sign_up(person: User) -> bool:
    """Whether the account is only a sign-up: its address was typed, but nobody has confirmed it.

    An account that an operator has added is none: it has no address that waits to be confirmed, or it has a
    membership.
    """
    return _mere_sign_ups().filter(pk=person.pk).exists()


def is_taken(address: str) -> bool:
    """Whether `address` belongs to an account: a person has confirmed it, or signs in with it.

    Both are always queried, so that the response time does not reveal which is the case.
    """
    confirmed = EmailAddress.objects.filter(email__iexact=address, verified=True).exists()
    holders = User.objects.filter(email__iexact=address)
    return holders.exclude(pk__in=_mere_sign_ups()).exists() or confirmed


def address_is_anothers() -> str:
    """The message to a person who has confirmed an address with which another account signs in."""
    return f"Another account signs in with that address. The operators of this site{at_support()} can help."


def clear_sign_ups(address: str) -> None:
    """Delete accounts that signed up with `address` and never confirmed it, so that its owner can sign up."""
    _mere_sign_ups().filter(email__iexact=address).delete()


def _mere_sign_ups() -> QuerySet[User]:
    addresses = EmailAddress.objects.filter(user=OuterRef("pk"))
    return User.objects.filter(
        Exists(addresses),
        ~Exists(addresses.filter(verified=True)),
        last_login=None,
        is_staff=False,
        memberships=None,
    )


def mailbox(address: str) -> str:
    """The mailbox of an address, without the label after a plus sign, which its owner can choose freely."""
    local, _, domain = address.strip().lower().rpartition("@")
    local = local.partition("+")[0] or local
    if domain in DOTLESS:
        local, domain = local.replace(".", ""), "gmail.com"
    return f"{local}@{domain}"


def mailbox_digest(address: str) -> str:
    """The mailbox as 64 hexadecimal digits, by which it is recognised without storing the address."""
    return sha256(mailbox(address).encode()).hexdigest()
