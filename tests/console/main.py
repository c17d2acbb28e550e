"""Clicks through the console in a real Chromium: tests/console/main.py

Fed by the program in POSTRIDER_TEST_BIN_DIR (default: target/debug); feeds the terminal with one
line for each check and at last "N passed, N failed". Needs selenium, chromium, chromedriver and
openssl; with POSTRIDER_TEST_AXE, the path of axe-core's axe.min.js, pages are looked through for
what people with a screen reader or a keyboard would stumble over. POSTRIDER_TEST_PICTURES names
a folder for pictures of the main pages, at two widths and in both themes.
"""

import os
import pathlib
import sys
import tempfile
import time
import traceback

import checks
import keyboard
from browser import THEMES, WIDTHS, Browser
from installation import Installation, programs

# What a page may weigh with its data; without, below 100 KB (the issue).
MAX_PAGE_BYTES = 150_000


def main_pages(browser):
    """The ten main pages, by name."""
    browser.open("/tenants/acme/attempts")
    delivery = browser.find("//tbody//a").get_attribute("href")
    browser.open(checks.LIST)
    own = browser.control("KKiaPay").get_attribute("href")
    return {
        "overview": "/overview",
        "tenants": "/tenants",
        "subscriptions": checks.LIST,
        "subscription": own,
        "form": "/tenants/acme/new-subscription",
        "test": own + "/test",
        "events": own + "/attempts",
        "delivery": delivery,
        "statistics": own + "/statistics",
        "replay": "/tenants/acme/replay",
        "reconcile": "/tenants/acme/reconcile",
        "fleet": "/fleet",
    }


def looked_at(browser, pages):
    """Each page in both themes and at both widths: what is wrong with it."""
    pictures = os.environ.get("POSTRIDER_TEST_PICTURES")
    found = []
    for name, page in pages.items():
        for theme in THEMES:
            for width, pixels in WIDTHS.items():
                browser.look(pixels, theme)
                browser.open(page)
                at = f"{name}, {theme}, {width}"
                found += [f"{at}: {violation}" for violation in browser.violations()]
                if browser.overflows():
                    found.append(f"{at}: it is wider than the window")
                if pictures:
                    folder = pathlib.Path(pictures)
                    folder.mkdir(parents=True, exist_ok=True)
                    browser.picture(folder / f"{name}-{width}-{theme}.png")
    browser.look(WIDTHS["wide"], "light")
    return found


def pages_are_for_everybody(installation, browser):
    browser.sign_in(installation.token)
    found = looked_at(browser, main_pages(browser))
    checks.expect(not found, "pages are for everybody", "\n  " + "\n  ".join(found[:40]))


def pages_are_light(installation, browser):
    browser.sign_in(installation.token)
    for name, page in main_pages(browser).items():
        browser.open(page)
        weight = browser.weight()
        checks.expect(weight < MAX_PAGE_BYTES, f"{name} is light", weight)


def nothing_was_refused_by_the_policy(_installation, browser):
    problems = browser.problems()
    checks.expect(not problems, "browsers refuse nothing", problems)


def run(check, installation, browser):
    begun = time.monotonic()
    try:
        check(installation, browser)
    except Exception as error:  # Each check is counted, whatever it ends with.
        traceback.print_exc(limit=4)
        print(f"FAILED {check.__name__}: {error}", flush=True)
        return False
    print(f"ok {check.__name__} ({time.monotonic() - begun:.1f} s)", flush=True)
    return True


def main():
    with tempfile.TemporaryDirectory() as folder:
        installation = Installation(programs(), pathlib.Path(folder))
        try:
            browser = Browser(installation.console)
            try:
                every = checks.ALL + keyboard.ALL + [
                    pages_are_for_everybody, pages_are_light, nothing_was_refused_by_the_policy]
                results = [run(check, installation, browser) for check in every]
            finally:
                browser.stop()
        finally:
            installation.stop()
    failed = results.count(False)
    print(f"{results.count(True)} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
