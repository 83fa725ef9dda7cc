"""Modes about thinking, refusing and counting, all within what a correct provider may answer."""

from dataclasses import replace

from .answers import Answer, events
from .calls import Call, Headroom, Told
from .modes import Params, mode, pause
from .replies import SPENT, Reply, Thinking, reply_to, say, stream_steps

USUAL_ALLOWANCE = 4_096


@mode("thinking", seconds=1, tokens=62, pings=None, ping_seconds=1)
def thinking(call: Call, params: Params) -> Answer:
    """Thinking for the given seconds and tokens, then text. Meanwhile Anthropic pings and OpenAI is silent, unless told."""
    pings = call.wire.PROVIDER == "anthropic" if params["pings"] is None else params["pings"]
    thought = Thinking(
        int(params["tokens"]), float(params["seconds"]), float(params["ping_seconds"]) if pings else 0
    )
    reply = replace(reply_to(call, {**params, "think_ms": 0}), thinking=thought)
    return say(call, reply.within(call.wire.max_tokens(call)))


@mode("thinking_spent", seconds=0)
def thinking_spent(call: Call, params: Params) -> Answer:
    """The whole allowance goes into thinking: no text, and a finish because of length."""
    spent = call.wire.max_tokens(call) or USUAL_ALLOWANCE
    return say(call, Reply(thinking=Thinking(spent, float(params["seconds"]) + pause(params)), **SPENT))


@mode("refusal_no_text", seconds=0, category="cyber", begun=False)
def refusal_no_text(call: Call, params: Params) -> Answer:
    """The model declines without any text (OpenAI: content_filter), after the given seconds of silence."""
    call.told = Told(category=params["category"], output=5)
    wait = float(params["seconds"]) + pause(params)
    return say(call, Reply((), first=wait, finish="filter", begun=bool(params["begun"])))


@mode("refusal_after_text", category=None)
def refusal_after_text(call: Call, params: Params) -> Answer:
    """The model begins and then declines to go on (OpenAI: content_filter)."""
    call.told = Told(category=params["category"])
    return say(call, replace(reply_to(call, params, "First you take"), finish="filter"))


@mode("finish", reason="end_turn")
def finish(call: Call, params: Params) -> Answer:
    """Text with any finish reason, in the provider's own words or in ours (stop, length, window, pause, filter)."""
    return say(call, replace(reply_to(call, params), finish=str(params["reason"])))


@mode("cached", prompt=10_000, cached=9_984, written=0, output=None)
def cached(call: Call, params: Params) -> Answer:
    """Usage with tokens of the prompt that were read from a cache, or written to one."""
    output = params["output"]
    call.told = Told(
        int(params["prompt"]), int(params["cached"]), int(params["written"]), output=output and int(output)
    )
    return say(call, reply_to(call, params))


@mode("usage_grows", at_start=21, prompt=1_591)
def usage_grows(call: Call, params: Params) -> Answer:
    """The last event gives other prompt tokens than the first, and counts (Anthropic; OpenAI has only one)."""
    call.told = Told(int(params["prompt"]), at_start=int(params["at_start"]))
    return say(call, reply_to(call, params))


@mode("strange_block")
def strange_block(call: Call, params: Params) -> Answer:
    """Valid, but to be ignored: a block and an event of unknown kinds, before the text."""
    reply = reply_to(call, params)
    if not call.stream:
        return say(call, reply)
    _, *rest = stream_steps(call, reply)
    opened = call.wire.text_open(call) if reply.plain else call.wire.thinking_open(call)
    return events(call, [(0.0, call.wire.start(call) + call.wire.strange_block(call) + opened), *rest])


@mode("headroom", requests=12, tokens=3_400, seconds=30)
def headroom(call: Call, params: Params) -> Answer:
    """The usual answer with these figures in the rate-limit headers."""
    call.headroom = Headroom(int(params["requests"]), int(params["tokens"]), int(params["seconds"]))
    return say(call, reply_to(call, params))
