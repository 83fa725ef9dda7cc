"""The filters of lists, read from the query string. Invalid values are ignored and are never an error."""

from typing import Any
from uuid import UUID

from django import forms
from django.db.models import Q

from agents import activity
from agents.conversations import MOST_SEARCHED_FOR, ConversationSearch
from agents.models import Reply, ReplyRating
from llm.models import ChatModel
from workspaces.models import Membership, Workspace


def agents_of(workspace: Workspace) -> list[tuple[str, str]]:
    agents = workspace.agents.order_by("name", "pk").values_list("pk", "name")
    return [("", "Every agent"), *((str(pk), name) for pk, name in agents)]


class ConversationFilter(forms.Form):
    """Filters conversations by member, agent and words."""

    whose = forms.ChoiceField(required=False, choices=[("mine", "Yours"), ("all", "Everybody's")])
    agent = forms.ChoiceField(required=False)
    q = forms.CharField(
        required=False,
        label="With the words",
        widget=forms.TextInput(attrs={"type": "search", "maxlength": MOST_SEARCHED_FOR}),
    )
    before = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def __init__(self, given: Any, *, membership: Membership) -> None:
        """`given`: the query string's values.

        Viewers have no conversations of their own, so by default they see everybody's.
        """
        self.usual = "mine" if membership.is_editor else "all"
        super().__init__({"whose": self.usual, **given.dict()})
        self.fields["agent"].choices = agents_of(membership.workspace)  # type: ignore[attr-defined]
        self.fields["whose"].choices = [  # type: ignore[attr-defined]
            ("mine", "Yours"), ("all", f"Everybody's in {membership.workspace.name}")
        ]  # fmt: skip

    def wanted(self) -> ConversationSearch:
        self.is_valid()
        found = self.cleaned_data
        agent, words = found.get("agent"), " ".join(found.get("q", "").split())
        return ConversationSearch(
            mine=(found.get("whose") or self.usual) == "mine",
            agent_id=UUID(agent) if agent else None,
            words=words[:MOST_SEARCHED_FOR],
            before=found.get("before"),
        )


class ActivityFilter(forms.Form):
    """Filters an agent's replies by day, member, chat model, payer, ending and rating."""

    since = forms.DateField(
        required=False, label="From", widget=forms.DateInput({"type": "date"}, "%Y-%m-%d")
    )
    until = forms.DateField(required=False, label="To", widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"))
    member = forms.ChoiceField(required=False, label="Asked by")
    chat_model = forms.ChoiceField(required=False, label="Chat model")
    payer = forms.ChoiceField(
        required=False,
        choices=[("", "Anybody"), *((one.value, name) for one, name in Reply.BILLING_NAMES.items())],
    )
    ending = forms.ChoiceField(
        required=False, label="Ended", choices=[("", "Any way"), *Reply.Ending.choices]
    )
    rating = forms.ChoiceField(
        required=False,
        label="Rated",
        choices=[("", "Any way"), *ReplyRating.Value.choices, (activity.NOT_RATED, "Not rated")],
    )
    before = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def __init__(self, given: Any, *, workspace: Workspace) -> None:
        super().__init__(given)
        people = list(workspace.memberships.select_related("user").order_by("user__email"))
        self.people = {str(one.code): one.user_id for one in people}
        models = ChatModel.objects.filter(Q(workspace=None) | Q(workspace=workspace))
        names = models.order_by("name").values_list("name", flat=True).distinct()
        named = [(str(one.code), one.user.email) for one in people]
        self.fields["member"].choices = [("", "Anybody"), *named]  # type: ignore[attr-defined]
        self.fields["chat_model"].choices = [("", "Any"), *((name, name) for name in names)]  # type: ignore[attr-defined]

    def wanted(self) -> activity.ActivitySearch:
        self.is_valid()
        found = self.cleaned_data
        return activity.ActivitySearch(
            since=found.get("since"),
            until=found.get("until"),
            member_id=self.people.get(found.get("member", "")),
            before=found.get("before"),
            **{name: found.get(name) or "" for name in ("chat_model", "payer", "rating", "ending")},
        )
