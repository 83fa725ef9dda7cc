from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class BookbagConfig(AppConfig):
    name = "bookbag"
    default = True

    def ready(self) -> None:
        from bookbag import checks, logs  # noqa: F401  (the former registers the start-up checks)

        logs.take_over()


class OperatorAdminConfig(admin_apps.AdminConfig):
    """Django's admin with our site in the place of its own."""

    default = False
    default_site = "bookbag.operators.OperatorSite"
