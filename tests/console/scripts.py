"""Pages without their script, and what the script does: copying, and tails that come back.

Fed by an installation and a browser; feeds `main` with checks.
"""

import urllib.parse

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from checks import LIST, expect
from relay import BAD_GATEWAY, Relay

# A browser waits 3 s before it asks again, and the script as long where a proxy answered.
BACK_SECONDS = 30


def without_scripts_one_looks_and_changes(installation, browser):
    browser.run_scripts(False)
    try:
        looks_and_changes(installation, browser)
    finally:
        browser.run_scripts(True)


def looks_and_changes(installation, browser):
    browser.sign_in(installation.token)
    expect(browser.heading() == "Overview" and "Breakers open" in browser.text(), "the overview",
           browser.text())
    for page, words in (("/tenants", "acme"), (LIST, "Create"), ("/fleet", "shard"),
                        ("/tenants/acme/attempts", "Event"), ("/tenants/acme/tail", "reload"),
                        ("/tenants/acme/events", "Published"), ("/audit", "Records of")):
        browser.open(page)
        expect(words in browser.text(), f"{page} is there", browser.text())
    browser.open(LIST)
    browser.press("Create")
    browser.fill("Name", "Without scripts")
    browser.fill("URL", installation.receiver.url("/ok"))
    browser.tick("invoice.created")
    browser.press("Create")
    expect(browser.heading() == "Your new subscription", "a form is sent", browser.text())
    secret = browser.find("//input[@id='shown-once']").get_attribute("value")
    expect(secret.startswith("whsec_"), "with its secret", secret)
    # The script alone shows it, and so it did not run.
    expect(not browser.has("Copy"), "no button is there that does nothing")
    browser.press("To the subscription")
    # Menus are the browser's own.
    browser.press("Pause")
    browser.open(LIST)
    expect(browser.cells(browser.row("Without scripts"))["Status"] == "Paused", "an action is done",
           browser.text())
    browser.fill("Search by name or URL", "without")
    browser.press("Search")
    expect(browser.row("Without scripts"), "it is found")
    browser.press("Sign out")
    expect(browser.path() == "/sign-in", "and one is out")


def a_secret_is_copied(installation, browser):
    browser.sign_in(installation.token)
    browser.open("/tenants/acme/new-subscription")
    browser.fill("Name", "Copied")
    browser.fill("URL", installation.receiver.url("/ok"))
    browser.tick("invoice.created")
    browser.press("Create")
    secret = browser.find("//input[@id='shown-once']").get_attribute("value")
    browser.press("Copy")
    browser.wait(lambda: browser.has("Copied"), "it is said", 5)
    browser.open(LIST)
    field = browser.field("Search by name or URL")
    field.click()
    ActionChains(browser.driver).key_down(Keys.CONTROL).send_keys("v").key_up(Keys.CONTROL).perform()
    expect(field.get_attribute("value") == secret, "what is pasted is the secret",
           field.get_attribute("value"))


def shown_rows(browser, event_type):
    """Where each attempt of a type in the tail leads."""
    found = browser.driver.find_elements(
        "xpath", f"//tbody/tr[.//code[.='{event_type}']]/td[@data-label='Time']/a")
    return [link.get_attribute("href") for link in found]


def a_tail_comes_back_without_a_gap(installation, browser):
    event_type, published = "mandate.updated", 0
    installation.call("POST", "/v1/tenants/acme/subscriptions", {
        "displayName": "Tailed", "url": installation.receiver.url("/tailed"),
        "eventTypes": [event_type]})

    def publish():
        nonlocal published
        installation.publish(event_type, {"number": published})
        published += 1

    def is_whole():
        return len(shown_rows(browser, event_type)) >= published

    relay = Relay(urllib.parse.urlsplit(installation.address).port)
    try:
        browser.sign_in(installation.token)
        # Cookies are the host's, whatever the port.
        browser.open(f"http://localhost:{relay.port}/console/tenants/acme/tail")
        publish()
        browser.wait(is_whole, "the tail goes on by itself")
        whose = browser.driver.find_elements(
            "xpath", f"//tbody/tr[.//code[.='{event_type}']]/td[@data-label='Subscription']")
        expect({cell.text for cell in whose} == {"Tailed"}, "by names",
               [cell.text for cell in whose])
        for answer, what in ((None, "a line that ended"), (BAD_GATEWAY, "a proxy that answered")):
            before = shown_rows(browser, event_type)
            relay.cut(answer)
            publish()
            publish()
            installation.receiver.wait_for_posts("/tailed", published)
            if answer:
                browser.wait(lambda: relay.refused, "the proxy answers")
            expect(shown_rows(browser, event_type) == before, "nothing comes without a line")
            relay.mend()
            browser.wait(is_whole, f"what came meanwhile is shown after {what}", BACK_SECONDS)
            publish()
            browser.wait(is_whole, f"and it goes on after {what}")
            rows = shown_rows(browser, event_type)
            expect(len(rows) == len(set(rows)) == published, "each once", rows)
    finally:
        relay.stop()
        browser.open("/overview")


def shown_notice(browser):
    found = browser.driver.find_elements("css selector", "[data-live-lost]")
    return next((one.text for one in found if one.is_displayed()), "")


def a_tail_whose_session_is_over_says_so(installation, browser):
    made = installation.create_token("ROLE_READER")
    browser.sign_in(made["secret"])
    browser.open("/tenants/acme/tail")
    expect(not shown_notice(browser), "nothing is wrong", browser.text())
    relay = Relay(urllib.parse.urlsplit(installation.address).port)
    try:
        browser.open(f"http://localhost:{relay.port}/console/tenants/acme/tail")
        installation.call("POST", f"/v1/{made['token']['name']}:revoke", {})
        relay.cut(None)
        relay.mend()
        browser.wait(lambda: "is not kept up to date" in shown_notice(browser), "it is said",
                     BACK_SECONDS)
    finally:
        relay.stop()
    browser.open("/tenants/acme/tail")
    expect(browser.path() == "/sign-in" and "Your session is over" in browser.text(), "and why",
           browser.text())


def many_tails_keep_no_page_out(installation, browser):
    """Over HTTP/1.1 a browser has six connections to a host."""
    browser.sign_in(installation.token)
    browser.open("/tenants/acme/tail")
    driver, event_type = browser.driver, "payout.updated"
    first = driver.current_window_handle
    installation.call("POST", "/v1/tenants/acme/subscriptions", {
        "displayName": "Tailed in tabs", "url": installation.receiver.url("/tabs"),
        "eventTypes": [event_type]})
    driver.set_page_load_timeout(BACK_SECONDS)
    begun = len(shown_rows(browser, event_type))
    try:
        for _ in range(7):
            driver.switch_to.new_window("tab")
            browser.open("/tenants/acme/tail")
            before = len(shown_rows(browser, event_type))
            installation.publish(event_type, {"tab": True})
            browser.wait(lambda: len(shown_rows(browser, event_type)) > before,
                         "each tail goes on")
        driver.switch_to.window(first)
        browser.wait(lambda: len(shown_rows(browser, event_type)) >= begun + 7,
                     "the first one catches up when it is seen again")
        rows = shown_rows(browser, event_type)
        expect(len(rows) == len(set(rows)), "each once", rows)
    finally:
        for handle in driver.window_handles:
            if handle != first:
                driver.switch_to.window(handle)
                driver.close()
        driver.switch_to.window(first)
        driver.set_page_load_timeout(300)
        browser.open("/overview")


ALL = [
    without_scripts_one_looks_and_changes,
    a_secret_is_copied,
    a_tail_comes_back_without_a_gap,
    a_tail_whose_session_is_over_says_so,
    many_tails_keep_no_page_out,
]
