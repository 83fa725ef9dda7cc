"""Fills the database of DATABASE_URL with something of everything, as a process of its own: `python -m` this."""

import django

django.setup()

from agents.knowledge import training  # noqa: E402
from agents.models import Conversation  # noqa: E402
from billing import ledger  # noqa: E402
from billing.models import Account, Plan  # noqa: E402
from bookbag import demo  # noqa: E402
from llm import byo  # noqa: E402
from tests.factories import make_user  # noqa: E402
from tests.harness.cast import keep_models_alive, make_agent, make_cast  # noqa: E402
from tests.harness.chat import platform_key  # noqa: E402

ODD = "Ünïcode ✓ \\ tab\t quote ' \" \r\n 漢字 😀"


def furnish() -> None:
    keep_models_alive()
    cast = make_cast()
    platform_key()
    byo.set_byo(cast.globex, enabled=True, by=cast.gina)
    # The guide has as many sources as the Free plan allows.
    Account.objects.filter(workspace=cast.acme).update(plan=Plan.objects.get(slug="pro"))
    guide = demo.make_guide(cast.acme)
    training.add_text(
        guide, title=ODD, text=f"# {ODD}\n\nThe Café Zürich opens at seven.\n" + "Word. " * 20_000
    )
    guide.passages.update(vector=bytes(range(256)), vector_by="an encoder")
    make_agent(cast.acme, "gpt-4o", name="On credits")
    make_agent(cast.globex, "gpt-4o", name="On an own key")
    grant = ledger.grant(
        cast.acme.account, amount=500, kind="purchase", external_id="bought", reason=ODD, actor=cast.oscar
    )
    ledger.reverse(grant, amount=200, actor=cast.oscar, reason="half of it back")
    # The highest id that was ever given is not there any more; the audit log may still name it.
    make_user("gone@acme.test").delete()
    Conversation.objects.create(agent=guide, started_by=cast.edith)


furnish()
