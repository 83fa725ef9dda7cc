"""The errors of the rules on membership.

MembersError
├── SlugTaken         another workspace has the address
├── TooManyWorkspaces the person has made the most that one person may
├── TooManySignUps    the most accounts allowed today were made from this network
├── RoleAboveOwn      nobody grants a role above their own
├── OwnerProtected    only an owner changes or removes an owner
├── CannotOwn         the person who would be the owner cannot sign in
├── LastOwner         a workspace always has an owner
├── NoLongerMember    the actor's or the subject's membership has ended, or its role is too small now
├── NoSeat            the plan has no seat left
├── InvitationOver    the invitation was accepted, revoked or replaced, or has expired
├── InvitationSent    the invitation was sent a moment ago
├── NotNow            operators have suspended the workspace, so nobody joins
├── NotInvited        the person has not confirmed the address that was invited
├── NoOwnFactor       whoever would require a second factor of members has none
├── FactorUnreadable  the vault cannot open or seal the secret of a second factor
└── IdentityRefused   the identity at the issuer cannot be used to sign in here; `code` says why
"""

from workspaces import contact


class MembersError(Exception):
    """The base of all. `str()` of an error is a sentence for the person whose request it refuses."""

    sentence = ""

    def __str__(self) -> str:
        return self.sentence


class SlugTaken(MembersError):
    sentence = "This address is taken. Please choose another."


class TooManyWorkspaces(MembersError):
    def __init__(self, most: int) -> None:
        super().__init__(most)
        self.sentence = (
            f"You have made {most} workspaces, which is the most that one person may. "
            f"Use one of them, or ask the operators of this site{contact.at_support()} for more."
        )


class TooManySignUps(MembersError):
    sentence = (
        "As many accounts as one network may make in a day have been made from yours today. "
        "Try again tomorrow, or from another network."
    )


class RoleAboveOwn(MembersError):
    sentence = "You cannot grant a role above your own. An owner of the workspace can."


class OwnerProtected(MembersError):
    sentence = "Only an owner can change or remove an owner."


class CannotOwn(MembersError):
    sentence = "This person's sign-in is disabled, so they cannot own a workspace. Choose somebody else."


class LastOwner(MembersError):
    sentence = "A workspace always has an owner. Make somebody else an owner first."


class NoLongerMember(MembersError):
    sentence = "This membership has changed in the meantime. Nothing was done."


class NoSeat(MembersError):
    def __init__(self) -> None:
        super().__init__()
        self.sentence = (
            "All seats of this workspace's plan are taken. An admin can remove a member or revoke an invitation, "
            f"and the operators of this site{contact.at_support()} can change the plan."
        )


class InvitationOver(MembersError):
    sentence = "This invitation no longer works: it was used, revoked or replaced, or its 24 hours are over."


class InvitationSent(MembersError):
    sentence = "This invitation was sent less than a minute ago. Wait a moment, or copy its link."


class NotNow(MembersError):
    sentence = (
        "This workspace is suspended by the operators of this site, and nobody can join until it works again."
    )


class NotInvited(MembersError):
    sentence = "This invitation is for another address than those that you have confirmed."


class NoOwnFactor(MembersError):
    sentence = "Set up your own second factor first, because the rule would shut you out as well."


class FactorUnreadable(MembersError):
    # Django templates treat this error as an empty value; a template that counts recovery codes then finds none.
    silent_variable_failure = True

    def __init__(self) -> None:
        super().__init__()
        self.sentence = (
            "Codes cannot be checked at the moment, which is our fault. A passkey works meanwhile; "
            f"if it stays so, write to the operators of this site{contact.at_support()}."
        )


class IdentityRefused(MembersError):
    """`code`: unverified, unconfirmed, operator, closed, anothers, another or not_you (workspaces/identities.py)."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code
        self.sentence = f"The identity was refused: {code}."
