"""Every twin against the provider double: each way to fail is one fault of ours, and none shows the secret."""

import asyncio
import traceback
from typing import Any

import pytest

from bookbag.server import stand_in
from llm.gateway import TWINS
from llm.profiles import Parameters
from llm.providers.base import (
    Call,
    Fault,
    Finish,
    KeyHealth,
    Limits,
    Message,
    MessageRole,
    ProviderError,
    ResponseMetadata,
    check,
)
from llm.providers.twin import Twin
from llm.vault import Secret
from tests.harness.chat import ACME_SECRETS, MODELS, each_provider
from tests.provider_double.client import Double

# Only where a limit is what ends the call does it have to be short; a busy machine needs longer for all else.
LIMITS = Limits(connect_seconds=20, first_byte_seconds=20, idle_seconds=20, wire_bytes=1_000_000)
BRIEF = Limits(connect_seconds=20, first_byte_seconds=1, idle_seconds=0.4, wire_bytes=1_000_000)

# The double's mode, its parameters, and our fault (for OpenAI, for Anthropic where it differs).
FAULTS: list[tuple[str, dict[str, Any], Fault | dict[str, Fault]]] = [
    ("401", {}, Fault.REJECTED),
    ("403", {}, {"openai": Fault.LACKS_PERMISSION, "anthropic": Fault.NOT_ALLOWED}),
    ("echo_secret_in_error", {}, Fault.REJECTED),
    ("404_model", {}, Fault.MODEL_MISSING),
    ("400", {}, Fault.TOO_LARGE),
    ("413", {}, Fault.TOO_LARGE),
    ("quota", {}, Fault.NO_FUNDS),
    ("credit_balance", {}, Fault.NO_FUNDS),
    ("429_absent", {}, Fault.RATE_LIMITED),
    ("429", {"retry_after": 7}, Fault.RATE_LIMITED),
    ("429_date", {"seconds": 60}, Fault.RATE_LIMITED),
    ("429_junk", {}, Fault.RATE_LIMITED),
    ("429_huge", {}, Fault.RATE_LIMITED),
    ("500", {}, Fault.UNAVAILABLE),
    ("502", {}, Fault.NOT_THE_PROVIDER),
    ("503", {}, Fault.UNAVAILABLE),
    ("529", {}, Fault.UNAVAILABLE),
    # Bodies that are not in the provider's error shape are not its word, whatever the status.
    (
        "status",
        {"status": 400, "body": '{"error": {"code": ["odd"], "message": {}}}'},
        Fault.NOT_THE_PROVIDER,
    ),
    ("status", {"status": 401, "body": "<html>Sign in</html>"}, Fault.NOT_THE_PROVIDER),
    ("status", {"status": 402}, Fault.NOT_THE_PROVIDER),
    ("status", {"status": 403, "body": '{"message": "Forbidden"}'}, Fault.NOT_THE_PROVIDER),
    ("status", {"status": 408}, Fault.NOT_THE_PROVIDER),
    ("status", {"status": 409, "body": "[[["}, Fault.NOT_THE_PROVIDER),
    ("status", {"status": 418, "body": "teapot", "content_type": "text/plain"}, Fault.NOT_THE_PROVIDER),
    ("status", {"status": 429, "body": '{"detail": "slow down"}'}, Fault.NOT_THE_PROVIDER),
    ("status", {"status": 500, "body": "x" * 300_000}, Fault.NOT_THE_PROVIDER),
    ("status", {"status": 599}, Fault.NOT_THE_PROVIDER),
    (
        "status",
        {"status": 200, "body": "<html>Sign in</html>", "content_type": "text/html"},
        Fault.NOT_THE_PROVIDER,
    ),
    ("status", {"status": 200, "body": '{"ok": true}'}, Fault.NOT_THE_PROVIDER),
    ("redirect", {}, Fault.REDIRECTED),
    ("redirect", {"status": 307}, Fault.REDIRECTED),
    ("reset_before_headers", {}, Fault.UNREACHABLE),
    ("eof_before_headers", {}, Fault.UNREACHABLE),
    ("slow_first_byte", {"seconds": 5}, Fault.TIMED_OUT),
    ("hang_mid_stream", {}, Fault.TIMED_OUT),
    ("idle_mid_stream", {"seconds": 5}, Fault.TIMED_OUT),
    ("reset_mid_stream", {}, Fault.BROKEN_STREAM),
    ("eof_mid_stream", {}, Fault.BROKEN_STREAM),
    ("missing_finish_marker", {}, Fault.BROKEN_STREAM),
    ("error_event_after_200", {}, Fault.UNAVAILABLE),
    ("malformed_json", {}, Fault.MALFORMED),
    ("bad_utf8", {}, Fault.MALFORMED),
    ("huge_line", {"bytes": 10_000_000}, Fault.MALFORMED),
    ("gzip_bomb", {"megabytes": 200}, Fault.MALFORMED),
]
# What is unusual and right: (mode, finish).
FINE: list[tuple[str, dict[str, Any], Finish]] = [
    ("ok", {}, Finish.STOP),
    ("finish_length", {}, Finish.LENGTH),
    ("refusal", {}, Finish.REFUSAL),
    ("content_filter", {}, Finish.REFUSAL),
    ("comments_and_unknown_events", {}, Finish.STOP),
    ("split_code_point", {"pause_ms": 1}, Finish.STOP),
    ("control_characters", {}, Finish.STOP),
    ("cr_only", {}, Finish.STOP),
    ("huge_line", {"bytes": 400_000}, Finish.STOP),
    ("empty", {}, Finish.STOP),
    ("huge_output", {"megabytes": 8}, Finish.CUT),
    ("never_ending", {"tokens_per_s": 0}, Finish.CUT),
]


def call_of(provider: str, double: Double, secret: str = "", limits: Limits = LIMITS) -> Call:
    return Call(
        model_id=MODELS[provider][0],
        messages=[Message(MessageRole.SYSTEM, "Be kind."), Message(MessageRole.USER, "Hello")],
        parameters=Parameters(),
        secret=Secret(secret or ACME_SECRETS[provider]),
        base_url=stand_in.addresses(double.url)[provider],
        limits=limits,
    )


def read(twin: Twin, call: Call) -> tuple[str, ResponseMetadata, ProviderError | None]:
    """What one call says, what it leaves on the metadata, and how it fails."""

    async def run() -> tuple[str, ResponseMetadata, ProviderError | None]:
        metadata, pieces = ResponseMetadata(), []
        try:
            async for piece in twin.stream(call, metadata):
                pieces.append(piece)
        except ProviderError as error:
            return "".join(pieces), metadata, error
        finally:
            await twin.client(call.base_url).close()
        return "".join(pieces), metadata, None

    return asyncio.run(run())


@each_provider
@pytest.mark.parametrize(("mode", "params", "fault"), FAULTS, ids=lambda value: str(value)[:40])
def test_each_way_to_fail_is_one_fault_without_the_secret(
    provider_double: Double, provider: str, mode: str, params: dict[str, Any], fault: Fault | dict[str, Fault]
) -> None:
    provider_double.script(mode, **params)

    limits = BRIEF if fault is Fault.TIMED_OUT else LIMITS
    _, _, error = read(TWINS[provider], call_of(provider, provider_double, limits=limits))

    assert error is not None
    assert error.fault is (fault[provider] if isinstance(fault, dict) else fault)
    assert shows_of(error, ACME_SECRETS[provider]) == []
    assert len(provider_double.calls()) == 1
    assert provider_double.redirect_hits() == []


@each_provider
@pytest.mark.parametrize(("mode", "params", "finish"), FINE, ids=lambda value: str(value)[:40])
def test_what_is_only_unusual_is_no_fault(
    provider_double: Double, provider: str, mode: str, params: dict[str, Any], finish: Finish
) -> None:
    provider_double.script(mode, **params)

    text, metadata, error = read(TWINS[provider], call_of(provider, provider_double))

    assert (metadata.finish, error) == (finish, None)
    assert bool(text) == (mode != "empty")


@each_provider
@pytest.mark.parametrize(
    "mode", ["reset_mid_stream", "eof_mid_stream", "error_event_after_200", "malformed_json"]
)
@pytest.mark.parametrize("gap_ms", [0, 30])
def test_text_before_the_fault_is_kept(
    provider_double: Double, provider: str, mode: str, gap_ms: int
) -> None:
    provider_double.script(mode, chunks=["one ", "two ", "three ", "four"], gap_ms=gap_ms)

    text, _, error = read(TWINS[provider], call_of(provider, provider_double))

    assert text == "one two three "
    assert error is not None


@each_provider
def test_tokens_are_the_providers_own_count(provider_double: Double, provider: str) -> None:
    provider_double.script("chunks", chunks=["a ", "b ", "c"])

    _, metadata, _ = read(TWINS[provider], call_of(provider, provider_double))

    assert (metadata.output_tokens, (metadata.input_tokens or 0) > 0) == (3, True)


@each_provider
def test_rate_limit_carries_its_wait(provider_double: Double, provider: str) -> None:
    provider_double.script("429", retry_after=7)

    error = read(TWINS[provider], call_of(provider, provider_double))[2]

    assert error is not None
    assert (error.status, error.retry_after) == (429, 7.0)


@each_provider
def test_closed_port_is_unreachable(provider_double: Double, provider: str) -> None:
    call = call_of(provider, provider_double)
    closed = Call(
        **{name: getattr(call, name) for name in call.__slots__} | {"base_url": "http://127.0.0.1:9/v1"}
    )

    error = read(TWINS[provider], closed)[2]

    assert error is not None
    assert error.fault is Fault.UNREACHABLE
    assert shows_of(error, ACME_SECRETS[provider]) == []


@each_provider
@pytest.mark.parametrize(
    "secret", ["sk-WITHNEWLINE\nEvil: 1", "sk-WITHEMOJI🚀abcdefgh", "sk-WITHNUL\0abcdefghij"]
)
def test_secret_that_fits_no_header_is_not_shown_by_what_refuses_it(
    provider_double: Double, provider: str, secret: str
) -> None:
    # The form and the vault's door refuse such a secret long before; the libraries below would quote it.
    error = read(TWINS[provider], call_of(provider, provider_double, secret))[2]

    assert error is not None
    assert error.fault is Fault.REJECTED
    assert shows_of(error, secret) == []
    assert provider_double.calls() == []


def shows_of(error: BaseException, secret: str) -> list[str]:
    """Where the secret, or nine characters of its tail, can be seen in what was raised."""
    places = {"traceback": "".join(traceback.format_exception(error))}
    seen: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in seen:
        seen.append(link)
        places |= {
            f"{type(link).__name__} args": repr(link.args),
            f"{type(link).__name__} attributes": repr(vars(link)),
        }
        for frame, _ in traceback.walk_tb(link.__traceback__):
            if frame.f_code.co_filename != __file__:
                places[f"variables of {frame.f_code.co_qualname}"] = repr(frame.f_locals)
        link = link.__cause__ or link.__context__
    slices = {secret[at : at + 9] for at in range(10, len(secret) - 8)} or {secret}
    return [place for place, shown in places.items() if any(part in shown for part in slices)]


# --- The token-free check ------------------------------------------------------------------------


@each_provider
@pytest.mark.parametrize(
    ("mode", "params", "health"),
    [
        ("ok", {}, KeyHealth.VALID),
        ("401", {}, KeyHealth.REJECTED),
        ("403", {}, KeyHealth.UNVERIFIED),
        ("echo_secret_in_error", {}, KeyHealth.REJECTED),
        ("429", {}, KeyHealth.LIMITED),
        ("quota", {}, KeyHealth.LIMITED),
        ("500", {}, KeyHealth.UNREACHABLE),
        ("502", {}, KeyHealth.UNREACHABLE),
        ("redirect", {}, KeyHealth.UNREACHABLE),
        ("reset_before_headers", {}, KeyHealth.UNREACHABLE),
        ("reset_mid_stream", {}, KeyHealth.UNREACHABLE),
        ("eof_mid_stream", {}, KeyHealth.UNREACHABLE),
        ("malformed_json", {}, KeyHealth.UNREACHABLE),
        ("slow_first_byte", {"seconds": 5}, KeyHealth.UNREACHABLE),
        ("trickle", {"bytes": 1, "seconds": 0.2}, KeyHealth.UNREACHABLE),
        ("gzip_bomb", {"megabytes": 200}, KeyHealth.UNREACHABLE),
        ("status", {"status": 200, "body": "[]"}, KeyHealth.UNREACHABLE),
        ("status", {"status": 200, "body": '{"data": null}'}, KeyHealth.UNREACHABLE),
        ("status", {"status": 200, "body": '{"data": [7, null, {"id": 7}]}'}, KeyHealth.UNREACHABLE),
        ("status", {"status": 200, "body": "hello", "content_type": "text/html"}, KeyHealth.UNREACHABLE),
    ],
    ids=lambda value: str(value)[:40],
)
def test_check_of_a_key_always_shows_a_health(
    provider_double: Double, provider: str, mode: str, params: dict[str, Any], health: KeyHealth
) -> None:
    provider_double.script(mode, **params)
    call = call_of(provider, provider_double)

    seconds = 0.7 if mode in ("slow_first_byte", "trickle") else 20
    listing = TWINS[provider].list_models(call.secret, base_url=call.base_url, seconds=seconds)

    assert asyncio.run(check(listing)).health is health
    assert provider_double.redirect_hits() == []
