"""What browser tests ask of a page."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Error, Page

from tests.patience import PATIENCE, eventually

PATIENCE_MS = int(PATIENCE * 1000)
GONE = "Execution context was destroyed"  # the page was left while it was asked


def fits(page: Page) -> bool:
    """Whether nothing reaches beyond the right edge."""
    return page.locator("html").evaluate("page => page.scrollWidth <= innerWidth")  # type: ignore[no-any-return]


def until(page: Page, script: str, given: Any = None) -> None:
    """Wait until `script`, an expression or a function of `given`, is true in the page.

    Not by `wait_for_function`: what is not so at its first look, it asks again with `eval`, which our pages forbid.
    """

    def holds() -> bool:
        try:
            return bool(page.evaluate(script, given))
        except Error as error:
            if GONE in error.message:
                return False
            raise

    eventually(holds)
