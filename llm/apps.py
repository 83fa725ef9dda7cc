from django.apps import AppConfig
from django.conf import settings


class LLMConfig(AppConfig):
    name = "llm"
    verbose_name = "Language models"

    def ready(self) -> None:
        from llm.providers import egress

        egress.configure(proxy=settings.PROVIDER_PROXY, ca_file=settings.PROVIDER_CA_FILE)
