"""What is found by its id, what is sent again, and figures that agree with what was done.

Fed by an installation and a browser; feeds `main` with checks.
"""

from checks import expect


def things_of_each_kind(installation):
    """What is sought by, and the name of what has it."""
    hook = installation.call("POST", "/v1/tenants/acme/subscriptions", {
        "displayName": "Sought", "url": installation.receiver.url("/ok"),
        "eventTypes": ["mandate.created"]})["name"]
    event = installation.publish("mandate.created", {"sought": True})
    listed = installation.call("GET", f"/v1/tenants/acme/deliveries?filter=event%3D%22{event}%22")
    operation = installation.call("POST", "/v1/tenants/acme/deliveries:replay", {
        "startTime": "2026-01-01T00:00:00Z", "eventTypes": ["nothing.has.this"]})["name"]
    token = installation.create_token("ROLE_READER")
    names = [hook, event, listed["deliveries"][0]["name"], operation, token["token"]["name"],
             "tenants/acme"]
    sought = {name.rsplit("/", 1)[1]: name for name in names}
    # What somebody pastes who has the text of a token at hand; what is kept secret is not sent.
    sought["_".join(token["secret"].split("_")[:2])] = token["token"]["name"]
    return sought | {name: name for name in names}


def ids_of_each_kind_are_found(installation, browser):
    browser.sign_in(installation.token)
    for sought, name in things_of_each_kind(installation).items():
        browser.open("/overview")
        browser.fill("Find by id", sought)
        browser.press("Find")
        if browser.path() == "/search":
            browser.press(name)
        expect(browser.path() == "/" + name, f"{sought} leads to its page", browser.text())
        expect(browser.heading() not in ("Not found", "Not allowed"), f"{name} is there",
               browser.text())
    browser.open("/overview")
    browser.fill("Find by id", "nothing-has-this-id")
    browser.press("Find")
    expect("Nothing has this id" in browser.text(), "and nothing else", browser.text())


def subscribe(installation, path, **rest):
    return installation.call("POST", "/v1/tenants/acme/subscriptions", {
        "displayName": path, "url": installation.receiver.url(path), **rest})["name"]


def what_is_resent_comes_again(installation, browser):
    hook = subscribe(installation, "/resent", eventTypes=["customer.created"])
    installation.publish("customer.created", {"customer": 7})
    installation.receiver.wait_for_posts("/resent", 1)
    browser.sign_in(installation.token)
    browser.open(f"/{hook}/attempts")
    browser.reload_until(lambda: browser.row("Success"), "the attempt is seen")
    browser.press("Resend", browser.row("Success"))
    expect(browser.heading() == "Delivery", "its delivery is shown", browser.text())
    first, second = installation.receiver.wait_for_posts("/resent", 2)
    ids = [{name.lower(): value for name, value in headers.items()}["webhook-id"]
           for headers, _ in (first, second)]
    expect(ids[0] == ids[1] and first[1] == second[1], "the same webhook came again", ids)
    browser.open(f"/{hook}/attempts")
    browser.reload_until(
        lambda: len(browser.driver.find_elements("xpath", "//tbody/tr")) == 2, "as a second attempt")
    browser.open("/tenants/acme/attempts")
    expect(browser.row("/resent"), "the tenant's log says whose attempt each is")


def figure(browser, name):
    return browser.find(f"//dl[@class='figures']/div[dt[.='{name}']]/dd").text


def charted(browser, column):
    """The values of a chart's table that are not zero or a gap, of the figure by the hour."""
    table = browser.driver.execute_script(
        "return Array.from(document.querySelectorAll('section:first-of-type figure table'),"
        " (table) => Array.from(table.rows, (row) => Array.from(row.cells,"
        " (cell) => cell.textContent.trim())))")
    for rows in table:
        if column in rows[0]:
            at = rows[0].index(column)
            return [row[at] for row in rows[1:] if row[at] not in ("", "0", "–")]
    raise AssertionError(f"no chart has {column}: {[rows[0] for rows in table]}")


def statistics_agree_with_what_was_sent(installation, browser):
    event_type, succeeded, failed = "collection.created", 3, 2
    hook = subscribe(installation, "/counted", eventTypes=[event_type],
                     retryPolicy={"fixedDelays": {"delays": ["86400s"]}})
    for number in range(succeeded):
        installation.publish(event_type, {"number": number})
    installation.receiver.wait_for_posts("/counted", succeeded)
    changed = installation.call("GET", "/v1/" + hook)
    installation.call("PATCH", f"/v1/{hook}?updateMask=url", {
        "url": installation.receiver.url("/fail"), "etag": changed["etag"]})
    before = len(installation.receiver.posts("/fail"))
    for number in range(failed):
        installation.publish(event_type, {"number": number})
    installation.receiver.wait_for_posts("/fail", before + failed)
    browser.sign_in(installation.token)
    browser.open(f"/{hook}/statistics")
    browser.reload_until(
        lambda: figure(browser, "Attempts in 31 days") == str(succeeded + failed),
        "all attempts are counted")
    expect(figure(browser, "Succeeded") == "60 %", "the rate is theirs", browser.text())
    expect(figure(browser, "Waiting now") == str(failed), "who failed waits", browser.text())
    # An hour may have ended meanwhile.
    for column, count in (("Succeeded", succeeded), ("Failed", failed)):
        values = charted(browser, column)
        expect(sum(int(value) for value in values) == count, f"the chart has {column}", values)


ALL = [
    ids_of_each_kind_are_found,
    what_is_resent_comes_again,
    statistics_agree_with_what_was_sent,
]
