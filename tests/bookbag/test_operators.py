"""The operators' site as a whole: which pages are on it, who may do what there, and that every act is written down."""

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission
from django.core import mail
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from billing.models import Plan
from llm.models import ChatModel
from tests.billing import moves
from tests.billing.test_concurrency import at_once
from tests.factories import PASSWORD, browser_of, make_user
from tests.harness.cast import Cast
from workspaces.desk import DeskAdmin
from workspaces.models import AuditEvent, User

pytestmark = pytest.mark.django_db
OURS = {"workspaces", "billing", "llm", "agents", "auth"}
NEW_PASSWORD = "another-horse-8-battery"


def operator(*codenames: str, groups: tuple[str, ...] = (), email: str | None = None) -> User:
    """An operator with these permissions and roles, and no others."""
    person = make_user(email, is_staff=True)
    person.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    person.groups.set(Group.objects.filter(name__in=groups))
    return person


def actions(browser: Client | None = None) -> list[str]:
    return list(AuditEvent.objects.order_by("id").values_list("action", flat=True))


def latest(action: str) -> AuditEvent:
    return AuditEvent.objects.filter(action=action).latest("id")


@pytest.fixture
def oscar(cast: Cast) -> Client:
    return browser_of(cast.oscar)


# --- Which pages there are -------------------------------------------------------------------------


def test_every_page_is_one_of_ours() -> None:
    for model, page in admin.site._registry.items():
        assert isinstance(page, DeskAdmin), model
        assert model._meta.app_label in OURS


def test_a_librarys_page_is_not_taken() -> None:
    admin.site.register(EmailAddress)
    admin.site.register(EmailAddress, admin.ModelAdmin)

    assert EmailAddress not in admin.site._registry


def test_rights_on_addresses_take_nobodys_account(cast: Cast) -> None:
    """As it was done: a verified address added to the superuser, and the password reset by way of it."""
    clerk = operator(
        *Permission.objects.filter(content_type__app_label="account").values_list("codename", flat=True)
    )
    fields = {"user": cast.oscar.pk, "email": "clerk@elsewhere.test", "verified": "on"}

    assert browser_of(clerk).post("/admin/account/emailaddress/add/", fields).status_code == 404
    Client().post(reverse("account_reset_password"), {"email": "clerk@elsewhere.test"})
    assert "password/reset/key" not in "".join(str(message.body) for message in mail.outbox)


# --- The support role ------------------------------------------------------------------------------


@pytest.fixture
def support(cast: Cast) -> Client:
    moves.charge(cast.globex.account, 5)
    return browser_of(operator(groups=("Support",), email="sam@bookbag.test"))


def rows() -> list[tuple[str, Any]]:
    """A row of every model on the site, by the prefix of its addresses."""
    found = [(f"/admin/{one._meta.app_label}/{one._meta.model_name}/", one) for one in admin.site._registry]
    return [(prefix, one._default_manager.first()) for prefix, one in found]


def test_support_comes_with_migrate_and_may_view_what_is_there() -> None:
    granted = Group.objects.get(name="Support").permissions.values_list("codename", flat=True)

    assert sorted(granted) == sorted(f"view_{model._meta.model_name}" for model in admin.site._registry)


def test_support_is_put_right_by_migrate() -> None:
    group = Group.objects.get(name="Support")
    before = set(group.permissions.all())
    group.permissions.set(Permission.objects.filter(codename="change_user"))
    call_command("migrate", verbosity=0)

    assert set(group.permissions.all()) == before


def test_support_sees_every_page(support: Client) -> None:
    for prefix, row in rows():
        assert support.get(prefix).status_code == 200
        if row is not None:
            page = support.get(f"{prefix}{row.pk}/change/")
            assert page.status_code == 200, prefix
            assert 'name="_save"' not in page.content.decode()
    assert support.get("/admin/").status_code == support.get("/admin/abuse/").status_code == 200


def test_support_changes_nothing(support: Client) -> None:
    counted = {model: model._default_manager.count() for model in admin.site._registry}
    for prefix, row in rows():
        pk = row.pk if row is not None else 1
        answers = [
            support.post(f"{prefix}{pk}/change/", {"name": "Mine", "is_superuser": "on"}).status_code,
            support.post(f"{prefix}{pk}/delete/", {"post": "yes"}).status_code,
            support.post(f"{prefix}add/", {"name": "Mine"}).status_code,
        ]
        assert set(answers) <= {403, 302}, prefix  # 302: there is no such row
        support.post(prefix, {"action": "delete_selected", "_selected_action": [pk], "post": "yes"})

    assert {model: model._default_manager.count() for model in admin.site._registry} == counted
    assert not LogEntry.objects.exists()


def test_support_takes_nothing(support: Client, cast: Cast) -> None:
    account, transfer = cast.acme.account, cast.globex.account.transfers.latest("id")
    acts = [
        reverse("admin:billing_account_grant", args=[account.pk]),
        reverse("admin:billing_account_plan", args=[account.pk]),
        reverse("admin:billing_transfer_reverse", args=[transfer.pk]),
        reverse("admin:auth_user_password_change", args=[cast.olivia.pk]),
        reverse("admin:workspaces_user_invite"),
        reverse("admin:llm_platformkey_add"),
    ]

    assert [support.post(act, {"password1": NEW_PASSWORD}).status_code for act in acts] == [403] * len(acts)
    assert [support.get(act).status_code for act in acts] == [403] * len(acts)


def test_support_sees_nothing_of_a_password(support: Client, cast: Cast) -> None:
    page = support.get(f"/admin/workspaces/user/{cast.oscar.pk}/change/").content.decode()

    assert cast.oscar.email in page
    assert "argon2" not in page
    assert cast.oscar.password[-12:] not in page


# --- Rights ----------------------------------------------------------------------------------------


def test_only_a_superuser_says_what_a_role_may_do() -> None:
    clerk = operator("add_group", "change_group", "delete_group", "view_group", groups=("Support",))
    group, browser = Group.objects.get(name="Support"), browser_of(clerk)
    everything = list(Permission.objects.values_list("pk", flat=True))

    assert (
        browser.post(
            f"/admin/auth/group/{group.pk}/change/", {"name": "Support", "permissions": everything}
        ).status_code
        == 403
    )
    assert (
        browser.post("/admin/auth/group/add/", {"name": "Mine", "permissions": everything}).status_code == 403
    )
    assert browser.post(f"/admin/auth/group/{group.pk}/delete/", {"post": "yes"}).status_code == 403
    assert not clerk.has_perm("billing.grant_credits")

    saved = browser_of(make_user(is_staff=True, is_superuser=True)).post(
        f"/admin/auth/group/{group.pk}/change/", {"name": "Support", "permissions": everything}
    )

    assert saved.status_code == 302
    assert group.permissions.count() == len(everything)


def test_only_a_superuser_sets_a_password(cast: Cast) -> None:
    browser = browser_of(operator("change_user", "view_user"))
    fields = {"usable_password": "true", "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}

    for person in (cast.olivia, cast.oscar):
        assert browser.post(f"/admin/workspaces/user/{person.pk}/password/", fields).status_code == 403
        person.refresh_from_db()
        assert person.check_password(cast.password)


def test_operator_changes_customers_and_no_other_operator(cast: Cast) -> None:
    browser = browser_of(operator("change_user", "view_user"))
    other = operator("grant_credits")

    assert browser.post(f"/admin/workspaces/user/{other.pk}/change/", {"name": "x"}).status_code == 403
    assert browser.post(f"/admin/workspaces/user/{cast.oscar.pk}/change/", {"name": "x"}).status_code == 403
    assert (
        browser.post(
            f"/admin/workspaces/user/{cast.victor.pk}/change/", {"name": "Vic", "is_active": "on"}
        ).status_code
        == 302
    )
    cast.victor.refresh_from_db()
    assert cast.victor.name == "Vic"


def test_password_that_a_superuser_sets_is_written_down_and_told(
    oscar: Client, cast: Cast, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    fields = {"usable_password": "true", "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    with django_capture_on_commit_callbacks(execute=True):
        oscar.post(f"/admin/workspaces/user/{cast.olivia.pk}/password/", fields)

    cast.olivia.refresh_from_db()
    assert cast.olivia.check_password(NEW_PASSWORD)
    event = latest("person.password_set")
    assert (event.actor_email, event.data) == (cast.oscar.email, {"person": cast.olivia.email})
    assert [message.to for message in mail.outbox] == [[cast.olivia.email]]
    assert NEW_PASSWORD not in str(event.data) + str(mail.outbox[0].body)


# --- What is written down --------------------------------------------------------------------------


def test_right_that_is_given_is_written_down_with_what_was_before(oscar: Client, cast: Cast) -> None:
    group = Group.objects.get(name="Support")
    fields = {"name": "", "is_active": "on", "is_staff": "on", "groups": [group.pk]}
    oscar.post(f"/admin/workspaces/user/{cast.victor.pk}/change/", fields)

    event = latest("person.edited")
    assert (event.actor_email, event.data["person"]) == (cast.oscar.email, cast.victor.email)
    assert event.data["changes"] == {"is_staff": [False, True], "groups": [[], ["Support"]]}


def test_change_of_a_role_is_written_down(oscar: Client) -> None:
    may_view = Permission.objects.get(codename="view_plan")
    oscar.post("/admin/auth/group/add/", {"name": "Clerks", "permissions": [may_view.pk]})
    clerks = Group.objects.get(name="Clerks")
    oscar.post(f"/admin/auth/group/{clerks.pk}/change/", {"name": "Clerks", "permissions": []})
    oscar.post(f"/admin/auth/group/{clerks.pk}/delete/", {"post": "yes"})

    assert latest("staff_role.added").data["staff_role"] == "Clerks"
    assert latest("staff_role.edited").data["changes"] == {"permissions": [[str(may_view)], []]}
    assert latest("staff_role.deleted").data == {"staff_role": "Clerks", "id": clerks.pk}


@pytest.mark.parametrize("in_bulk", [False, True])
def test_plan_made_and_deleted_is_written_down(oscar: Client, in_bulk: bool) -> None:
    oscar.post(
        "/admin/billing/plan/add/", {"name": "Pilot", "slug": "pilot", "monthly_credits": 5, "position": 9}
    )
    plan = Plan.objects.get(slug="pilot")
    if in_bulk:
        oscar.post(
            "/admin/billing/plan/",
            {"action": "delete_selected", "_selected_action": [plan.pk], "post": "yes"},
        )
    else:
        oscar.post(f"/admin/billing/plan/{plan.pk}/delete/", {"post": "yes"})

    assert latest("plan.added").data["changes"]["monthly_credits"] == [None, 5]
    assert latest("plan.deleted").data == {"plan": "Pilot", "id": plan.pk}
    assert not Plan.objects.filter(pk=plan.pk).exists()


def test_person_who_is_added_is_written_down_without_the_password(oscar: Client) -> None:
    fields = {
        "email": "new@acme.test",
        "usable_password": "true",
        "password1": PASSWORD,
        "password2": PASSWORD,
    }
    oscar.post("/admin/workspaces/user/add/", fields)

    event = latest("person.added")
    assert event.data["person"] == "new@acme.test"
    assert PASSWORD not in str(event.data)
    assert "password" not in str(event.data)


def test_first_operator_is_written_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    call_command("createsuperuser", email="first@bookbag.test", interactive=False, verbosity=0)

    assert latest("person.made_superuser").data == {"person": "first@bookbag.test"}


def test_page_saved_unchanged_leaves_no_event(oscar: Client, cast: Cast) -> None:
    before = actions()
    oscar.post(f"/admin/workspaces/user/{cast.victor.pk}/change/", {"name": "", "is_active": "on"})

    assert actions() == before


# --- What happens to logins ------------------------------------------------------------------------


def test_signing_up_and_in_is_written_down(client: Client) -> None:
    fields = {"email": "new@acme.test", "password1": PASSWORD, "password2": PASSWORD}
    client.post(reverse("account_signup"), fields, REMOTE_ADDR="192.0.2.7")
    link = re.search(r"http://testserver(/accounts/confirm-email/\S+)", str(mail.outbox[-1].body))
    assert link is not None
    client.post(link.group(1), REMOTE_ADDR="192.0.2.7")
    client.post(reverse("account_logout"))
    client.post(
        reverse("account_login"), {"login": "new@acme.test", "password": PASSWORD}, REMOTE_ADDR="192.0.2.8"
    )

    events = AuditEvent.objects.order_by("id").values_list("action", "actor_email", "address", "workspace")
    assert list(events) == [
        ("person.signed_up", "new@acme.test", "192.0.2.7", None),
        ("address.confirmed", "new@acme.test", "192.0.2.7", None),
        ("person.signed_in", "new@acme.test", "192.0.2.7", None),
        ("person.signed_in", "new@acme.test", "192.0.2.8", None),
    ]


def test_failed_sign_in_leaves_no_event(client: Client) -> None:
    make_user("olivia@acme.test")
    client.post(reverse("account_login"), {"login": "olivia@acme.test", "password": "wrong"})

    assert actions() == []


def test_changed_password_is_written_down(client: Client) -> None:
    client.force_login(make_user("olivia@acme.test"))
    fields = {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    client.post(reverse("account_change_password"), fields)

    event = latest("password.changed")
    assert (event.actor_email, event.data) == ("olivia@acme.test", {})


def test_reset_password_is_written_down(client: Client) -> None:
    make_user("olivia@acme.test")
    client.post(reverse("account_reset_password"), {"email": "olivia@acme.test"})
    link = re.search(r"http://testserver(\S+)", str(mail.outbox[0].body))
    assert link is not None
    form = client.get(link.group(1), follow=True)
    client.post(form.request["PATH_INFO"], {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})

    assert latest("password.reset").actor_email == "olivia@acme.test"


def test_addresses_are_written_down_from_added_to_removed(client: Client) -> None:
    make_user("olivia@acme.test")
    client.post(reverse("account_login"), {"login": "olivia@acme.test", "password": PASSWORD})
    page = reverse("account_email")
    client.post(page, {"email": "new@acme.test", "action_add": ""})
    link = re.search(r"http://testserver(/accounts/confirm-email/\S+)", str(mail.outbox[-1].body))
    assert link is not None
    client.post(link.group(1))
    client.post(page, {"email": "new@acme.test", "action_primary": ""})
    client.post(page, {"email": "olivia@acme.test", "action_remove": ""})

    told = (
        AuditEvent.objects.filter(action__startswith="address").order_by("id").values_list("action", "data")
    )
    assert list(told) == [
        ("address.added", {"to": "new@acme.test"}),
        ("address.confirmed", {"to": "new@acme.test"}),
        ("address.changed", {"before": "olivia@acme.test", "to": "new@acme.test"}),
        ("address.removed", {"to": "olivia@acme.test"}),
    ]


# --- Two tabs --------------------------------------------------------------------------------------


def opened(browser: Client, path: str) -> dict[str, Any]:
    """The fields of a page as a browser would send them back."""
    response = browser.get(path)
    form = response.context["adminform"].form
    fields = {name: form[name].value() for name in form.fields}
    fields = {name: "" if value is None else value for name, value in fields.items() if value is not False}
    for inline in response.context["inline_admin_formsets"]:
        for one in [inline.formset.management_form, *inline.formset.forms]:
            fields |= {
                one.add_prefix(name): one[name].value() or "" for name in one.fields if name != "DELETE"
            }
    sealed = re.search(r'name="opened" value="([^"]+)"', response.content.decode())
    assert sealed is not None, "the page does not say what it was opened on"
    return fields


def test_later_save_of_a_price_does_not_undo_the_earlier(oscar: Client) -> None:
    model = ChatModel.objects.get(model_id="gpt-4o")
    page = reverse("admin:llm_chatmodel_change", args=[model.pk])
    mine, theirs = opened(oscar, page), opened(oscar, page)
    bea = browser_of(make_user("bea@bookbag.test", is_staff=True, is_superuser=True))
    assert bea.post(page, theirs | {"price": 7}).status_code == 302
    refused = oscar.post(page, mine | {"note": "New words"})

    model.refresh_from_db()
    assert (refused.status_code, model.price) == (200, 7)
    shown = refused.content.decode()
    assert "bea@bookbag.test has changed this since you opened the page" in shown
    assert "Credits per reply: 5 → 7" in shown
    assert "New words" in shown
    assert model.note != "New words"


def test_whoever_has_seen_the_others_change_may_save(oscar: Client) -> None:
    model = ChatModel.objects.get(model_id="gpt-4o")
    page = reverse("admin:llm_chatmodel_change", args=[model.pk])
    mine = opened(oscar, page)
    ChatModel.objects.filter(pk=model.pk).update(price=7)
    refused = oscar.post(page, mine | {"price": 9})
    sealed = re.search(r'name="opened" value="([^"]+)"', refused.content.decode())
    assert sealed is not None
    assert oscar.post(page, mine | {"price": 9, "opened": sealed.group(1)}).status_code == 302

    model.refresh_from_db()
    assert model.price == 9


def test_later_save_of_a_plan_does_not_undo_the_earlier(oscar: Client) -> None:
    plan = Plan.objects.get(slug="hobby")
    page = reverse("admin:billing_plan_change", args=[plan.pk])
    mine, theirs = opened(oscar, page), opened(oscar, page)
    oscar.post(page, theirs | {"monthly_credits": 2_500})
    shown = oscar.post(page, mine | {"seat_limit": 3}).content.decode()

    plan.refresh_from_db()
    assert (plan.monthly_credits, plan.seat_limit) == (2_500, 1)
    assert "Monthly credits: 2000 → 2500" in shown


def test_later_change_of_members_does_not_undo_the_earlier(oscar: Client, cast: Cast) -> None:
    page = reverse("admin:workspaces_workspace_change", args=[cast.acme.pk])
    mine = opened(oscar, page)
    cast.acme.memberships.filter(user=cast.victor).update(role="editor")
    shown = oscar.post(page, mine | {"name": "Acme & Sons", "reason": "Renamed"}).content.decode()

    assert cast.acme.memberships.get(user=cast.victor).role == "editor"
    assert "victor@acme.test: viewer → editor" in shown


def test_later_change_of_rights_does_not_undo_the_earlier(oscar: Client, cast: Cast) -> None:
    page = reverse("admin:workspaces_user_change", args=[cast.victor.pk])
    mine = opened(oscar, page)
    User.objects.filter(pk=cast.victor.pk).update(is_active=False)
    shown = oscar.post(page, mine | {"name": "Victor"}).content.decode()

    cast.victor.refresh_from_db()
    assert not cast.victor.is_active
    assert "Somebody has changed this" in shown


def test_page_says_nothing_of_a_password_in_what_it_was_opened_on(oscar: Client, cast: Cast) -> None:
    from django.core import signing

    sealed = opened(oscar, reverse("admin:workspaces_user_change", args=[cast.oscar.pk]))["opened"]

    assert "argon2" not in str(signing.loads(sealed, salt="workspaces.desk"))


def test_save_writes_what_was_changed_and_nothing_else(oscar: Client, cast: Cast) -> None:
    """As if the person had set a new password while the operator's request was under way."""
    page = reverse("admin:workspaces_user_change", args=[cast.victor.pk])
    fields = opened(oscar, page) | {"name": "Victor"}
    fresh = User.objects.get(pk=cast.victor.pk)
    fresh.set_password(NEW_PASSWORD)
    fresh.save(update_fields=["password"])
    assert oscar.post(page, fields).status_code == 302

    cast.victor.refresh_from_db()
    assert (cast.victor.name, cast.victor.check_password(NEW_PASSWORD)) == ("Victor", True)


@pytest.mark.django_db(transaction=True)
def test_of_two_who_save_at_once_one_is_refused(cast: Cast) -> None:
    model = ChatModel.objects.get(model_id="gpt-4o")
    page = reverse("admin:llm_chatmodel_change", args=[model.pk])
    browsers = [
        browser_of(cast.oscar),
        browser_of(make_user("bea@bookbag.test", is_staff=True, is_superuser=True)),
    ]
    forms = [opened(browser, page) | {"price": 7 + number} for number, browser in enumerate(browsers)]
    answers = at_once(
        [partial(browser.post, page, form) for browser, form in zip(browsers, forms, strict=True)]
    )

    assert sorted(answer.status_code for answer in answers) == [200, 302]
    model.refresh_from_db()
    assert model.price == 7 + [answer.status_code for answer in answers].index(302)


@pytest.mark.parametrize("made_up", ["x", "x:y:z", "\x00"])
def test_page_that_says_it_was_opened_on_nonsense_is_refused(oscar: Client, made_up: str) -> None:
    model = ChatModel.objects.get(model_id="gpt-4o")
    page = reverse("admin:llm_chatmodel_change", args=[model.pk])
    answer = oscar.post(page, opened(oscar, page) | {"price": 9, "opened": made_up})

    model.refresh_from_db()
    assert (answer.status_code, model.price) == (200, 5)


def test_later_move_to_a_plan_does_not_undo_the_earlier(oscar: Client, cast: Cast) -> None:
    account = cast.acme.account
    hobby, pro = Plan.objects.get(slug="hobby"), Plan.objects.get(slug="pro")
    page = reverse("admin:billing_account_plan", args=[account.pk])
    shown_on = re.search(r'name="opened_on" value="(\d+)"', oscar.get(page).content.decode())
    assert shown_on is not None
    mine = {"opened_on": shown_on.group(1), "reason": "Contract"}
    assert oscar.post(page, mine | {"plan": pro.pk}).status_code == 302
    refused = oscar.post(page, mine | {"plan": hobby.pk}).content.decode()

    account.refresh_from_db()
    assert account.plan == pro
    assert "Somebody has moved this workspace to the Pro plan" in refused
