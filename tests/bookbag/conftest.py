"""Olivia at her browser, and Acme, which is hers once a test asks for it."""

import pytest
from django.test import Client

from bookbag import onboarding
from tests.factories import browser_of
from workspaces.models import User, Workspace


@pytest.fixture
def owner(olivia: User) -> Client:
    return browser_of(olivia)


@pytest.fixture
def acme(olivia: User) -> Workspace:
    return onboarding.create_workspace(name="Acme", slug="acme", owner=olivia)
