from django.apps import AppConfig


class BillingConfig(AppConfig):
    name = "billing"

    def ready(self) -> None:
        from billing import guards
        from workspaces import database_guards

        database_guards.declare(self, guards.GUARDS, down_while_migrating=guards.GUARDS)
