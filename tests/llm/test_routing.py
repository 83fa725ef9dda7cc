"""The routing table as a truth table, and two laws over every combination of facts there is."""

from itertools import product

import pytest

from llm.models import Provider
from llm.routing import (
    LOCAL,
    Billing,
    Credential,
    Facts,
    KeyState,
    Refusal,
    RefusalCode,
    Route,
    Why,
    choose,
)
from tests.harness.chat import PROVIDERS, each_provider

MISSING, READABLE, UNREADABLE = KeyState.MISSING, KeyState.READABLE, KeyState.UNREADABLE
any_key = pytest.mark.parametrize("other", list(KeyState))


def facts(provider: str, **given: object) -> Facts:
    return Facts(provider=provider, price=5, **given)  # type: ignore[arg-type]


@each_provider
@any_key
def test_row_1_byo_off_and_platform_key(provider: str, other: KeyState) -> None:
    asked = facts(provider, platform_key=READABLE, workspace_key=other)

    assert choose(asked) == Route(Credential.PLATFORM, Billing.CREDITS, 5, Why.BYO_OFF)


@each_provider
@any_key
def test_row_2_byo_off_and_no_platform_key(provider: str, other: KeyState) -> None:
    asked = facts(provider, platform_key=MISSING, workspace_key=other)

    assert choose(asked) == Refusal(RefusalCode.PLATFORM_KEY_MISSING, provider)


@each_provider
@any_key
def test_platform_key_that_does_not_open_is_refused_by_its_own_name(provider: str, other: KeyState) -> None:
    asked = facts(provider, platform_key=UNREADABLE, workspace_key=other)

    assert choose(asked) == Refusal(RefusalCode.PLATFORM_KEY_UNREADABLE, provider)


@each_provider
@any_key
@pytest.mark.parametrize("byo_enabled", [False, True])
def test_model_that_its_provider_has_shut_down_is_refused_whoever_would_pay(
    provider: str, other: KeyState, byo_enabled: bool
) -> None:
    asked = facts(
        provider, is_shut_down=True, byo_enabled=byo_enabled, workspace_key=other, platform_key=other
    )

    assert choose(asked) == Refusal(RefusalCode.MODEL_SHUT_DOWN, provider)


@each_provider
@any_key
@pytest.mark.parametrize("is_custom", [False, True])
def test_row_3_byo_on_and_own_key(provider: str, other: KeyState, is_custom: bool) -> None:
    asked = facts(provider, byo_enabled=True, workspace_key=READABLE, platform_key=other, is_custom=is_custom)

    assert choose(asked) == Route(Credential.WORKSPACE, Billing.BYO, 0, Why.BYO_ON)


@each_provider
@any_key
def test_row_4_byo_on_and_no_own_key(provider: str, other: KeyState) -> None:
    asked = facts(provider, byo_enabled=True, workspace_key=MISSING, platform_key=other)

    assert choose(asked) == Refusal(RefusalCode.BYO_KEY_MISSING, provider)


@each_provider
@any_key
def test_row_5_byo_on_and_own_key_unreadable(provider: str, other: KeyState) -> None:
    asked = facts(provider, byo_enabled=True, workspace_key=UNREADABLE, platform_key=other)

    assert choose(asked) == Refusal(RefusalCode.BYO_KEY_UNREADABLE, provider)


@any_key
@pytest.mark.parametrize("byo_enabled", [False, True])
@pytest.mark.parametrize("metering", [False, True])
def test_row_7_local(other: KeyState, byo_enabled: bool, metering: bool) -> None:
    asked = facts(
        "local",
        is_local=True,
        byo_enabled=byo_enabled,
        metering=metering,
        workspace_key=other,
        platform_key=other,
    )

    assert choose(asked) == LOCAL == Route(Credential.NONE, Billing.LOCAL, 0, Why.LOCAL_MODEL)


@each_provider
@any_key
@pytest.mark.parametrize("metering", [False, True])
def test_row_8_custom_model_with_byo_off(provider: str, other: KeyState, metering: bool) -> None:
    asked = facts(provider, is_custom=True, workspace_key=READABLE, platform_key=other, metering=metering)

    assert choose(asked) == Refusal(RefusalCode.MODEL_REQUIRES_BYO, provider)


@each_provider
def test_without_metering_the_platform_key_costs_nothing(provider: str) -> None:
    asked = facts(provider, platform_key=READABLE, metering=False)

    assert choose(asked) == Route(Credential.PLATFORM, Billing.UNMETERED, 0, Why.METERING_OFF)


@pytest.mark.parametrize("provider", [*PROVIDERS, Provider.LOCAL])
@pytest.mark.parametrize("byo_enabled", [False, True])
def test_model_no_longer_offered_is_refused_whoever_would_pay(provider: str, byo_enabled: bool) -> None:
    asked = facts(
        provider,
        is_available=False,
        is_local=provider == Provider.LOCAL,
        byo_enabled=byo_enabled,
        workspace_key=READABLE,
        platform_key=READABLE,
    )

    assert choose(asked) == Refusal(RefusalCode.MODEL_UNAVAILABLE, provider)


# A catalogue price is above zero by a database check; that of a custom or local model does not matter.
EVERY = [
    Facts(*combination)
    for combination in product(
        PROVIDERS, [5], [False, True], [False, True], [True, False], [False, True], [False, True],
        KeyState, KeyState, [True, False],
    )
]  # fmt: skip


def test_credits_are_asked_for_on_the_platforms_key_alone_and_never_for_nothing() -> None:
    for asked in EVERY:
        route = choose(asked)
        if isinstance(route, Route):
            assert (route.billing is Billing.CREDITS) == (route.price > 0), asked
            assert route.billing is not Billing.CREDITS or route.credential is Credential.PLATFORM, asked


def test_no_key_stands_in_for_another() -> None:
    for asked in EVERY:
        route = choose(asked)
        if isinstance(route, Route) and route.credential is Credential.PLATFORM:
            assert not asked.byo_enabled, asked
            assert asked.platform_key is READABLE, asked
        if isinstance(route, Route) and route.credential is Credential.WORKSPACE:
            assert asked.byo_enabled, asked
            assert asked.workspace_key is READABLE, asked
