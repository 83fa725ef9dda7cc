"""Nobody learns from the time of an answer whether an address has an account: known and unknown ones, in turn.

With the product's own password hasher and committed writes; mails go to memory, one for one. The processor's time is
told beside, since other work on the machine lengthens the time on the clock and hardly that.
"""

import statistics
import time
from typing import Any

import pytest
from django.core import mail
from django.core.cache import cache
from django.test import Client

from bookbag import settings as shipped
from tests.factories import PASSWORD, make_user
from tests.harness.figures import Figure
from workspaces.models import SignInCount

TRIES = 200
MOST_SECONDS = 0.020
KNOWN = "olivia@acme.test"
FORMS = {
    "sign-in": ("/accounts/login/", {"login": "{address}", "password": "a wrong horse-7-battery"}),
    "reset": ("/accounts/password/reset/", {"email": "{address}"}),
    "sign-up": ("/accounts/signup/", {"email": "{address}", "password1": PASSWORD, "password2": PASSWORD}),
}
pytestmark = [pytest.mark.soak, pytest.mark.django_db(transaction=True), pytest.mark.timeout(1800)]


def seconds_of(form: str, address: str) -> tuple[float, float]:
    """Of one answer to a browser that has the page, with no limit in the way: on the clock, and of this processor."""
    cache.clear()
    SignInCount.objects.all().delete()
    path, fields = FORMS[form]
    browser = Client()
    browser.get(path)
    before = len(mail.outbox)
    began, worked = time.perf_counter(), time.process_time()
    answer = browser.post(path, {name: value.format(address=address) for name, value in fields.items()})
    took = time.perf_counter() - began, time.process_time() - worked
    assert answer.status_code == (200 if form == "sign-in" else 302)
    # Sending takes long, so that one mail more would tell.
    assert len(mail.outbox) - before == (0 if form == "sign-in" else 1)
    return took


@pytest.mark.parametrize("form", FORMS)
def test_known_and_unknown_addresses_take_as_long(form: str, settings: Any, figure: Figure) -> None:
    settings.PASSWORD_HASHERS = shipped.PASSWORD_HASHERS
    settings.SIGNUPS_PER_ADDRESS = 0
    make_user(KNOWN)
    for number in range(3):
        seconds_of(form, KNOWN)
        seconds_of(form, f"warming{number}@else.test")
    known: list[tuple[float, float]] = []
    unknown: list[tuple[float, float]] = []
    for number in range(TRIES):
        # In turn, and which of the two comes first in turn as well: a machine that slows down slows both.
        pair = [(known, KNOWN), (unknown, f"nobody{number}@else.test")]
        for times, address in pair if number % 2 else reversed(pair):
            times.append(seconds_of(form, address))
    clock, processor = (
        [statistics.median(one[at] for one in times) for times in (known, unknown)] for at in (0, 1)
    )
    for name, medians in (("clock", clock), ("processor", processor)):
        figure(f"{form}, medians of known and unknown, {name}", [f"{one * 1000:.1f} ms" for one in medians])

    assert abs(clock[0] - clock[1]) < MOST_SECONDS
