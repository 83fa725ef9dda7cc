from django.urls import path

from billing import views

app_name = "billing"
urlpatterns = [
    path("w/<slug:slug>/credits/", views.credits_page, name="credits"),
    path("w/<slug:slug>/credits/ledger.csv", views.ledger_csv, name="ledger_csv"),
]
