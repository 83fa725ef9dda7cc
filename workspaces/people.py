"""Who somebody is: a person is known by an e-mail address that they have confirmed."""

from hashlib import sha256

from allauth.account.models import EmailAddress
from django.db.models import Exists, OuterRef, QuerySet

from workspaces.contact import at_support
from workspaces.models import User

# One provider under two names, which ignores dots in a mailbox.
DOTLESS = {"gmail.com", "googlemail.com"}


def confirmed_address(person: User) -> str | None:
    """The address that `person` has shown to be theirs, the primary one first; None if there is none."""
    confirmed = EmailAddress.objects.filter(user=person, verified=True).order_by("-primary", "pk")
    return confirmed.values_list("email", flat=True).first()


def is_confirmed(person: User) -> bool:
    return confirmed_address(person) is not None


def is_mere_sign_up(person: User) -> bool:
    """Whether somebody, whoever it was, has signed up with an address, and nobody has shown that it is theirs.

    Not somebody whom an operator has added: they have no address that waits to be confirmed, or belong somewhere.
    """
    return _mere_sign_ups().filter(pk=person.pk).exists()


def is_taken(address: str) -> bool:
    """Whether `address` is somebody's who counts: one who has confirmed it, or signs in with it.

    Both are always looked for, so that the time of the answer does not tell.
    """
    confirmed = EmailAddress.objects.filter(email__iexact=address, verified=True).exists()
    holders = User.objects.filter(email__iexact=address)
    return holders.exclude(pk__in=_mere_sign_ups()).exists() or confirmed


def address_is_anothers() -> str:
    """The sentence for somebody who has confirmed an address with which another account signs in."""
    return f"Another account signs in with that address. The operators of this site{at_support()} can help."


def clear_sign_ups(address: str) -> None:
    """Forget who has signed up with `address` and never confirmed it, so that its owner can."""
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
    """The mailbox behind an address: what follows a plus sign is a label that its owner makes up at will."""
    local, _, domain = address.strip().lower().rpartition("@")
    local = local.partition("+")[0] or local
    if domain in DOTLESS:
        local, domain = local.replace(".", ""), "gmail.com"
    return f"{local}@{domain}"


def mailbox_digest(address: str) -> str:
    """The mailbox as 64 hexadecimal digits: recognised when it comes again, and not kept as an address."""
    return sha256(mailbox(address).encode()).hexdigest()
