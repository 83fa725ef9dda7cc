from typing import Any

from django.apps import AppConfig, apps
from django.contrib.admin import apps as admin_apps
from django.db.models.signals import post_migrate


class BookbagConfig(AppConfig):
    name = "bookbag"
    default = True

    def ready(self) -> None:
        from allauth.account.signals import email_confirmed

        from bookbag.configuration import checks  # noqa: F401  (registers the start-up checks)
        from bookbag.operations import logs

        logs.take_over()
        email_confirmed.connect(give_free_allotment, dispatch_uid="free_allotment")
        # Connected after the last app with models, so that the permissions of all apps exist.
        post_migrate.connect(keep_support_role, sender=apps.get_app_config("account"))


def give_free_allotment(email_address: Any, **kwargs: Any) -> None:
    """Called when an address is confirmed, which gives its person a claim to the free allotment."""
    from bookbag import onboarding

    onboarding.give_free_allotment(email_address.user)


def keep_support_role(using: str, **kwargs: Any) -> None:
    from bookbag.operations import support

    support.keep_role(using)


class OperatorAdminConfig(admin_apps.AdminConfig):
    """Django's admin with our own site class."""

    default = False
    default_site = "bookbag.operations.operators.OperatorSite"
