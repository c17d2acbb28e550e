"""A real Chromium by WebDriver, as a person uses it: by labels, words of links and of buttons.

Fed by `checks` with what a person does; feeds them what is on the page. Needs chromium and
chromedriver in the PATH, and axe-core's axe.min.js where POSTRIDER_TEST_AXE says.
"""

import base64
import os
import pathlib
import shutil
import time

from selenium import webdriver
from selenium.common.exceptions import (NoSuchElementException, StaleElementReferenceException,
                                        WebDriverException)
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

PATIENCE_SECONDS = 20
WIDTHS = {"wide": 1280, "phone": 390}
THEMES = ("light", "dark")
VIOLATIONS = """
const done = arguments[arguments.length - 1];
axe.run(document, {resultTypes: ["violations"]}).then(
  (result) => done(result.violations.map((found) =>
    `${found.id} (${found.impact}): ${found.nodes.slice(0, 3).map((node) =>
      node.html.slice(0, 160) + " " + (node.any[0] || node.all[0] || node.none[0] || {}).message
    ).join(" | ")}`)),
  (error) => done([String(error)]));
"""


def quoted(text):
    """A text in an XPath; no test's text has both kinds of quotes."""
    return f"'{text}'" if "'" not in text else f'"{text}"'


class Browser:
    def __init__(self, console):
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                         "--no-first-run", "--disable-background-networking", "--hide-scrollbars",
                         # Others' test pages name servers elsewhere: nothing is asked of them.
                         "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, "
                         "EXCLUDE 127.0.0.1"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options, Service(shutil.which("chromedriver")))
        self.driver.set_script_timeout(60)
        self.console = console
        axe = os.environ.get("POSTRIDER_TEST_AXE")
        self.axe = pathlib.Path(axe).read_text() if axe else None
        self.look(WIDTHS["wide"], "light")

    def look(self, width, theme):
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600})
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "features": [{"name": "prefers-color-scheme", "value": theme}]})

    def run_scripts(self, runs):
        """Whether pages run scripts; those of the test itself do."""
        self.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not runs})

    # --- where ---------------------------------------------------------------

    def open(self, path=""):
        self.driver.get(path if path.startswith("http") else self.console + path)

    def text(self):
        return self.driver.find_element(By.TAG_NAME, "body").text

    def heading(self):
        return self.driver.find_element(By.TAG_NAME, "h1").text

    def path(self):
        return self.driver.current_url.removeprefix(self.console).split("?")[0]

    def forget(self):
        self.driver.delete_all_cookies()

    def sign_in(self, token):
        self.forget()
        self.open("/sign-in")
        self.fill("Token", token)
        self.press("Sign in")

    # --- what a person does --------------------------------------------------

    def find(self, xpath, within=None):
        shown = [one for one in (within or self.driver).find_elements(By.XPATH, xpath)
                 if one.is_displayed()]
        if not shown:
            raise NoSuchElementException(f"nothing is shown at {xpath} of {self.driver.current_url}: "
                                         + self.text()[:1500])
        return shown[0]

    def has(self, words):
        """Whether a link or a button of these words is shown."""
        try:
            self.control(words)
            return True
        except NoSuchElementException:
            return False

    def control(self, words, within=None):
        own = f"[normalize-space()={quoted(words)} or starts-with(normalize-space(), {quoted(words + ' for ')})]"
        return self.find(f".//a{own} | .//button{own} | .//summary{own}", within)

    def press(self, words, within=None):
        """Presses a link or a button, and waits for the page that it leads to."""
        self.follow(self.control(words, within))

    def follow(self, control):
        leads_on = control.tag_name == "a" or control.get_attribute("type") == "submit"
        self.driver.execute_script("window.left = false")
        control.click()
        if leads_on:
            self.wait(self.has_left, f"{control} leads nowhere")

    def has_left(self):
        """Whether another page is there, and whole."""
        try:
            return self.driver.execute_script(
                "return window.left === undefined && document.readyState === 'complete'")
        except WebDriverException:
            return False

    def field(self, label):
        words = f"normalize-space()={quoted(label)} or starts-with(normalize-space(), {quoted(label + ' (')})"
        return self.find(f"//*[@id=//label[{words}]/@for]")

    def is_focused(self, field):
        return self.driver.switch_to.active_element == field

    def fact(self, name):
        """The value beside a name, among the facts of one thing."""
        return self.find(f"//dl/div[dt[.={quoted(name)}]]/dd").text

    def fill(self, label, text):
        field = self.field(label)
        field.clear()
        field.send_keys(text)

    def choose(self, label, words):
        select = Select(self.field(label))
        for option in select.options:
            if option.text.strip().startswith(words):
                select.select_by_visible_text(option.text.strip())
                return
        raise NoSuchElementException(f"{label} has no {words}: {[o.text for o in select.options]}")

    def tick(self, value):
        box = self.find(f"//input[@type='checkbox'][@value={quoted(value)}]")
        if not box.is_selected():
            box.click()

    def row(self, words):
        return self.find(f"//tbody/tr[.//*[contains(normalize-space(), {quoted(words)})]]")

    def cells(self, row):
        """A row's cells by the names of their columns."""
        return {cell.get_attribute("data-label"): cell.text
                for cell in row.find_elements(By.XPATH, "./td[@data-label]")}

    def wait(self, ready, what, seconds=PATIENCE_SECONDS):
        end = time.monotonic() + seconds
        while True:
            try:
                found = ready()
                if found:
                    return found
            except (NoSuchElementException, StaleElementReferenceException):
                pass
            if time.monotonic() > end:
                raise AssertionError(f"{what}, at {self.driver.current_url}: {self.text()[:1500]}")
            time.sleep(0.2)

    def reload_until(self, ready, what, seconds=PATIENCE_SECONDS):
        def again():
            self.driver.refresh()
            return ready()
        return self.wait(again, what, seconds)

    # --- what is looked at ---------------------------------------------------

    def violations(self):
        if not self.axe:
            return []
        self.driver.execute_script(self.axe)
        return self.driver.execute_async_script(VIOLATIONS)

    def overflows(self):
        """Whether the page is wider than the window."""
        return self.driver.execute_script(
            "return document.documentElement.scrollWidth > document.documentElement.clientWidth + 1")

    def picture(self, file):
        height = self.driver.execute_script("return document.documentElement.scrollHeight")
        width = self.driver.execute_script("return document.documentElement.clientWidth")
        shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", {
            "format": "png", "captureBeyondViewport": True,
            "clip": {"x": 0, "y": 0, "width": width, "height": min(height, 6000), "scale": 1}})
        file.write_bytes(base64.b64decode(shot["data"]))

    def weight(self):
        """Bytes of the page and of all that it loaded, uncompressed."""
        return self.driver.execute_script(
            "return performance.getEntriesByType('navigation').concat("
            "performance.getEntriesByType('resource')).reduce((sum, one) => sum + one.decodedBodySize, 0)")

    def problems(self):
        """Scripts, styles and pictures that the content security policy refused."""
        return [entry["message"] for entry in self.driver.get_log("browser")
                if "Content Security Policy" in entry["message"]]

    def stop(self):
        self.driver.quit()
