"""The product's settings with another application in the place of the product's, named by the environment."""

import os

from bookbag.settings import *  # noqa: F403

ASGI_APPLICATION = os.environ["SERVED_APPLICATION"]
