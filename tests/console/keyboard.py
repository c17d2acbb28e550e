"""What somebody sees and reaches who has a keyboard alone.

Fed by an installation and a browser; feeds `main` with checks. Keys are pressed as a person
presses them, and what has the focus is measured as it is shown (WCAG 2.2: 1.4.11, 2.4.1, 2.4.3,
2.4.7, 2.4.11).
"""

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from browser import THEMES
from checks import LIST, expect

# More than any page has.
MAX_STOPS = 250
# What has the focus, and what is wrong with the ring around it. A ring beside its element stands
# on what is behind that; it must be seen there, and no box on the way may cut it off.
FOCUSED = """
const MIN_CONTRAST = 3, MIN_WIDTH = 2;
const colour = (text) => {
  const scale = text.startsWith("color(") ? 255 : 1;
  const parts = text.match(/[\\d.]+(e-?\\d+)?/g).map(Number);
  return {rgb: parts.slice(0, 3).map((part) => part * scale), alpha: parts.length > 3 ? parts[3] : 1};
};
const luminance = (rgb) => rgb.map((part) => part / 255)
  .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
  .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
const contrast = (one, other) => {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
};
const behind = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const own = colour(getComputedStyle(at).backgroundColor);
    if (own.alpha === 1) return own.rgb;
  }
  return [255, 255, 255];
};
const cuts = (ring) => {
  const view = document.documentElement;
  if (ring.left + scrollX < -1 || ring.top + scrollY < -1
      || ring.right + scrollX > view.scrollWidth + 1) return "the window";
  for (let at = element.parentElement; at && at !== view && at !== document.body; at = at.parentElement) {
    const style = getComputedStyle(at);
    if (style.overflowX === "visible" && style.overflowY === "visible") continue;
    const box = at.getBoundingClientRect();
    const left = box.left + at.clientLeft - at.scrollLeft, top = box.top + at.clientTop - at.scrollTop;
    const right = left + Math.max(at.scrollWidth, at.clientWidth);
    const bottom = top + Math.max(at.scrollHeight, at.clientHeight);
    if (ring.left < left - 1 || ring.top < top - 1 || ring.right > right + 1
        || ring.bottom > bottom + 1) return `${at.tagName.toLowerCase()}.${at.className}`;
  }
  return null;
};
const element = document.activeElement;
if (!element || element === document.body) return null;
const style = getComputedStyle(element), box = element.getBoundingClientRect();
const width = parseFloat(style.outlineWidth), offset = parseFloat(style.outlineOffset);
const reach = Math.max(0, offset + width), problems = [];
const ring = {left: box.left - reach, top: box.top - reach,
              right: box.right + reach, bottom: box.bottom + reach};
if (style.outlineStyle === "none" || width < MIN_WIDTH) problems.push("it has no ring");
const seen = contrast(colour(style.outlineColor).rgb,
                      behind(offset < 0 ? element : element.parentElement));
if (seen < MIN_CONTRAST) problems.push(`its ring has a contrast of ${seen.toFixed(2)}`);
const cut = cuts(ring);
if (cut) problems.push(`its ring is cut off by ${cut}`);
if (box.width === 0 || box.height === 0) problems.push("it is not shown");
if (box.bottom < 1 || box.top > innerHeight - 1) problems.push("it is outside of the window");
if (element.tabIndex > 0) problems.push("it has a tabindex of its own");
if (window.lastStop && !(window.lastStop.compareDocumentPosition(element) & 4) && window.lastStop !== element)
  problems.push("it comes after what follows it in the page");
const isNew = window.lastStop !== element;
window.lastStop = element;
return {html: element.outerHTML.slice(0, 90), words: element.textContent.trim(), problems, isNew};
"""


def press(browser, *keys):
    ActionChains(browser.driver).send_keys(*keys).perform()


def stops(browser):
    """What the tab key comes to, from the beginning of the page to its end."""
    browser.driver.execute_script(
        "document.activeElement.blur(); window.lastStop = null; scrollTo(0, 0);"
        "getSelection().setPosition(document.body, 0)")
    found = []
    while len(found) < MAX_STOPS:
        press(browser, Keys.TAB)
        stop = browser.driver.execute_script(FOCUSED)
        # Behind the last one is the browser's own frame, if it shows one.
        if stop is None or found and stop["html"] == found[0]["html"]:
            return found
        # A field of a date and a time has several.
        if stop["isNew"]:
            found.append(stop)
    raise AssertionError(f"the tab key never leaves {browser.path()}")


def every_stop_of_the_tab_key_is_seen(installation, browser):
    browser.sign_in(installation.token)
    browser.open(LIST)
    own = browser.control("KKiaPay").get_attribute("href")
    wrong = []
    for page in ("/overview", LIST, own, "/tenants/acme/new-subscription", own + "/attempts",
                 "/tenants/acme/replay", "/tenants"):
        for theme in THEMES:
            browser.look(1280, theme)
            browser.open(page)
            found = stops(browser)
            expect(len(found) > 5, f"the tab key comes to what is at {page}", found)
            expect(found[0]["words"] == "Skip to the page", "first around the navigation", found[0])
            wrong += [f"{browser.path()}, {theme}: {stop['html']}: {problem}"
                      for stop in found for problem in stop["problems"]]
    browser.look(1280, "light")
    expect(not wrong, "what has the focus is seen", "\n  " + "\n  ".join(wrong[:40]))


def the_navigation_can_be_skipped(installation, browser):
    browser.sign_in(installation.token)
    browser.open(LIST)
    stops(browser)
    browser.driver.execute_script(
        "window.lastStop = null; getSelection().setPosition(document.body, 0)")
    press(browser, Keys.TAB)
    press(browser, Keys.ENTER)
    within = "return document.querySelector('main').contains(document.activeElement)"
    expect(browser.driver.execute_script(within), "one stands in the page")
    press(browser, Keys.TAB)
    first = browser.driver.switch_to.active_element
    expect(browser.driver.execute_script(within) and first.tag_name != "main", "and goes on there",
           first.get_attribute("outerHTML"))


def a_menu_is_opened_and_left_by_keys(installation, browser):
    browser.sign_in(installation.token)
    browser.open(LIST)
    row = browser.row("KKiaPay")
    button = browser.control("Actions", row)
    browser.driver.execute_script("arguments[0].focus()", button)
    press(browser, Keys.ENTER)
    browser.wait(lambda: browser.find(".//ul[@popover]", row), "it opens")
    press(browser, Keys.TAB)
    entry = browser.driver.switch_to.active_element
    expect(entry.text == "Test", "its first entry is next", entry.get_attribute("outerHTML"))
    press(browser, Keys.ESCAPE)
    browser.wait(lambda: not row.find_element("xpath", ".//ul[@popover]").is_displayed(),
                 "it closes")
    expect(browser.is_focused(button), "and one stands where one was")


ALL = [
    every_stop_of_the_tab_key_is_seen,
    the_navigation_can_be_skipped,
    a_menu_is_opened_and_left_by_keys,
]
