from django.apps import AppConfig


class WorkspacesConfig(AppConfig):
    name = "workspaces"

    def ready(self) -> None:
        from workspaces import (
            account_events,
            checks,  # noqa: F401 (registers the check)
            database_guards,
            devices,  # noqa: F401 (connects a signal about sign-ins)
            guards,
            open_sessions,  # noqa: F401 (the same)
        )

        account_events.connect()
        database_guards.declare(self, guards.GUARDS, down_while_migrating=[guards.REFUSE_DELETE])
