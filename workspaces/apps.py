from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate


def install_guards(using: str, **kwargs: Any) -> None:
    from workspaces import guards

    connection = connections[using]
    # `migrate workspaces zero` leaves no table to guard.
    if guards.TABLE in connection.introspection.table_names():
        guards.install(connection)


class WorkspacesConfig(AppConfig):
    name = "workspaces"

    def ready(self) -> None:
        from workspaces import (
            account_events,
            devices,  # noqa: F401 (it hears of sign-ins)
        )

        account_events.connect()
        post_migrate.connect(install_guards, sender=self)
