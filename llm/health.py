"""The health of provider keys: what checks and real replies last showed of each.

A good result of a reply is written at most once a minute for each key and process, so that all replies on a busy key
do not write the same row. A bad result that an admin must act on is written at once and audited, and a first
rejection is mailed.
"""

import datetime as dt
import time
from threading import Lock
from uuid import UUID

from django.db import models, transaction
from django.http import HttpRequest
from django.utils import timezone

from llm import notices
from llm.models import ProviderKey
from llm.providers.base import Fault
from workspaces import audit
from workspaces.models import User

Health = ProviderKey.Health

# Seconds between two writes of ordinary results about one key by one process.
QUIET_SECONDS = 60.0
TELL_AGAIN_AFTER = dt.timedelta(days=1)
# The faults of replies (providers.base.Fault) that tell something about the key, and the health that follows.
HEALTH_OF: dict[Fault | None, ProviderKey.Health] = {
    None: Health.VALID,
    Fault.REJECTED: Health.REJECTED,
    Fault.RATE_LIMITED: Health.LIMITED,
    Fault.NO_FUNDS: Health.LIMITED,
    Fault.LACKS_PERMISSION: Health.LIMITED,
    Fault.ORGANISATION_DISABLED: Health.LIMITED,
}
# Faults that tell nothing about the key but that an admin can fix: the key's card shows them.
BESIDE_THE_KEY = {Fault.NOT_ALLOWED, Fault.WRONG_REGION, Fault.ADDRESS_REFUSED, Fault.PLACE_NOT_SERVED}
ALARMS = {Health.REJECTED: "provider_key.rejected", Health.UNREADABLE: "provider_key.unreadable"}

_noted: dict[UUID, tuple[float, Health | Fault]] = {}
_noted_lock = Lock()


def is_news(provider_key_id: UUID, *, fault: Fault | None) -> bool:
    """Whether `note_result` would write anything. Makes no query, so most replies need none."""
    news = _news_of(fault)
    with _noted_lock:
        return news is not None and _differs(provider_key_id, news, time.monotonic())


def note_result(
    provider_key_id: UUID, *, fault: Fault | None, headroom: dict[str, int] | None = None
) -> None:
    """Note the result of a real reply. `fault`: the provider's, None for success.

    `headroom`: what its headers said is left of the account's rate limits.

    Faults that tell nothing about the key (a time-out, a missing chat model) are ignored; those in BESIDE_THE_KEY
    are stored without changing its health. One database write a minute at most, except when a key turns rejected or
    recovers.
    """
    news = _news_of(fault)
    if news is None or not _is_news(provider_key_id, news):
        return
    if isinstance(news, Health):
        mark(provider_key_id, news, error=fault or "", used=True, headroom=headroom)
    else:
        ProviderKey.objects.filter(pk=provider_key_id).update(last_error=news, last_error_at=timezone.now())


def _news_of(fault: Fault | None) -> Health | Fault | None:
    """What a reply's end has to store: a health, or a fault that leaves the health unchanged; None for nothing."""
    return HEALTH_OF.get(fault, fault if fault in BESIDE_THE_KEY else None)


def note_unreadable(provider_key_id: UUID) -> None:
    """Note that the vault could not open this key for a reply."""
    if _is_news(provider_key_id, Health.UNREADABLE):
        mark(provider_key_id, Health.UNREADABLE, error=Health.UNREADABLE.value)


def mark(
    provider_key_id: UUID,
    health: Health,
    *,
    error: str = "",
    used: bool = False,
    headroom: dict[str, int] | None = None,
    by: User | None = None,
    request: HttpRequest | None = None,
) -> bool:
    """Store a result. Returns whether the key's health changed; a change to one of ALARMS is audited."""
    now = timezone.now()
    facts: dict[str, object] = {"health": health, "health_at": now}
    if used:
        facts["last_used_at"] = now
        # Stored even when it is None, because the page shows the limits told by the last reply.
        facts["headroom"] = headroom
    if health == Health.VALID:
        facts["last_good_at"] = now
    elif error or health in ALARMS:
        facts |= {"last_error": error or health.value, "last_error_at": now}
    row = ProviderKey.objects.filter(pk=provider_key_id)
    with transaction.atomic():
        changed = row.exclude(health=health).update(**facts) == 1
        if not changed:
            row.update(**facts)
        elif health in ALARMS:
            _raise_alarm(provider_key_id, health, by=by, request=request)
    return changed


def _raise_alarm(
    provider_key_id: UUID, health: Health, *, by: User | None, request: HttpRequest | None
) -> None:
    row = ProviderKey.objects.select_related("workspace").get(pk=provider_key_id)
    audit.record(
        row.workspace, ALARMS[health], actor=by, request=request, provider=row.provider, mask=row.mask
    )
    if health == Health.REJECTED and row.state == ProviderKey.State.ACTIVE and _may_tell(row):
        transaction.on_commit(lambda: notices.tell_of_rejection(row), robust=True)


def _may_tell(row: ProviderKey) -> bool:
    """Claim the mail about this rejection. Each key gets one a day; of several processes the first gets True."""
    now = timezone.now()
    silent = models.Q(rejection_told_at=None) | models.Q(rejection_told_at__lt=now - TELL_AGAIN_AFTER)
    return ProviderKey.objects.filter(silent, pk=row.pk).update(rejection_told_at=now) == 1


def _is_news(provider_key_id: UUID, news: Health | Fault) -> bool:
    """Whether to write `news` now; remembers it if so."""
    now = time.monotonic()
    with _noted_lock:
        if not _differs(provider_key_id, news, now):
            return False
        _noted[provider_key_id] = (now, news)
        return True


def _differs(provider_key_id: UUID, news: Health | Fault, now: float) -> bool:
    at, before = _noted.get(provider_key_id, (float("-inf"), None))
    urgent = news != before and (news in ALARMS or before in ALARMS)
    return urgent or now - at >= QUIET_SECONDS
