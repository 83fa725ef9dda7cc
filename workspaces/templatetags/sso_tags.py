"""Template tags that name the issuer on other pages."""

from django import template
from django.conf import settings

from workspaces import identities
from workspaces.models import Identity, User

register = template.Library()


@register.simple_tag
def sso_name() -> str:
    """The issuer's name; empty if there is no issuer."""
    return settings.OIDC_NAME if settings.OIDC_ISSUER else ""


@register.simple_tag
def own_identity(person: User) -> Identity | None:
    return identities.of(person)
