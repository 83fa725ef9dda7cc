from django.apps import AppConfig


class BookbagConfig(AppConfig):
    name = "bookbag"

    def ready(self) -> None:
        from bookbag import checks  # noqa: F401  (registers the start-up checks)
