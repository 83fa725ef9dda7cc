"""The map of /account/."""

from django.urls import path

from bookbag.pages import own_account

urlpatterns = [
    path("", own_account.account_page, name="own_account"),
    path("sessions/", own_account.sessions_page, name="own_sessions"),
    path("sessions/end-others/", own_account.end_other_sessions, name="end_other_sessions"),
    path("sessions/<slug:name>/end/", own_account.end_session, name="end_session"),
    path("notices/", own_account.notices_page, name="own_notices"),
    path("export.json", own_account.export, name="export_own_data"),
    path("delete/", own_account.delete_page, name="delete_own_account"),
]
