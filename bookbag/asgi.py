"""The server's entry, which `manage.py serve` runs.

Serves pages through Django and the chat path through the express lane. Also runs the server's background tasks: the
heartbeat of its replies, the sweep, and the watch for processes that have died.
"""

import gc
import os
import sys
import warnings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bookbag.settings")

# WhiteNoise serves files as synchronous iterators, about which Django warns for each file.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")

from django.conf import settings  # noqa: E402
from django.core.asgi import get_asgi_application  # noqa: E402
from django.core.exceptions import ImproperlyConfigured  # noqa: E402

from bookbag.configuration.checks import refuse_unsafe_boot  # noqa: E402

try:
    django_application = get_asgi_application()
    refuse_unsafe_boot()
except ImproperlyConfigured as error:
    # Show a sentence, not a traceback through the server's loader, to the person who starts the server.
    sys.exit(f"Bookbag does not start: {error}")

# Imported after Django is set up, because these import models.
from agents import process_pool, running  # noqa: E402
from agents.knowledge import meaning  # noqa: E402
from bookbag.server.arrival import Arrival, Receive, Scope, Send  # noqa: E402
from bookbag.server.express import Express  # noqa: E402
from llm import gateway  # noqa: E402, F401  (the SDKs take seconds to import: now, not in the first reply)

# Load the encoder now: it blocks the process for half a second, which would delay the first question.
meaning.encoder()
pages_and_chat = Arrival(Express(django_application), proxies=settings.TRUST_PROXY)  # type: ignore[arg-type]


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await _live(receive, send)
    else:
        await pages_and_chat(scope, receive, send)


async def _live(receive: Receive, send: Send) -> None:
    """The ASGI lifespan protocol: background tasks begin and end with the server."""
    async with running.at_work():
        await receive()
        _spare_the_collector()
        await send({"type": "lifespan.startup.complete"})
        await receive()
    process_pool.close()
    await send({"type": "lifespan.shutdown.complete"})


def _spare_the_collector() -> None:
    """Exclude the objects of start-up from garbage collection.

    They live as long as the process, and scanning them pauses streams.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)
