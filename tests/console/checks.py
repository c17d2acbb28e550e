"""What is done in the console, step by step, and what must be seen.

Fed by an installation and a browser; each check is a function that raises where something is
wrong. They follow one another: what one makes, a later one uses. Words in double quotes in
comments are those of the companies' documents.
"""

from installation import HOSTILE, KWIK_TYPES, KKIAPAY_TYPES, signed_hex

LIST = "/tenants/acme/subscriptions"
KKIAPAY_SECRET = "a hash secret of my own, 2026"


def expect(condition, what, seen=""):
    if not condition:
        raise AssertionError(f"{what}{': ' + str(seen)[:4000] if seen else ''}")


def dev_says_where_the_console_is(installation, browser):
    said = installation.program.said()
    expect(installation.console in said.split(), "its address is printed", said)
    expect(f"POSTRIDER_TOKEN={installation.token}" in said.split(), "and who may sign in", said)
    browser.open(installation.console)
    expect(browser.path() == "/sign-in", "the address leads there", browser.text())


def one_signs_in_and_finds_the_overview(installation, browser):
    browser.sign_in(installation.token)
    expect(browser.heading() == "Overview", "an operator begins with the overview", browser.text())
    for words in ("Waiting", "Attempts", "Breakers open", "Regions", "Agents"):
        expect(words in browser.text(), f"it tells {words}", browser.text())


# --- Kwik: "Creating a Webhook", "Managing Webhooks", "Webhook Actions" --------

def kwik_creates_a_webhook(installation, browser):
    browser.open(LIST)
    # "To create a new webhook, select Create."
    browser.press("Create")
    # Fields: Name, Webhook URL, Events, Status.
    browser.fill("Name", "Kwik ledger")
    browser.fill("URL", installation.receiver.url("/ok"))
    for event_type in KWIK_TYPES:
        expect(event_type in browser.text(), f"{event_type} can be chosen")
    expect("The payout was created." in browser.text(), "types have descriptions")
    for event_type in ("transaction.created", "transaction.updated", "payout.created"):
        browser.tick(event_type)
    browser.choose("Status", "Live")
    browser.press("Create")
    expect(browser.heading() == "Your new subscription", "it is made", browser.text())
    secret = browser.find("//input[@id='shown-once']").get_attribute("value")
    expect(secret.startswith("whsec_"), "its secret is shown once", secret)
    browser.press("To the subscription")
    expect(secret not in browser.driver.page_source, "and not again")


def kwik_is_told_what_is_wrong_at_each_field(_installation, browser):
    browser.open(LIST)
    browser.press("Create")
    browser.fill("URL", "http://plain.example/hooks")
    browser.press("Advanced settings")
    browser.fill("Time limit of a request", "soon")
    browser.press("Create")
    field = browser.field("Time limit of a request")
    expect(field.get_attribute("aria-invalid") == "true", "what cannot be read is told there")
    browser.fill("Time limit of a request", "")
    browser.press("Create")
    field = browser.field("URL")
    expect(field.get_attribute("aria-invalid") == "true", "what the API refuses is told there",
           browser.text())
    expect(field.get_attribute("value") == "http://plain.example/hooks", "what was typed stays")
    expect(browser.is_focused(field), "and one stands in that field")


def kwik_finds_it_in_the_list(installation, browser):
    browser.open(LIST)
    row = browser.cells(browser.row("Kwik ledger"))
    # "Creation date, webhook name, webhook URL, current status."
    expect("UTC" in row["Created"] and row["Name"] == "Kwik ledger", "date and name", row)
    expect(row["URL"] == installation.receiver.url("/ok") and row["Status"] == "Live",
           "URL and status", row)
    # "Use the search bar to quickly locate a webhook."
    browser.fill("Search by name or URL", "kwik LEDGER")
    browser.press("Search")
    expect(browser.row("Kwik ledger"), "it is found")
    browser.fill("Search by name or URL", "nothing has this name")
    browser.press("Search")
    expect("No subscription has this" in browser.text(), "and others are not", browser.text())


def menu(browser, name):
    browser.open(LIST)
    row = browser.row(name)
    browser.press("Actions", row)
    return browser.wait(lambda: browser.find(".//ul[@popover]", row), "the menu opens")


def kwik_tests_it(installation, browser):
    actions = menu(browser, "Kwik ledger")
    for words in ("Test", "View events", "Edit", "Pause", "Disable", "Rotate the secret", "Delete"):
        browser.control(words, actions)
    # "Select Test Webhook from the actions menu. Choose an event type …"
    browser.press("Test", actions)
    browser.choose("Event", "payout.created")
    browser.press("Send the test")
    text = browser.text()
    expect("The test's attempt" in text and "Success" in text, "the attempt is seen at once", text)
    began = browser.fact("Began")
    expect(began.endswith(("ago", "just now")), "it began before now", began)
    for step in ("Connect", "TLS", "First byte", "Total"):
        expect(step in text, f"the waterfall has {step}", text)
    headers, body = installation.receiver.posts("/ok")[-1]
    found = {name.lower(): value for name, value in headers.items()}
    expect(found["webhook-event-type"] == "payout.created" and found["webhook-test"] == "true",
           "a sample of that type came", found)
    expect(b'"type":"payout.created"' in body.replace(b" ", b""), "the catalogue's", body)


def kwik_views_its_events(installation, browser):
    browser.open(LIST)
    row = browser.row("Kwik ledger")
    browser.press("Kwik ledger", row)
    browser.press("View events")
    cells = browser.cells(browser.row("payout.created"))
    # Event, status, HTTP code, test event, retry timestamp, retry counter.
    expect(cells["Event"] == "payout.created" and cells["Status"] == "Success", "six fields", cells)
    expect(cells["HTTP code"] == "200" and cells["Test event"] == "Yes", "six fields", cells)
    expect(cells["Next retry"] == "–" and cells["Retries"] == "0", "six fields", cells)
    expect("Answer" in cells["Answer"], "and the response", cells)


def kwik_troubleshoots_a_failure(installation, browser):
    actions = menu(browser, "Kwik ledger")
    browser.press("Edit", actions)
    browser.fill("Name", "Kwik ledger, second")
    browser.fill("URL", installation.receiver.url("/fail"))
    browser.press("Save")
    expect("Your changes are saved." in browser.text(), "it is saved", browser.text())
    installation.publish("payout.created", {"payout": 1})
    browser.press("View events")
    browser.reload_until(lambda: browser.row("Failure"), "the failure is seen")
    cells = browser.cells(browser.row("Failure"))
    expect(cells["HTTP code"] == "500" and cells["Test event"] == "No", "its fields", cells)
    expect("UTC" in cells["Next retry"], "when it is tried again", cells)
    browser.press("Answer", browser.row("Failure"))
    expect("status 500" in browser.row("Failure").text, "what was answered")
    # Filters: those that failed, and no tests.
    browser.press("Filters")
    browser.choose("Status", "Success")
    browser.press("Filter")
    expect("Failure" not in browser.find("//table").text, "only successes are left")
    browser.press("Show all")
    browser.press("Resend", browser.row("Failure"))
    expect(browser.heading() == "Delivery", "the delivery is shown", browser.text())
    expect("Request as sent" in browser.text() and '"payout":1' in browser.text().replace(" ", ""),
           "with the request as it was sent", browser.text())


def kwik_disables_enables_and_deletes_it(_installation, browser):
    browser.press("Disable", menu(browser, "Kwik ledger, second"))
    expect(browser.heading() == "Disable this subscription?", "it is asked first", browser.text())
    browser.press("Leave it as it is")
    expect(browser.fact("Status").startswith("Live"), "it stays as it is", browser.text())
    browser.press("Disable")
    browser.press("Disable")
    expect("Disabled. Events from now on" in browser.text(), "it is told", browser.text())
    browser.open(LIST)
    expect(browser.cells(browser.row("Kwik ledger, second"))["Status"] == "Disabled", "disabled")
    browser.press("Enable", menu(browser, "Kwik ledger, second"))
    browser.press("Pause", menu(browser, "Kwik ledger, second"))
    browser.open(LIST)
    expect(browser.cells(browser.row("Kwik ledger, second"))["Status"] == "Paused", "paused")
    browser.press("Delete", menu(browser, "Kwik ledger, second"))
    expect(browser.heading() == "Delete this subscription?", "it is asked first")
    browser.press("Delete")
    expect(browser.path() == LIST and "Deleted." in browser.text(), "it is gone", browser.text())
    expect("Kwik ledger" not in browser.find("//main").text, "from the list too")


# --- KKiaPay -------------------------------------------------------------------

def kkiapay_adds_a_webhook(installation, browser):
    browser.open(LIST)
    # "Clicking on the Add a webhook button"
    browser.press("Create")
    browser.fill("Name", "KKiaPay")
    # "Enter the URL on which you want to be notified."
    browser.fill("URL", installation.receiver.url("/kkiapay"))
    # "Choose the events for which you want to be notified."
    for event_type in KKIAPAY_TYPES:
        browser.tick(event_type)
    # "Define a hash secret." It goes in the header x-kkiapay-secret.
    browser.choose("Signature", "HMAC in a header")
    browser.fill("Header", "x-kkiapay-secret")
    browser.fill("Secret", KKIAPAY_SECRET)
    # "Tries 5 times in a row, in an interval of 500ms incremental."
    browser.choose("Timetable", "Each delay longer by the same span")
    browser.fill("First delay", "500ms")
    browser.fill("Longer each time by", "500ms")
    browser.fill("Attempts in all", "6")
    browser.fill("Jitter, in percent", "0")
    browser.press("Draw the timetable")
    expect("6 attempts over 7 seconds" in browser.text(), "the timetable is drawn", browser.text())
    expect(browser.field("URL").get_attribute("value").endswith("/kkiapay"), "the form stays")
    browser.press("Create")
    expect(browser.heading() == "Your new subscription", "it is made", browser.text())


def kkiapay_tests_it(installation, browser):
    # "Once the callback has been created, you can perform a test."
    browser.press("Send a test")
    browser.choose("Event", "transaction.success")
    browser.press("Send the test")
    expect("Success" in browser.text(), "the URL is contacted", browser.text())
    headers, body = installation.receiver.posts("/kkiapay")[-1]
    found = {name.lower(): value for name, value in headers.items()}
    expect(found["x-kkiapay-secret"] == signed_hex(KKIAPAY_SECRET, body), "it is signed", found)


def kkiapay_is_tried_five_times_again(installation, browser):
    # "All response codes outside this range, including 3xx codes."
    browser.press("Edit", menu(browser, "KKiaPay"))
    browser.fill("URL", installation.receiver.url("/redirect"))
    browser.press("Save")
    installation.publish("transaction.failed", {"transactionId": "t1", "isPaymentSucces": False})
    browser.press("View events")
    browser.reload_until(lambda: "5" == browser.cells(browser.row("302")).get("Retries"),
                         "five retries are seen", 30)
    rows = [row for row in browser.driver.find_elements("xpath", "//tbody/tr") if "302" in row.text]
    expect(len(rows) == 6, "six attempts", [row.text for row in rows])
    browser.follow(rows[0].find_element("xpath", ".//a"))
    marks = browser.driver.find_elements("css selector", ".time-line .mark")
    expect(len(marks) == 6, "they are on a line of time", len(marks))
    listed = browser.driver.find_elements("xpath", "//section[h2[.='Attempts']]//tbody/tr")
    expect(len(listed) == 6 and "302" in listed[0].text, "and in a table",
           [row.text for row in listed])
    crumbs = browser.find("//nav[@aria-label='Where you are']").text
    expect("KKiaPay" in crumbs, "below the subscription's name", crumbs)
    expect("Failed" in browser.text(), "and the delivery has failed", browser.text())


# --- everybody -----------------------------------------------------------------

def a_hostile_payload_does_not_run(installation, browser):
    browser.open(LIST)
    browser.press("Create")
    browser.fill("Name", HOSTILE)
    browser.fill("URL", installation.receiver.url("/hostile"))
    browser.tick("checkout.failed")
    browser.press("Create")
    event = installation.publish("checkout.failed", {"note": HOSTILE, HOSTILE: 1})
    path = "/" + event
    browser.open(path)
    browser.reload_until(lambda: "Delivered" in browser.text(), "it is delivered")
    delivery = browser.find("//section[h2[.='Deliveries']]//tbody//a").get_attribute("href")
    for page in (path, delivery, LIST, "/tenants/acme/attempts", "/tenants/acme/tail",
                 "/tenants/acme/events", f"/search?q={event}", "/audit"):
        browser.open(page)
        pwned = browser.driver.execute_script(
            "return [window.pwned, document.querySelectorAll('img[src=x]').length]")
        expect(pwned == [None, 0], f"nothing ran at {page}", pwned)
    browser.open(delivery)
    expect(HOSTILE in browser.text(), "it is shown as it is", browser.text())
    # And what comes by itself.
    browser.open("/tenants/acme/tail")
    before = len(browser.driver.find_elements("css selector", "tbody tr"))

    def tail_grows():
        # The browser may not have begun to listen when the first is published.
        installation.publish("checkout.failed", {"note": HOSTILE})
        return len(browser.driver.find_elements("css selector", "tbody tr")) > before

    browser.wait(tail_grows, "the tail goes on by itself")
    expect(browser.driver.execute_script("return window.pwned") is None, "nothing ran in the tail")


def windows_are_replayed_and_accounted_for(installation, browser):
    browser.open("/tenants/acme/replay")
    browser.tick("DELIVERY_STATE_SUCCEEDED")
    browser.press("Replay")
    browser.wait(lambda: "Done" in browser.text(), "the replay is done, by itself", 40)
    expect("Sent again" in browser.text(), "with its counts", browser.text())
    expect(not browser.has("Cancel"), "what is done cannot be cancelled", browser.text())
    browser.open(browser.path())
    expect(not browser.has("Cancel"), "nor when it is opened again", browser.text())
    browser.open("/tenants/acme/reconcile")
    browser.press("Reconcile", browser.find("//main"))
    expect("Delivered" in browser.text() and "Events" in browser.text(), "the account",
           browser.text())
    expect("transaction.failed" in browser.text(), "names what was not delivered", browser.text())
    browser.choose("Subscription", "KKiaPay")
    browser.press("Reconcile", browser.find("//main"))
    rows = browser.driver.find_elements("xpath", "//section[h2[.='Not delivered']]//tbody/tr")
    names = {browser.cells(row).get("Subscription") for row in rows}
    expect(names == {"KKiaPay"}, "of one subscription, by its name", names)


def secrets_are_rotated(_installation, browser):
    browser.press("Rotate the secret", menu(browser, "KKiaPay"))
    browser.fill("New secret", "another secret of my own")
    browser.press("Rotate")
    shown = browser.find("//input[@id='shown-once']").get_attribute("value")
    expect(shown == "another secret of my own", "the new one is shown", shown)
    browser.press("To the subscription")
    rows = browser.driver.find_elements("xpath", "//section[h2[.='Signing keys']]//tbody/tr")
    expect(len(rows) == 2, "both keys are in force", [row.text for row in rows])
    browser.press("Revoke", rows[0])
    expect(browser.heading() == "Revoke this signing key?", "it is asked first", browser.text())
    browser.press("Revoke")
    expect("Revoked. It signs nothing any more." in browser.text(), "it is told", browser.text())
    rows = browser.driver.find_elements("xpath", "//section[h2[.='Signing keys']]//tbody/tr")
    expect(len(rows) == 1, "one key is left", [row.text for row in rows])


def who_may_only_read_changes_nothing(installation, browser):
    browser.sign_in(installation.token_of("ROLE_READER"))
    expect(browser.path() == LIST, "he begins with his one tenant", browser.path())
    expect(not browser.has("Create") and browser.has("Sign out"), "nothing is offered")
    for page, words in (("/overview", "Not allowed"), ("/fleet", "Not allowed"),
                        ("/tenants/other/subscriptions", "Not found")):
        browser.open(page)
        expect(browser.heading() == words, page, browser.text())
    browser.open("/tenants/acme/new-subscription")
    expect(browser.heading() == "Not allowed" and not browser.has("Create"),
           "nor is a form whose address he types", browser.text())


def what_is_sought_leads_nowhere_else(installation, browser):
    browser.sign_in(installation.token)
    # A browser takes ".." out of a path, escaped or not.
    browser.open("/search?q=tenants/../../v1/tenants")
    expect(browser.driver.current_url.startswith(browser.console + "/"), "it stays in the console",
           browser.driver.current_url)
    expect(browser.heading() == "Not found", "and nothing is there", browser.text())


def a_portals_link_opens_one_tenant(installation, browser):
    made = installation.call("POST", "/v1/tenants/acme/portalTokens", {
        "roles": ["ROLE_READER", "ROLE_SUBSCRIPTION_MANAGER"]})
    browser.forget()
    browser.open(made["consoleUrl"])
    browser.press("Continue")
    expect(browser.path() == LIST and browser.has("Create"), "the customer's own", browser.text())
    expect(not browser.has("Tenants") and not browser.has("Overview"), "and nothing else")
    browser.forget()
    browser.open(made["consoleUrl"])
    browser.press("Continue")
    expect("used already" in browser.text(), "the link is good once", browser.text())


ALL = [
    dev_says_where_the_console_is,
    one_signs_in_and_finds_the_overview,
    kwik_creates_a_webhook,
    kwik_is_told_what_is_wrong_at_each_field,
    kwik_finds_it_in_the_list,
    kwik_tests_it,
    kwik_views_its_events,
    kwik_troubleshoots_a_failure,
    kwik_disables_enables_and_deletes_it,
    kkiapay_adds_a_webhook,
    kkiapay_tests_it,
    kkiapay_is_tried_five_times_again,
    a_hostile_payload_does_not_run,
    windows_are_replayed_and_accounted_for,
    secrets_are_rotated,
    who_may_only_read_changes_nothing,
    what_is_sought_leads_nowhere_else,
    a_portals_link_opens_one_tenant,
]
