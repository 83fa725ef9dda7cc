"""Named points at which tests of failures can make a process die. `check --deploy` refuses an armed one."""

import os
import signal

from django.conf import settings


def reach(point: str) -> None:
    """Die here, without any clean-up, if this point is armed."""
    if point == settings.FAULT_POINT:
        os.kill(os.getpid(), signal.SIGKILL)
