"""The vendor that exists nowhere, for tests that ask for it by name: `pytest_plugins` or an import of the fixture."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tocsin.notification import accounts, vendors
from tocsin.testing import pretend as vendor


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The only vendor there is; nothing is known of any account, before and after."""
    monkeypatch.setattr(vendors, "_vendors", {vendor.KIND: vendor.Pretend()})
    accounts.forget()
    vendor.forget()
    yield
    accounts.forget()
    vendor.forget()
