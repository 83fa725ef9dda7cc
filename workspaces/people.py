"""Who somebody is: a person is known by an e-mail address that they have confirmed."""

from hashlib import sha256

from allauth.account.models import EmailAddress

from workspaces.models import User

# One provider under two names, which ignores dots in a mailbox.
DOTLESS = {"gmail.com", "googlemail.com"}


def confirmed_address(person: User) -> str | None:
    """The address that `person` has shown to be theirs, the primary one first; None if there is none."""
    confirmed = EmailAddress.objects.filter(user=person, verified=True).order_by("-primary", "pk")
    return confirmed.values_list("email", flat=True).first()


def is_confirmed(person: User) -> bool:
    return confirmed_address(person) is not None


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
