"""What the rules of membership refuse.

MembersError
├── SlugTaken         the address is another workspace's
├── RoleAboveOwn      nobody grants a role above their own
├── OwnerProtected    only an owner changes or removes an owner
├── LastOwner         a workspace always has an owner
└── NoLongerMember    the actor's or the subject's membership is gone, or too small by now
"""


class MembersError(Exception):
    """Base of all; `str()` of it is a sentence for the person who tried."""

    sentence = ""

    def __str__(self) -> str:
        return self.sentence


class SlugTaken(MembersError):
    sentence = "This address is taken. Please choose another."


class RoleAboveOwn(MembersError):
    sentence = "You cannot grant a role above your own."


class OwnerProtected(MembersError):
    sentence = "Only an owner can change or remove an owner."


class LastOwner(MembersError):
    sentence = "A workspace always has an owner. Make somebody else an owner first."


class NoLongerMember(MembersError):
    sentence = "This membership has changed in the meantime. Nothing was done."
