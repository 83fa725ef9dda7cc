"""The stand-in for the providers: a separate process that answers as they do, for trying keys without an account.

It lives in `tests/provider_double` and is not part of an installation without tests. The product does not import it
but starts it by its module name; it ends with the process that started it.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from django.conf import settings

from llm.providers import roster
from llm.providers.roster import KeyedProvider

MODULE = "tests.provider_double"
USUAL_PORT, ANY_PORT = 8010, 0
# The speed of its answers: like a provider's, with a pause for thinking.
PACE = ("--gap-ms", "30", "--think-ms", "2000")
STOP_SECONDS = 5


class CannotStandIn(Exception):
    """The stand-in cannot be started; the message is a sentence."""


@contextmanager
def running() -> Iterator[str]:
    """Run a stand-in until the end of the block; yields its address. Raises CannotStandIn."""
    if not (settings.BASE_DIR / MODULE.replace(".", "/") / "__main__.py").exists():
        raise CannotStandIn(
            f"The stand-in ({MODULE}) is missing here: it comes with a whole checkout of Bookbag."
        )
    process, url = _start(USUAL_PORT, say_why=False) or _start(ANY_PORT, say_why=True) or (None, "")
    if process is None:
        raise CannotStandIn("The stand-in does not start; what it says is above.")
    try:
        yield url
    finally:
        _end(process)


def _start(port: int, *, say_why: bool) -> tuple[subprocess.Popen[str], str] | None:
    """The process and its address; None if it does not start, for example because its port is taken.

    `say_why`: show its errors on our stderr.
    """
    # In a process group of its own, so that Ctrl-C reaches only Bookbag, which lets replies end before it ends the
    # stand-in.
    process = subprocess.Popen(  # noqa: S603 (this Python and a module of this checkout)
        [
            sys.executable,
            "-m",
            MODULE,
            "--quiet",
            "--port",
            str(port),
            "--parent-pid",
            str(os.getpid()),
            *PACE,
        ],
        cwd=settings.BASE_DIR,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=None if say_why else subprocess.DEVNULL,
        text=True,
        process_group=0,
    )
    # It prints its address when it listens; if it cannot, it exits and the pipe ends.
    line = process.stdout.readline() if process.stdout else ""
    if "http://" in line:
        return process, line.split()[-1]
    _end(process)
    return None


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def addresses(url: str) -> dict[str, str]:
    """Where the stand-in at `url` is each provider: under its name, as the paths of two may be the same."""
    return {one.name: f"{url}/{one.name}{urlsplit(one.base_url).path}" for one in roster.KEYED}


def point_at(url: str) -> None:
    """Make this process reach every provider at the stand-in, overriding configured addresses."""
    settings.PROVIDER_BASE_URLS = addresses(url)
    # It answers the same for every region.
    settings.PROVIDER_REGION_URLS = {}


def secret_for(provider: KeyedProvider) -> str:
    """A made-up key of `provider` for the stand-in, which accepts any. Its tail distinguishes it from the others."""
    place = roster.KEYED.index(provider) + 1
    return f"{provider.new_key_prefix or provider.key_prefix}works-at-the-stand-in-only-{provider.name[:2]}{place:02}"
