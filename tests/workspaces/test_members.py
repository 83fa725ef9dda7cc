"""The rules of membership: who may change whom, and that an owner always remains."""

from functools import partial

import pytest

from tests.factories import add_member, make_user, make_workspace, owner_of
from tests.workspaces.racing import at_once
from workspaces import members
from workspaces.errors import LastOwner, MembersError, NoLongerMember, OwnerProtected, RoleAboveOwn, SlugTaken
from workspaces.models import Membership, Role, Workspace

pytestmark = pytest.mark.django_db


def last_event(workspace: Workspace) -> tuple[str, str, dict[str, str]]:
    event = workspace.audit_events.latest("id")
    return event.action, event.actor_email, event.data


def test_create_workspace_makes_the_creator_its_owner_and_records_it() -> None:
    olivia = make_user("olivia@acme.test")
    workspace = members.create_workspace(name="Acme", slug="acme", owner=olivia)

    assert members.roles(workspace) == {"olivia@acme.test": "owner"}
    assert last_event(workspace) == (
        "workspace.created",
        "olivia@acme.test",
        {"name": "Acme", "slug": "acme"},
    )


def test_create_workspace_refuses_a_slug_that_is_taken(acme: Workspace) -> None:
    with pytest.raises(SlugTaken):
        members.create_workspace(name="Another", slug="acme", owner=make_user())

    assert list(Workspace.objects.values_list("slug", flat=True)) == ["acme"]


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Acme", "acme-2"),
        ("Globex & Söhne", "globex-sohne"),
        ("日本", "workspace"),
        ("---", "workspace"),
        ("A" * 80, "a" * 35),
    ],
)
def test_free_slug_makes_an_address_of_the_name(acme: Workspace, name: str, slug: str) -> None:
    assert members.free_slug(name) == slug


# Who (row) may give whom (column) a role: yes, or the refusal.
@pytest.mark.parametrize(
    ("by", "subject", "role", "refusal"),
    [
        ("admin", "viewer", "editor", None),
        ("admin", "viewer", "admin", None),
        ("admin", "admin", "viewer", None),
        ("admin", "viewer", "owner", RoleAboveOwn),
        ("admin", "owner", "admin", OwnerProtected),
        ("admin", "owner", "owner", OwnerProtected),
        ("owner", "viewer", "owner", None),
        ("owner", "admin", "viewer", None),
        ("owner", "owner", "viewer", None),
        ("editor", "viewer", "editor", NoLongerMember),
        ("viewer", "viewer", "admin", NoLongerMember),
    ],
)
def test_change_role_follows_the_ranks(
    acme: Workspace, by: str, subject: str, role: str, refusal: type[MembersError] | None
) -> None:
    actor, member = add_member(acme, by), add_member(acme, subject)

    if refusal:
        with pytest.raises(refusal):
            members.change_role(member, role=Role(role), by=actor)
    else:
        members.change_role(member, role=Role(role), by=actor)
    member.refresh_from_db()
    assert member.role == (subject if refusal else role)


def test_change_role_records_before_and_after(acme: Workspace) -> None:
    actor, member = owner_of(acme), add_member(acme, "viewer", make_user("victor@acme.test"))
    members.change_role(member, role=Role.EDITOR, by=actor)

    data = {"member": "victor@acme.test", "before": "viewer", "after": "editor"}
    assert last_event(acme) == ("member.role_changed", actor.user.email, data)


def test_change_role_to_the_same_records_nothing(acme: Workspace) -> None:
    before = acme.audit_events.count()
    members.change_role(add_member(acme, "viewer"), role=Role.VIEWER, by=owner_of(acme))

    assert acme.audit_events.count() == before


def test_last_owner_cannot_be_lowered_removed_or_leave(acme: Workspace) -> None:
    owner = owner_of(acme)

    for act in (
        lambda: members.change_role(owner, role=Role.ADMIN, by=owner),
        lambda: members.remove(owner, by=owner),
        lambda: members.leave(owner),
    ):
        with pytest.raises(LastOwner):
            act()
    assert owner_of(acme) == owner


def test_last_owner_may_be_made_owner_again(acme: Workspace) -> None:
    owner = owner_of(acme)

    assert members.change_role(owner, role=Role.OWNER, by=owner).role == "owner"


@pytest.mark.parametrize(
    ("by", "subject", "refusal"),
    [
        ("admin", "viewer", None),
        ("admin", "admin", None),
        ("admin", "owner", OwnerProtected),
        ("owner", "owner", None),
        ("editor", "viewer", NoLongerMember),
    ],
)
def test_remove_follows_the_ranks(
    acme: Workspace, by: str, subject: str, refusal: type[MembersError] | None
) -> None:
    actor, member = add_member(acme, by), add_member(acme, subject)

    if refusal:
        with pytest.raises(refusal):
            members.remove(member, by=actor)
    else:
        members.remove(member, by=actor)
    assert acme.memberships.filter(pk=member.pk).exists() is bool(refusal)


def test_remove_records_who_went_and_what_they_were(acme: Workspace) -> None:
    member = add_member(acme, "editor", make_user("edith@acme.test"))
    members.remove(member, by=owner_of(acme))

    data = {"member": "edith@acme.test", "role": "editor"}
    assert last_event(acme) == ("member.removed", owner_of(acme).user.email, data)


def test_anybody_but_the_last_owner_may_leave(acme: Workspace) -> None:
    for role in Role:
        members.leave(add_member(acme, role, make_user(f"{role}@acme.test")))

    assert set(members.roles(acme).values()) == {"owner"}
    assert last_event(acme) == (
        "member.left",
        "owner@acme.test",
        {"member": "owner@acme.test", "role": "owner"},
    )


def test_act_on_a_member_who_is_gone_does_nothing(acme: Workspace) -> None:
    member = add_member(acme, "viewer")
    Membership.objects.filter(pk=member.pk).delete()

    with pytest.raises(NoLongerMember):
        members.change_role(member, role=Role.ADMIN, by=owner_of(acme))


def test_act_reaches_no_member_of_another_workspace(acme: Workspace) -> None:
    elsewhere = add_member(make_workspace(), "viewer")

    with pytest.raises(NoLongerMember):
        members.remove(elsewhere, by=owner_of(acme))
    assert Membership.objects.filter(pk=elsewhere.pk).exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("rounds", [20, pytest.param(200, marks=pytest.mark.soak)])
def test_two_owners_who_demote_each_other_at_once_leave_one(rounds: int) -> None:
    for round_ in range(rounds):
        workspace = make_workspace(slug=f"race-{round_}")
        one, two = owner_of(workspace), add_member(workspace, "owner")

        came_to = at_once(
            partial(members.change_role, two, role=Role.VIEWER, by=one),
            partial(members.change_role, one, role=Role.VIEWER, by=two),
        )

        assert came_to == ["NoLongerMember", "done"]
        assert sorted(members.roles(workspace).values()) == ["owner", "viewer"]


@pytest.mark.django_db(transaction=True)
def test_two_owners_who_pass_the_ownership_to_each_other_at_once_leave_one() -> None:
    for round_ in range(10):
        workspace = make_workspace(slug=f"race-{round_}")
        one, two = owner_of(workspace), add_member(workspace, "owner")

        at_once(partial(members.transfer, two, by=one), partial(members.transfer, one, by=two))

        assert sorted(members.roles(workspace).values()) == ["admin", "owner"]


@pytest.mark.django_db(transaction=True)
def test_two_owners_who_leave_at_once_leave_one() -> None:
    for round_ in range(20):
        workspace = make_workspace(slug=f"race-{round_}")
        one, two = owner_of(workspace), add_member(workspace, "owner")

        came_to = at_once(partial(members.leave, one), partial(members.leave, two))

        assert came_to == ["LastOwner", "done"]
        assert list(members.roles(workspace).values()) == ["owner"]
