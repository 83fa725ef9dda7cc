from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate


def install_index(sender: AppConfig, using: str, **kwargs: Any) -> None:
    from agents.knowledge import index

    connection = connections[using]
    if sender.get_model("Passage")._meta.db_table in connection.introspection.table_names():
        index.install(connection)


class AgentsConfig(AppConfig):
    name = "agents"

    def ready(self) -> None:
        from agents import running
        from agents.knowledge import index
        from workspaces import database_guards, standing

        # The order matters: the guards write to the index.
        post_migrate.connect(install_index, sender=self)
        database_guards.declare(self, index.GUARDS)
        standing.when_work_ends(running.end_all_of)
