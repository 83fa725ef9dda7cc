"""The wording of audit events: one sentence each, with old values before new ones.

An action without a sentence here is worded from its name.
"""

from string import Formatter
from typing import Any

# The sentence of each action. Names in braces are filled in from the event's data.
SENTENCES = {
    "workspace.created": "Workspace {name} made, at the address {slug}",
    "workspace.renamed": "Name of the workspace: {before} → {after}",
    "workspace.moved": "Address of the workspace: {before} → {after}",
    "workspace.suspended": "Workspace suspended by the operators: {reason}",
    "workspace.resumed": "Workspace at work again; it was suspended for: {reason}",
    "workspace.deleted": "Workspace {name} deleted, at the address {slug}",
    "member.role_changed": "Role of {member}: {before} → {after}",
    "member.added": "{member}: no member → {role}",
    "member.joined": "{member} has joined: invited → {role}",
    "member.removed": "{member} removed: {role} → no member",
    "member.left": "{member} has left: {role} → no member",
    "ownership.passed": "Ownership passed on: {member} was {before} and is owner, {by} was owner and is admin",
    "invitation.sent": "{invited} invited as {role}",
    "invitation.sent_again": "{invited} invited again as {role}, with a new link",
    "invitation.revoked": "Invitation of {invited} as {role} revoked",
    "second_factor.required": "Second factor: up to each member → asked of every member",
    "second_factor.no_longer_required": "Second factor: asked of every member → up to each member",
    "provider_key.added": "Provider key of {provider}: none → {after}",
    "provider_key.replaced": "Provider key of {provider}: {before} → {after}",
    "provider_key.restored": "Provider key of {provider} brought back: {before} → {after}",
    "provider_key.deleted": "Provider key of {provider}: {before} → none",
    "provider_key.verified": "Provider key {mask} of {provider} checked: {health}",
    "provider_key.region_changed": "Region of the provider key {mask} of {provider}: {before} → {after}",
    "provider_key.opened": "Provider key {mask} of {provider} opened {times} times on {day}, for: {purpose}",
    "byo.enabled": "“Bring your own keys”: off → on",
    "byo.disabled": "“Bring your own keys”: on → off",
    "chat_model.added": "Own chat model {model} of {provider} added",
    "chat_model.removed": "Own chat model {model} of {provider} removed",
    "chat_model.parameter_left_out": "Left out for the chat model {model} from now on, as the provider refused it: {parameters}",
    "credits.granted": "{amount} credits granted: {reason}",
    "credits.reversed": "{amount} credits moved back: {reason}",
    "plan.changed": "Plan: {before} → {after}",
    "agent.created": "Agent {agent} made",
    "agent.deleted": "Agent {agent} deleted",
    "agent.chat_models_changed": "{agents} agents moved to the chat model {to}",
    "conversation.deleted": "Conversation of {asked_by} with {agent} deleted",
    "conversation.restored": "Conversation of {asked_by} with {agent} brought back",
    "person.made_superuser": "{person} made an operator who may do everything",
    "person.invited": "{person} invited to make an account",
    "address.changed": "E-mail address: {before} → {to}",
    "identity.added": "{issuer} signs in to the account from now on, as {address}",
    "identity.removed": "{issuer} no longer signs in to the account; it did as {address}",
    "audit.forgotten": "{events} events from before {before} deleted, as they are kept for {days} days",
}
NONE = "none"


def sentence(action: str, data: dict[str, Any]) -> str:
    """The event in a sentence, without a full stop."""
    template = SENTENCES.get(action, "")
    if template and _names(template) <= set(data):
        return template.format_map({name: _plain(value) for name, value in data.items()})
    said = action_label(action)
    if isinstance(data.get("agent"), str):
        said = f"{said} ({data['agent']})"
    if isinstance(data.get("changes"), dict):
        changes = "; ".join(_change(name, values) for name, values in sorted(data["changes"].items()))
        return f"{said}: {changes}" if changes else said
    if {"before", "after"} <= set(data):
        return f"{said}: {_plain(data['before'])} → {_plain(data['after'])}"
    return said


def unsaid(action: str, data: dict[str, Any]) -> list[tuple[str, str]]:
    """The event's data that its sentence does not mention, by name."""
    template = SENTENCES.get(action, "")
    said = _names(template) if _names(template) <= set(data) else set()
    said |= {"before", "after"} if {"before", "after"} <= set(data) else set()
    said |= {"changes"} if isinstance(data.get("changes"), dict) else set()
    said |= {"agent"} if isinstance(data.get("agent"), str) else set()
    return [(name.replace("_", " "), _plain(data[name])) for name in sorted(set(data) - said)]


def action_label(action: str) -> str:
    """`provider_key.replaced` as "Provider key replaced". "Created" becomes "made", as in the sentences."""
    return action.replace(".created", " made").replace(".", " ").replace("_", " ").capitalize()


def _change(name: str, values: Any) -> str:
    """The change of one field: before and after, or only that it changed if the values are too long to show."""
    words = name.replace("_", " ")
    if isinstance(values, list) and len(values) == 2:
        return f"{words}: {_plain(values[0])} → {_plain(values[1])}"
    return f"{words} changed"


def _names(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name}


def _plain(value: Any) -> str:
    if value is None or value == "" or value == []:
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
