"""Acme without its account, and Olivia, who owns it, at her browser."""

import pytest
from django.test import Client

from tests.factories import browser_of, make_workspace
from workspaces.models import User, Workspace


@pytest.fixture
def acme(olivia: User) -> Workspace:
    return make_workspace(olivia, slug="acme")


@pytest.fixture
def owner(acme: Workspace, olivia: User) -> Client:
    return browser_of(olivia)
