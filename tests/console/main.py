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
import lookups
import operators
import scripts
from browser import THEMES, WIDTHS, Browser
from installation import Installation, programs
from served import Served

# What a page may weigh with its data; without, `operators` looks.
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


def further_pages(installation, browser):
    """All other pages, and failures, by name."""
    browser.open(checks.LIST)
    own = browser.control("KKiaPay").get_attribute("href")
    token = installation.create_token("ROLE_READER")["token"]["name"]
    operation = installation.call("GET", "/v1/tenants/acme/operations")["operations"][0]["name"]
    event = installation.publish("checkout.failed", {"note": "looked at"})
    return {
        "sign-in": "/sign-in",
        "portal": "/portal/invented",
        "event": f"/{event}",
        "tenant": "/tenants/acme",
        "edit": own + "/edit",
        "rotate": own + "/rotate",
        "delete": own + "/delete",
        "disable": own + "/disable",
        "tail": "/tenants/acme/tail",
        "published": "/tenants/acme/events",
        "operations": "/tenants/acme/operations",
        "operation": f"/{operation}",
        "audit": "/audit",
        "failing": "/failing",
        "search": "/search?q=acme",
        "search-none": "/search?q=nothing-has-this-id",
        "token": f"/{token}",
        "not-found": "/nothing",
        "refused": "/tenants/acme/attempts?since=soon",
        "begun-elsewhere": "/sign-in/back?code=invented",
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


def all_other_pages_are_for_everybody(installation, browser):
    browser.sign_in(installation.token)
    found = looked_at(browser, further_pages(installation, browser))
    browser.sign_in(installation.token_of("ROLE_READER"))
    found += looked_at(browser, {"not-allowed": "/overview"})
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


def clicked_through(start, every):
    """Runs checks against an installation of their own, each in its turn, in one browser."""
    with tempfile.TemporaryDirectory() as folder:
        installation = start(programs(), pathlib.Path(folder))
        try:
            browser = Browser(installation.console)
            try:
                return [run(check, installation, browser) for check in every]
            finally:
                browser.stop()
        finally:
            installation.stop()


def main():
    results = clicked_through(Installation, [
        *checks.ALL, *lookups.ALL, *scripts.ALL, *keyboard.ALL, pages_are_for_everybody,
        all_other_pages_are_for_everybody, pages_are_light, nothing_was_refused_by_the_policy])
    of_provider = operators.OF_PROVIDER if os.environ.get("POSTRIDER_TEST_OIDC_PROVIDER") else []
    results += clicked_through(Served, [
        *of_provider, *operators.ALL, nothing_was_refused_by_the_policy])
    failed = results.count(False)
    print(f"{results.count(True)} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
