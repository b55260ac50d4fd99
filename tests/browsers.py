"""Chromium without a screen, for what pages do; tests that need it skip where there is none."""

import base64
import io
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

CHROMIUM, DRIVER = "chromium", "chromedriver"


class Page:
    """A page in a browser, and what was noticed of it."""

    def __init__(self, driver) -> None:
        self.driver = driver

    def open(self, path: Path) -> None:
        self.driver.get(path.as_uri())

    def run(self, script: str, *words):
        """Run JavaScript, which may use `return`."""
        return self.driver.execute_script(script, *words)

    def wait(self, script: str) -> None:
        """Wait until an expression is true."""
        from selenium.webdriver.support.ui import WebDriverWait

        WebDriverWait(self.driver, 20, poll_frequency=0.02).until(
            lambda driver: driver.execute_script(f"return {script}")
        )

    def find(self, selector: str):
        from selenium.webdriver.common.by import By

        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        return self.find(selector).text

    def pixels(self, selector: str, *, place: int = 0) -> np.ndarray:
        """(Y, X, 4) of one of the canvases that a selector finds, as they are stored."""
        width, height, numbers = self.run(
            "const canvas = document.querySelectorAll(arguments[0])[arguments[1]];"
            "const {width, height} = canvas;"
            "const image = canvas.getContext('2d').getImageData(0, 0, width, height);"
            "return [width, height, Array.from(image.data)]",
            selector,
            place,
        )
        return np.array(numbers, np.uint8).reshape(height, width, 4)

    def shot(self, selector: str) -> np.ndarray:
        """(Y, X, 3) of an element as it looks."""
        png = base64.b64decode(self.find(selector).screenshot_as_base64)
        return matplotlib.image.imread(io.BytesIO(png))[..., :3]

    def complaints(self) -> list[str]:
        """Errors and warnings of the console since the last call."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """Addresses asked for since the last call."""
        events = [
            json.loads(one["message"])["message"] for one in self.driver.get_log("performance")
        ]
        return [
            event["params"]["request"]["url"]
            for event in events
            if event["method"] == "Network.requestWillBeSent"
        ]


@contextmanager
def browse(*, width: int = 1280, height: int = 900, dark: bool = False) -> Iterator[Page]:
    """Open a window of a size, in CSS pixels; a narrow one is a phone's."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="no selenium")
    missing = [name for name in (CHROMIUM, DRIVER) if shutil.which(name) is None]
    if missing:
        pytest.skip(f"no {', '.join(missing)}")
    driver = webdriver.Chrome(
        options=_options(webdriver), service=webdriver.ChromeService(shutil.which(DRIVER))
    )
    try:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        # Pages would else be caught while they scroll.
        still = {"name": "prefers-reduced-motion", "value": "reduce"}
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme, still]})
        yield Page(driver)
    finally:
        driver.quit()


def _options(webdriver):
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which(CHROMIUM)
    # Without a sandbox of its own, since a container has none to give.
    for word in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return options
