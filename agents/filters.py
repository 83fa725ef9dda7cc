"""What people narrow lists to, as it comes in the address. What cannot be meant is passed over, never an error."""

from typing import Any
from uuid import UUID

from django import forms

from agents.conversations import MOST_SEARCHED_FOR, Wanted
from workspaces.models import Membership, Workspace


def agents_of(workspace: Workspace) -> list[tuple[str, str]]:
    agents = workspace.agents.order_by("name", "pk").values_list("pk", "name")
    return [("", "Every agent"), *((str(pk), name) for pk, name in agents)]


class ConversationFilter(forms.Form):
    """Whose conversations, with which agent, with which words in them."""

    whose = forms.ChoiceField(required=False, choices=[("mine", "Yours"), ("all", "Everybody's")])
    agent = forms.ChoiceField(required=False)
    q = forms.CharField(
        required=False,
        label="With the words",
        widget=forms.TextInput(attrs={"type": "search", "maxlength": MOST_SEARCHED_FOR}),
    )
    before = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def __init__(self, given: Any, *, membership: Membership) -> None:
        """`given`: the query of the address. Viewers ask nothing, so they are shown everybody's unless they say."""
        self.usual = "mine" if membership.is_editor else "all"
        super().__init__({"whose": self.usual, **given.dict()})
        self.fields["agent"].choices = agents_of(membership.workspace)  # type: ignore[attr-defined]
        self.fields["whose"].choices = [  # type: ignore[attr-defined]
            ("mine", "Yours"), ("all", f"Everybody's in {membership.workspace.name}")
        ]  # fmt: skip

    def wanted(self) -> Wanted:
        self.is_valid()
        found = self.cleaned_data
        agent, words = found.get("agent"), " ".join(found.get("q", "").split())
        return Wanted(
            mine=(found.get("whose") or self.usual) == "mine",
            agent_id=UUID(agent) if agent else None,
            words=words[:MOST_SEARCHED_FOR],
            before=found.get("before"),
        )
