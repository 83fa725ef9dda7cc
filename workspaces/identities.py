"""Finding the account of a person whom the issuer has identified (workspaces/issuer.py).

    known there by its subject ─▶ that person, whatever the address is now
    address verified there ─┬ confirmed here by somebody ─▶ joined to that account, who is told by mail
                            ├ confirmed here by an operator ─▶ refused: operators connect it on their account's page
                            ├ of an account here, but never confirmed ─▶ refused: somebody else may have typed it
                            └ of no account, or only of a sign-up ─▶ a new account, if SIGNUP admits it
    address not verified there ─▶ refused

So nobody can take over an account by an address that they have not confirmed both here and at the issuer.
"""

from allauth.account.models import EmailAddress
from allauth.account.signals import email_confirmed
from django.conf import settings
from django.db import IntegrityError, transaction
from django.http import HttpRequest

from workspaces import audit, notices, people, signup
from workspaces.errors import IdentityRefused
from workspaces.issuer import Claims
from workspaces.models import Identity, User


def of(person: User) -> Identity | None:
    """The person's identity at the configured issuer."""
    return Identity.objects.filter(person=person, issuer=settings.OIDC_ISSUER).first()


def find_or_make(claims: Claims, request: HttpRequest) -> tuple[User, bool]:
    """The person, and whether the account is new. Raises IdentityRefused or TooManySignUps."""
    try:
        return _known(claims) or _joined(claims, request) or _made(claims, request)
    except IntegrityError:
        # Another request has made the same identity at this moment.
        if found := _known(claims):
            return found
        raise IdentityRefused("another") from None


def connect(person: User, claims: Claims, request: HttpRequest) -> None:
    """Let the issuer sign `person` in from now on. Raises IdentityRefused.

    The person has just proved who they are, both here and at the issuer.
    """
    known = Identity.objects.filter(issuer=settings.OIDC_ISSUER, subject=claims.subject).first()
    if known is not None and known.person_id != person.pk:
        raise IdentityRefused("anothers")
    if known is None:
        try:
            _add(person, claims, request)
        except IntegrityError:
            raise IdentityRefused("another") from None


def confirm(person: User, claims: Claims, *, asked_at: float, leeway: float) -> None:
    """Check that the issuer identified `person`, after `asked_at`. Raises IdentityRefused.

    Without a time from the issuer nothing is proved; it must give one when asked for a fresh sign-in (OpenID Connect
    Core 3.1.2.1, max_age).
    """
    identity = of(person)
    if identity is None or identity.subject != claims.subject:
        raise IdentityRefused("not_you")
    if claims.signed_in_at is None or claims.signed_in_at < asked_at - leeway:
        raise IdentityRefused("stale")


def may_remove(person: User, *, has_passkey: bool) -> bool:
    """Whether `person` could still sign in without the identity."""
    return has_passkey or person.has_usable_password()


@transaction.atomic
def remove(person: User, request: HttpRequest) -> bool:
    """Remove the identity; False if there is none."""
    identity = of(person)
    if identity is None:
        return False
    identity.delete()
    audit.record(
        None,
        "identity.removed",
        actor=person,
        request=request,
        issuer=identity.issuer,
        address=str(identity.address),
    )
    notices.tell_of_identity(person, added=False)
    return True


def _known(claims: Claims) -> tuple[User, bool] | None:
    found = Identity.objects.filter(issuer=settings.OIDC_ISSUER, subject=claims.subject)
    identity = found.select_related("person").first()
    if identity is None:
        return None
    if claims.address and claims.address != identity.address:
        found.update(address=claims.address)
    return identity.person, False


def _joined(claims: Claims, request: HttpRequest) -> tuple[User, bool] | None:
    if not claims.address:
        raise IdentityRefused("unverified")
    confirmed = (
        EmailAddress.objects.filter(email__iexact=claims.address, verified=True)
        .select_related("user")
        .first()
    )
    if confirmed is None:
        if people.is_taken(claims.address):
            raise IdentityRefused("unconfirmed")
        return None
    person: User = confirmed.user
    if person.is_staff:
        raise IdentityRefused("operator")
    if of(person) is not None:
        raise IdentityRefused("another")
    _add(person, claims, request)
    return person, False


def _made(claims: Claims, request: HttpRequest) -> tuple[User, bool]:
    if not signup.admits(request, claims.address):
        raise IdentityRefused("closed")
    signup.count(request)
    with transaction.atomic():
        people.clear_sign_ups(claims.address)
        person = User.objects.create_user(claims.address, None, name=claims.name)
        address = EmailAddress.objects.create(user=person, email=claims.address, verified=True, primary=True)
        Identity.objects.create(
            person=person, issuer=settings.OIDC_ISSUER, subject=claims.subject, address=claims.address
        )
    # Mark the address as confirmed, as following a mailed link does.
    email_confirmed.send(sender=EmailAddress, request=request, email_address=address)
    return person, True


@transaction.atomic
def _add(person: User, claims: Claims, request: HttpRequest) -> None:
    Identity.objects.create(
        person=person, issuer=settings.OIDC_ISSUER, subject=claims.subject, address=claims.address
    )
    audit.record(
        None,
        "identity.added",
        actor=person,
        request=request,
        issuer=settings.OIDC_ISSUER,
        address=claims.address or claims.subject,
    )
    notices.tell_of_identity(person, added=True)
