"""The map of /help/."""

from django.urls import path

from bookbag.pages import help

app_name = "help"
urlpatterns = [
    path("", help.index, name="index"),
    path("<slug:slug>.md", help.page_markdown, name="page_markdown"),
    path("<slug:slug>/", help.page, name="page"),
]
