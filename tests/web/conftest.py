"""A browser for the tests of pages."""

import os
import shutil

import pytest


@pytest.fixture(scope="module")
def browser():
    """Debian's Chromium, or the one of NONMASS_BROWSER; without one the tests say NOT RUN."""
    playwright = pytest.importorskip("playwright.sync_api", reason="NOT RUN: playwright is not installed")
    with playwright.sync_playwright() as engine:
        try:
            started = engine.chromium.launch(
                executable_path=os.environ.get("NONMASS_BROWSER") or shutil.which("chromium")
            )
        except playwright.Error as error:
            pytest.skip(f"NOT RUN: no browser starts; set NONMASS_BROWSER to a Chromium ({error})")
        yield started
        started.close()
