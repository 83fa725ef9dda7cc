"""The map of the site. Each app declares its own pages; pages that use all apps are here."""

from django.contrib import admin
from django.urls import include, path

import workspaces.urls
from bookbag.operations import health
from bookbag.pages import credits, home, members, workspace_settings
from workspaces import issuer

# The overview of a workspace is added here, because it uses apps that `workspaces` may not import.
workspace_pages = (
    [
        path("w/<slug:slug>/", home.workspace_page, name="workspace"),
        path("w/<slug:slug>/first-steps/hide/", home.hide_first_steps, name="hide_first_steps"),
        path("w/<slug:slug>/members/", members.members_page, name="members"),
        path("w/<slug:slug>/members/invite/", members.invite, name="invite"),
        path(
            "w/<slug:slug>/members/invitations/<uuid:invitation_id>/resend/",
            members.resend_invitation,
            name="resend_invitation",
        ),
        path(
            "w/<slug:slug>/members/invitations/<uuid:invitation_id>/revoke/",
            members.revoke_invitation,
            name="revoke_invitation",
        ),
        path("w/<slug:slug>/members/<uuid:member_id>/transfer/", members.transfer, name="transfer"),
        path("w/<slug:slug>/settings/", workspace_settings.settings_page, name="settings"),
        path("w/<slug:slug>/settings/delete/", workspace_settings.delete_page, name="delete"),
        path("invitations/<str:token>/", members.invitation, name="invitation"),
        *workspaces.urls.urlpatterns,
    ],
    workspaces.urls.app_name,
)

credits_pages = (
    [
        path("w/<slug:slug>/credits/", credits.credits_page, name="credits"),
        path("w/<slug:slug>/credits/ledger.csv", credits.ledger_csv, name="ledger_csv"),
    ],
    "billing",
)

urlpatterns = [
    path("", home.home, name="home"),
    path("workspaces/new/", home.new_workspace, name="new_workspace"),
    path("", include(workspace_pages)),
    path("", include("agents.urls")),
    path("", include("bookbag.pages.llm_settings_urls")),
    path("", include(credits_pages)),
    path("help/", include("bookbag.pages.help_urls")),
    path("account/", include("bookbag.pages.own_account_urls")),
    path("accounts/", include("workspaces.account_urls")),
    path("accounts/second-factor/", include("workspaces.second_factor_urls")),
    # Only if an issuer is configured.
    *([path("sso/", include("workspaces.sso_urls"))] if issuer.is_offered() else []),
    path("admin/", admin.site.urls),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
]
handler400 = "bookbag.server.error_pages.bad_request"
handler500 = "bookbag.server.error_pages.server_error"
