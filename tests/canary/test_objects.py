"""No object that a secret passes through shows it: printed, formatted, unfolded, copied, pickled or dumped.

The objects come from a real key that is entered, opened and used for a reply, and from a reply that fails.
"""

import copy
import dataclasses
import json
import pickle
import pprint
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.core import serializers
from django.forms.models import model_to_dict
from django.http import QueryDict

from agents.running import accepting, admission, database, runs
from agents.running.submission import AcceptedReply, Submission
from llm import gateway, keys, vault
from llm.forms import CustomModelForm, PlatformKeyForm, ProviderKeyForm
from llm.keys import binding_of_row, sealed_of
from llm.models import KekRecord, ProviderKey
from llm.providers.base import ProviderError
from llm.vault import Secret
from tests.canary import planted
from tests.harness.cast import Cast, make_agent
from tests.harness.chat import MODELS, bring_key
from tests.harness.visitor import session_cookie
from tests.provider_double.client import Double

pytestmark = [pytest.mark.django_db(transaction=True)]

OURS = ("bookbag", "workspaces", "billing", "llm", "agents")
SCANNER = planted.Scanner(
    planted.SECRETS
    | {"KEK": settings.VAULT_KEYS[0][1], "the prompt": planted.PROMPT}
    | planted.deployment_secrets()
)
# The dataclasses that carry a conversation to its provider have to contain it, but their repr must not.
CARRIERS = ("Message", "Submission")


def unfold(thing: Any, depth: int = 6) -> Iterator[str]:
    """What a debugger would show: the attributes of our objects, opened one by one, and the repr of all others."""
    yield repr(thing)
    if depth == 0 or isinstance(thing, str | bytes | type) or type(thing).__name__ in CARRIERS:
        return
    if isinstance(thing, dict):
        inside = [*thing, *thing.values()]
    elif isinstance(thing, list | tuple | set | frozenset):
        inside = list(thing)
    elif type(thing).__module__.partition(".")[0] in OURS and not isinstance(thing, Secret):
        fields = {name: getattr(thing, name, None) for name in getattr(type(thing), "__slots__", ())}
        inside = [*getattr(thing, "__dict__", {}).values(), *fields.values()]
    else:
        return
    for one in inside:
        yield from unfold(one, depth - 1)


SHOWS: dict[str, Callable[[Any], Any]] = {
    "repr": repr,
    "str": str,
    "format": "{:>80}".format,
    "percent": lambda thing: "%s %r" % (thing, thing),  # noqa: UP031
    "pprint": pprint.pformat,
    "vars": lambda thing: repr(vars(thing)),
    "pickle": pickle.dumps,
    "copy": lambda thing: repr(vars(copy.copy(thing))),
    "deepcopy": lambda thing: repr(vars(copy.deepcopy(thing))),
    "asdict": lambda thing: repr(dataclasses.asdict(thing)),
    "astuple": lambda thing: repr(dataclasses.astuple(thing)),
    "json": json.dumps,
    "json of vars": lambda thing: json.dumps(vars(thing), default=repr),
    "iteration": lambda thing: repr(list(thing)),
    "model to dict": lambda thing: repr(model_to_dict(thing)),
    "serialised": lambda thing: serializers.serialize("json", [thing]),
    "serialised as Python": lambda thing: repr(serializers.serialize("python", [thing])),
    "unfolded": lambda thing: "\n".join(unfold(thing)),
}


def shown(thing: Any) -> list[str]:
    """The ways in which `thing`, or an error that refuses one of these ways, shows a secret."""
    leaks = []
    for name, show in SHOWS.items():
        try:
            text = show(thing)
        except Exception as refusal:
            text = repr([refusal, refusal.args, refusal.__cause__, refusal.__context__])
        leaks += [f"{name}: {found}" for found in SCANNER.find(text)]
    return leaks


@pytest.fixture
def accepted(cast: Cast, provider_double: Double) -> Iterator[AcceptedReply]:
    """A reply on Acme's own key that is stored and not yet run, so that it carries the opened secret."""
    bring_key(cast.acme, "openai", planted.ACME["openai"])
    agent = make_agent(cast.acme, MODELS["openai"][0])
    send = Submission(session_cookie(cast.edith), "acme", agent.pk, planted.PROMPT, uuid4().hex)
    found = accepting.accept(send)
    assert isinstance(found, AcceptedReply)
    assert found.secret is not None
    assert found.secret.reveal() == planted.ACME["openai"]
    yield found
    async_to_sync(database.close)()


def completion_of(accepted: AcceptedReply) -> gateway.Completion:
    assert accepted.secret is not None
    return gateway.Completion(
        provider=accepted.provider,
        model_id=accepted.model_id,
        messages=accepted.messages,
        parameters=accepted.parameters,
        secret=accepted.secret,
    )


async def _read(completion: gateway.Completion) -> None:
    try:
        async for _ in completion.text():
            pass
    finally:
        await completion.twin.client(completion.call.base_url).close()


def test_detectors_of_objects_detect() -> None:
    holder = dataclasses.make_dataclass("Holder", ["secret"])(planted.ACME["openai"])
    ways = {leak.partition(":")[0] for leak in shown(holder)}

    assert ways >= {"repr", "str", "vars", "asdict", "astuple", "json of vars", "copy", "pprint"}
    assert any(leak.startswith("pickle") for leak in shown({"secret": planted.ACME["openai"]}))
    assert any(leak.startswith("unfolded") for leak in shown([{"deep": (holder, [planted.PROMPT])}]))


def test_nothing_that_carries_a_reply_shows_its_secret_or_prompt(accepted: AcceptedReply, cast: Cast) -> None:
    row = ProviderKey.objects.get(workspace=cast.acme)
    session = session_cookie(cast.edith)
    agent_id = cast.acme.agents.get().pk
    facts = admission.to_send(session_key=session, slug="acme", agent_id=agent_id)
    completion = completion_of(accepted)
    run = runs.Run(accepted)
    run._completion = completion
    things = {
        "secret": accepted.secret,
        "binding": binding_of_row(row),
        "sealed": sealed_of(row),
        "sealed key": facts.platform_key or facts.workspace_key,
        "facts": facts,
        "accepted": accepted,
        "run": run,
        "beat": run.beat(),
        "completion": completion,
        "call": completion.call,
        "metadata": completion.metadata,
    }

    assert {name: leaks for name, thing in things.items() if (leaks := shown(thing))} == {}


def test_no_stored_row_shows_its_secret(accepted: AcceptedReply) -> None:
    rows = [*ProviderKey.objects.all(), *KekRecord.objects.all()]

    assert len(rows) == 3  # Gina's among them
    assert [leak for row in rows for leak in shown(row)] == []


def posted(**fields: str) -> QueryDict:
    data = QueryDict(mutable=True)
    data.update(fields)
    return data


def test_no_form_shows_what_was_pasted(cast: Cast) -> None:
    good, bad = planted.ACME["openai"], planted.GLOBEX["openai"] + "\u200b"
    forms: dict[tuple[bool, str], Any] = {}
    for text in (good, bad):
        forms |= {
            (text is good, "workspace's"): ProviderKeyForm(posted(secret=text), provider="openai"),
            (text is good, "platform's"): PlatformKeyForm(posted(secret=text, provider="openai")),
            (text is good, "model's"): CustomModelForm(posted(model_id=text, name=text, provider="openai")),
        }
    valid = {name: form.is_valid() for name, form in forms.items()}

    assert valid == {name: name[0] and name[1] != "model's" for name in forms}
    assert {name: leaks for name, form in forms.items() if (leaks := shown(form))} == {}


def test_neither_ring_nor_settings_show_a_kek() -> None:
    things = [vault.ring(), vault.ring().primary, settings.VAULT_KEYS, dict(settings.VAULT_KEYS)]

    assert [leak for thing in things[:2] for leak in shown(thing)] == []
    assert [SCANNER.find(repr(thing) + str(thing)) for thing in things] == [[]] * 4


@pytest.mark.parametrize(
    "mode",
    ["401", "echo_secret_in_error", "redirect", "500", "reset_before_headers", "gzip_bomb", "malformed_json"],
)
def test_failed_call_leaves_nothing_of_the_secret_or_the_sdk(
    accepted: AcceptedReply, provider_double: Double, mode: str
) -> None:
    provider_double.script(mode, times=None)
    with pytest.raises(ProviderError) as failure:
        async_to_sync(_read)(completion_of(accepted))
    links = list(chain(failure.value))

    assert {type(link).__module__.partition(".")[0] for link in links} <= {"llm", "builtins", "asyncio"}
    assert [leak for link in links for leak in shown(link)] == []
    # The locals contain what the provider said, the answer included, but not the secret.
    assert [leak for link in links for leak in planted.nowhere().find(repr(frame_locals(link)))] == []


def chain(error: BaseException) -> Iterator[BaseException]:
    """The error with its causes and contexts, suppressed ones included."""
    waiting, seen = [error], []
    while waiting:
        link = waiting.pop()
        if link not in seen:
            seen.append(link)
            yield link
            waiting += [one for one in (link.__cause__, link.__context__) if one is not None]


def frame_locals(error: BaseException) -> list[Any]:
    """The locals of our frames in the traceback of `error`, as an error reporter would print them."""
    found, place = [], error.__traceback__
    while place is not None:
        if place.tb_frame.f_globals.get("__name__", "").partition(".")[0] in OURS:
            found.append(dict(place.tb_frame.f_locals))
        place = place.tb_next
    return found


def test_entering_a_key_that_cannot_be_stored_leaves_nothing_of_it(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "VAULT_KEYS", [("k9", b"another KEK in the place of it: k")])
    secret = Secret(planted.ACME["openai"])
    with pytest.raises(vault.VaultError) as failure:
        keys.open_row(ProviderKey.objects.get(workspace=cast.globex), purpose="reply")
    with pytest.raises(keys.SecretUnfit) as unfit:
        keys.replace(cast.acme, provider="openai", secret=Secret(secret.reveal() + "\n"))

    for error in (failure.value, unfit.value):
        assert [leak for link in chain(error) for leak in shown(link)] == []
        assert SCANNER.find(repr(frame_locals(error))) == []
