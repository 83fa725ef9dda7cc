from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate, pre_migrate


class BillingConfig(AppConfig):
    name = "billing"

    def ready(self) -> None:
        from billing import checks  # noqa: F401  (registers the check)

        pre_migrate.connect(take_guards_down, sender=self)
        post_migrate.connect(put_guards_up, sender=self)


def take_guards_down(using: str, plan: list[Any], **kwargs: Any) -> None:
    """SQLite refuses to rename a table back into place while a trigger names the one that went."""
    from billing import guards

    if plan and connections[using].vendor == "sqlite":
        guards.remove(connections[using])


def put_guards_up(using: str, **kwargs: Any) -> None:
    from billing import guards

    guards.install(connections[using])
