"""The map of the LLM settings; the names begin with `llm:`."""

from django.urls import path, register_converter

from bookbag.pages import llm_settings as views
from llm.models import KEYED_PROVIDERS


class ProviderConverter:
    """A provider that takes keys; any other name is a 404."""

    regex = "|".join(KEYED_PROVIDERS)

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return str(value)


register_converter(ProviderConverter, "provider")

app_name = "llm"
BASE = "w/<slug:slug>/settings/llm/"
urlpatterns = [
    path(BASE, views.settings_page, name="settings"),
    path(BASE + "keys/<provider:provider>/", views.replace_key, name="replace_key"),
    path(BASE + "keys/<provider:provider>/delete/", views.delete_key, name="delete_key"),
    path(BASE + "keys/<provider:provider>/verify/", views.verify_key, name="verify_key"),
    path(BASE + "keys/<provider:provider>/restore/", views.restore_key, name="restore_key"),
    path(BASE + "keys/<provider:provider>/region/", views.set_region, name="set_region"),
    path(BASE + "keys/<provider:provider>/models/", views.account_models, name="account_models"),
    path(
        BASE + "keys/<provider:provider>/models/refresh/",
        views.refresh_account_models,
        name="refresh_account_models",
    ),
    path(BASE + "byo/", views.set_byo, name="set_byo"),
    path(BASE + "models/", views.add_model, name="add_model"),
    path(BASE + "models/<uuid:chat_model_id>/remove/", views.remove_model, name="remove_model"),
]
