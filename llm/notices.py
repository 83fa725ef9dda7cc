"""Mail to the people who can mend a provider key. No mail carries more of a key than its mask."""

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.template.loader import render_to_string

from llm.models import LLMSettings, ProviderKey
from workspaces.models import Role, User

# A mail server that does not answer must not hold up the reply that found the rejection.
MAIL_SECONDS = 10


def tell_of_rejection(row: ProviderKey) -> None:
    """Write to the workspace's admins and owners (operators for a platform key): replace this key."""
    byo = LLMSettings.objects.filter(workspace=row.workspace_id, byo_enabled=True).exists()
    whose = f"{row.workspace}'s" if row.workspace else "Bookbag's"
    subject = f"{row.get_provider_display()} rejected {whose} key {row.mask}"
    text = render_to_string("llm/mail/key_rejected.txt", {"row": row, "byo_enabled": byo})
    addresses = _menders(row)
    with get_connection(timeout=MAIL_SECONDS) as connection:
        for address in addresses:
            EmailMessage(subject, text, settings.DEFAULT_FROM_EMAIL, [address], connection=connection).send()


def _menders(row: ProviderKey) -> list[str]:
    people = User.objects.filter(is_active=True)
    if row.workspace_id is None:
        people = people.filter(is_staff=True)
    else:
        people = people.filter(
            memberships__workspace=row.workspace_id, memberships__role__in=[Role.ADMIN, Role.OWNER]
        )
    return list(people.order_by("email").values_list("email", flat=True))
