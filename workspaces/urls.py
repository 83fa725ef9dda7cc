"""The pages and acts about people. The workspace's front page is `bookbag.pages.home`'s: it draws on every app."""

from django.urls import path

from workspaces import second_factor_pages, views

app_name = "workspaces"
urlpatterns = [
    path("w/<slug:slug>/members/", views.members_page, name="members"),
    path("w/<slug:slug>/members/<int:member_id>/role/", views.change_role, name="change_role"),
    path("w/<slug:slug>/members/<int:member_id>/remove/", views.remove_member, name="remove_member"),
    path("w/<slug:slug>/members/leave/", views.leave, name="leave"),
    path(
        "w/<slug:slug>/settings/second-factor/",
        second_factor_pages.setting_page,
        name="second_factor_setting",
    ),
    path("w/<slug:slug>/audit/", views.audit_page, name="audit"),
    path("w/<slug:slug>/audit/export.csv", views.audit_csv, name="audit_csv"),
]
