"""The pages and acts about people. Pages that use other apps are in `bookbag.pages`."""

from django.urls import path

from workspaces import second_factor_pages, views

app_name = "workspaces"
urlpatterns = [
    path("w/<slug:slug>/members/<uuid:member_id>/role/", views.change_role, name="change_role"),
    path("w/<slug:slug>/members/<uuid:member_id>/remove/", views.remove_member, name="remove_member"),
    path("w/<slug:slug>/leave/", views.leave, name="leave"),
    path(
        "w/<slug:slug>/settings/second-factor/",
        second_factor_pages.setting_page,
        name="second_factor_setting",
    ),
    path("w/<slug:slug>/audit/", views.audit_page, name="audit"),
    path("w/<slug:slug>/audit/export.csv", views.audit_csv, name="audit_csv"),
]
