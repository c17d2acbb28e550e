"""What an operator's own settings do: its staff's sign-in, its looks, its frames, and weights.

Fed by an installation of `served` and a browser; feeds `main` with checks.
"""

import urllib.parse

from browser import THEMES
from checks import LIST, expect
from served import ACCENTS, KNOWN_USER, OPERATOR, PROVIDER_NAME

# What a page and all that it loads may weigh without data, uncompressed (the issue).
MAX_EMPTY_PAGE_BYTES = 100_000
COLOUR = "return getComputedStyle(arguments[0]).backgroundColor"
SESSION_COOKIE = "postrider-session"


# --- the provider ----------------------------------------------------------------

def leave_for_provider(served, browser):
    """Leaves for the provider: with what it is asked, by name."""
    browser.forget()
    browser.open("/sign-in")
    browser.press("Sign in with " + PROVIDER_NAME)
    address = browser.driver.current_url
    expect(address.startswith(served.provider + "/oauth2/authorize?"), "one is at the provider",
           address)
    asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(address).query))
    for name in ("client_id", "code_challenge", "state", "nonce"):
        expect(asked.get(name), f"with its {name}", address)
    return asked


def answer_provider(browser, user):
    browser.find("//input[@name='sub']").send_keys(user)
    browser.press("Authorize")


def the_staff_sign_in_with_their_provider(served, browser):
    leave_for_provider(served, browser)
    answer_provider(browser, KNOWN_USER)
    expect(browser.path() == "/overview" and browser.heading() == "Overview", "one is signed in",
           browser.text())
    who = browser.find("//*[@title='Signed in as']").text
    expect(KNOWN_USER in who and served.provider in who, "as whom the provider named", who)
    address = browser.driver.current_url
    expect("code=" not in address and "state=" not in address, "no code stays in the address",
           address)
    cookie = browser.driver.get_cookie(SESSION_COOKIE)
    expect(cookie["httpOnly"] and cookie["sameSite"] == "Lax", "in a cookie for no script", cookie)
    expect(browser.driver.get_cookie("postrider-sign-in") is None, "what was carried is gone")
    browser.press("Sign out")
    expect(browser.path() == "/sign-in" and "signed out" in browser.text().lower(), "one is out",
           browser.text())
    # Not only this browser has forgotten it.
    browser.driver.add_cookie({key: cookie[key] for key in ("name", "value", "path")})
    browser.open("/overview")
    expect(browser.path() == "/sign-in", "the session is over", browser.text())


def stays_out(browser, words):
    expect(browser.heading() == "Not allowed" and words in browser.text(), words, browser.text())
    expect(browser.driver.get_cookie(SESSION_COOKIE) is None, "there is no session")
    browser.open("/overview")
    expect(browser.path() == "/sign-in", "one has to sign in", browser.text())


def whom_no_rule_lets_in_stays_out(served, browser):
    leave_for_provider(served, browser)
    answer_provider(browser, "mallory")
    stays_out(browser, "no rule here lets you in")
    # The provider of the test leaves the state out of a refusal, against RFC 6749, 4.1.2.1.
    state = leave_for_provider(served, browser)["state"]
    browser.open(f"/sign-in/back?error=access_denied&state={state}")
    stays_out(browser, "did not sign you in")
    leave_for_provider(served, browser)
    browser.open("/sign-in/back?code=invented&state=another")
    stays_out(browser, "began in another browser")


# --- looks -----------------------------------------------------------------------

def looks_like_the_operator(browser):
    expect(OPERATOR in browser.driver.title, "its name is the window's", browser.driver.title)
    brand = browser.find("//a[@class='brand']")
    expect(brand.text == OPERATOR, "its name is above", brand.text)
    logo = browser.find(".//img", brand)
    size = browser.driver.execute_script(
        "return [arguments[0].complete, arguments[0].naturalWidth]", logo)
    expect(size == [True, 40], "its logo is shown", size)
    expect("Postrider" not in browser.text(), "and no other name", browser.text())
    for theme in THEMES:
        browser.look(1280, theme)
        button = browser.find("//*[contains(concat(' ', @class, ' '), ' primary ')]")
        colour = browser.driver.execute_script(COLOUR, button)
        expect(colour == ACCENTS[theme][1], f"its colour is on buttons, {theme}", colour)
    browser.look(1280, "light")


def customers_see_the_operator(served, browser):
    made = served.call("POST", "/v1/tenants/acme/portalTokens", {
        "roles": ["ROLE_SUBSCRIPTION_MANAGER"]})
    browser.forget()
    browser.open("/sign-in")
    looks_like_the_operator(browser)
    browser.open(made["consoleUrl"])
    looks_like_the_operator(browser)
    browser.press("Continue")
    expect(browser.path() == LIST, "the customer's own page", browser.text())
    looks_like_the_operator(browser)
    expect(not browser.violations(), "its colours can be read", browser.violations())


# --- frames ----------------------------------------------------------------------

def framed_text(browser, site, address):
    """What a site's page shows in its frame."""
    site.framed = address
    browser.open(site.origin)
    frame = browser.find("//iframe")
    browser.driver.switch_to.frame(frame)
    try:
        return browser.text()
    finally:
        browser.driver.switch_to.default_content()


def its_own_site_may_frame_it_and_no_other(served, browser):
    browser.sign_in(served.token)
    expect(not browser.problems(), "nothing was refused before")
    address = browser.console + "/overview"
    shown = framed_text(browser, served.own_site, address)
    expect("Breakers open" in shown, "the session's page is shown", shown)
    expect(not browser.problems(), "nothing is refused")
    # Of the same site too, so that its frame gets the cookies: the policy alone keeps it out.
    shown = framed_text(browser, served.foreign_site, address)
    expect("Breakers open" not in shown and OPERATOR not in shown, "no other shows it", shown)
    problems = browser.problems()
    expect(any("frame-ancestors" in problem for problem in problems), "by the policy", problems)


# --- weight ----------------------------------------------------------------------

def every_page(served):
    """All pages, of an installation with one of each thing."""
    hook = served.call("POST", "/v1/tenants/acme/subscriptions", {
        "displayName": "Ledger", "url": "https://shop.example/hooks", "eventTypes": ["*"]})["name"]
    event = served.publish("payout.created", {"payout": 1})
    delivery = served.call("GET", f"/v1/tenants/acme/deliveries?filter=event%3D%22{event}%22")
    delivery = delivery["deliveries"][0]["name"]
    operation = served.call("POST", "/v1/tenants/acme/deliveries:replay",
                            {"startTime": "2026-01-01T00:00:00Z"})["name"]
    own = [f"/{hook}/{part}" for part in
           ("edit", "test", "statistics", "rotate", "delete", "disable", "attempts")]
    of_tenant = ["new-subscription", "subscriptions", "attempts", "events", "tail", "replay",
                 "operations", "reconcile"]
    return ["/overview", "/tenants", "/tenants/acme", "/fleet", "/audit", "/failing", "/nothing",
            "/search?q=acme", f"/{hook}", f"/{event}", f"/{delivery}", f"/{operation}", *own,
            *[f"/tenants/acme/{part}" for part in of_tenant]]


def whole_pages_are_light(served, browser):
    pages = every_page(served)
    browser.forget()
    browser.open("/sign-in")
    weights = {"/sign-in": browser.weight()}
    browser.sign_in(served.token)
    for page in pages:
        browser.open(page)
        expect(browser.heading() != "Not found" or page == "/nothing", page, browser.text())
        weights[page] = browser.weight()
    print(f"the heaviest page has {max(weights.values())} bytes, the lightest "
          f"{min(weights.values())}", flush=True)
    heavy = {page: weight for page, weight in weights.items() if weight >= MAX_EMPTY_PAGE_BYTES}
    expect(not heavy, "pages without data are light", heavy)
    expect(min(weights.values()) > 10_000, "and weighed with all that they load", weights)


OF_PROVIDER = [
    the_staff_sign_in_with_their_provider,
    whom_no_rule_lets_in_stays_out,
]
ALL = [
    customers_see_the_operator,
    its_own_site_may_frame_it_and_no_other,
    whole_pages_are_light,
]
