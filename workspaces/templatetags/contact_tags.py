"""The footer of every page, and where to write in sentences that send people to the operators."""

from typing import Any

from django import template
from django.conf import settings
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from workspaces import contact

register = template.Library()


@register.inclusion_tag("_contact.html")
def contact_links(place: str = "footer") -> dict[str, Any]:
    """The links to support, terms and privacy that are set: in a footer, a centred footer, or without one."""
    return {
        "support": settings.SUPPORT_EMAIL,
        "terms": settings.TERMS_URL,
        "privacy": settings.PRIVACY_URL,
        "place": place,
    }


@register.simple_tag
def at_support() -> SafeString:
    """ " at help@example.com" as a link, with a leading blank; nothing if no address is set."""
    address = settings.SUPPORT_EMAIL
    return format_html(' at <a href="mailto:{}">{}</a>', address, address) if address else mark_safe("")


@register.simple_tag
def at_support_in_words() -> str:
    """The same without a link, for mails."""
    return contact.at_support()
