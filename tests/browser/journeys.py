"""Two ways through the app, by mouse and by keyboard alone: the same steps, said once.

Each method does one thing a user does. Knows nothing about: what must then be on the page.
"""

from tests.browser.hands import painted, settled

MATRIX = '[data-pane="importance"] [data-head="{}.{}"]'
VIEW = "What head importance shows"


class Mouse:
    """Points and clicks."""

    def __init__(self, page) -> None:
        self.page = page

    def choose(self, label, value):
        self.page.get_by_label(label, exact=True).select_option(value)
        painted(self.page)

    def press(self, name, within="body"):
        self.page.locator(within).get_by_role("button", name=name).first.click()
        painted(self.page)

    def press_option(self, selector):
        self.page.click(selector)
        painted(self.page)

    def pick_head(self, layer, head):
        self.page.click(MATRIX.format(layer, head))
        painted(self.page)

    def prune_only(self, part):
        self.press("Pruned part")
        self.press(part)
        self.page.keyboard.press("Escape")
        settled(self.page)

    def confidence_from(self, share):
        box = self.page.locator('[data-filter="confidence"] svg').bounding_box()
        middle = box["y"] + box["height"] / 2
        self.page.mouse.move(box["x"] + 1, middle)
        self.page.mouse.down()
        self.page.mouse.move(box["x"] + box["width"] * (share - 0.1), middle)
        self.page.mouse.move(box["x"] + box["width"] * share, middle)
        self.page.mouse.up()
        painted(self.page)

    def pick_image(self, row, place):
        """`place`: where it is on the map, in shares of its box, from the left and from the top."""
        box = self.page.locator("[data-map]").bounding_box()
        self.page.mouse.click(box["x"] + box["width"] * place[0], box["y"] + box["height"] * place[1])
        painted(self.page)

    def open_image(self):
        self.page.locator('[data-tab="image"]').click()
        settled(self.page)

    def pick_tile(self, layer, head):
        self.page.click(f'[data-tile="{layer}.{head}"]')
        settled(self.page)

    def back_to_explore(self):
        self.page.locator('[data-tab="explore"]').click()
        settled(self.page)


class Keyboard:
    """Never touches the mouse: Tab order is entered through F6 and the palette."""

    def __init__(self, page) -> None:
        self.page = page

    def focus(self, selector):
        """Tab until an element that matches has the focus: it must be within reach of the keyboard."""
        for _ in range(400):
            if self.page.evaluate("wanted => document.activeElement.matches(wanted)", selector):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"Tab never reached {selector}")

    def pane(self, name):
        """F6 until the pane has the focus."""
        for _ in range(12):
            self.page.keyboard.press("F6")
            if self.page.evaluate("document.activeElement.dataset.pane") == name:
                return
        raise AssertionError(f"F6 never reached the pane {name}")

    def choose(self, label, value):
        self.focus(f'select[aria-label="{label}"]')
        order = self.page.evaluate("[...document.activeElement.options].filter(o => !o.disabled).map(o => o.value)")
        now = self.page.evaluate("document.activeElement.value")
        steps = order.index(value) - order.index(now)
        for _ in range(abs(steps)):
            self.page.keyboard.press("ArrowDown" if steps > 0 else "ArrowUp")
        painted(self.page)

    def press(self, name, within="body"):
        element = self.page.locator(within).get_by_role("button", name=name).first
        element.evaluate("e => e.dataset.wanted = ''")
        self.focus("[data-wanted]")
        element.evaluate("e => delete e.dataset.wanted")
        self.page.keyboard.press("Enter")
        painted(self.page)

    def press_option(self, selector):
        self.focus(selector)
        self.page.keyboard.press("Enter")
        painted(self.page)

    def pick_head(self, layer, head):
        self.pane("importance")
        self.focus('[data-pane="importance"] [data-head]')
        self.page.keyboard.press("Control+Home")
        for _ in range(layer):
            self.page.keyboard.press("ArrowDown")
        for _ in range(head):
            self.page.keyboard.press("ArrowRight")
        self.page.keyboard.press("Enter")
        painted(self.page)

    def prune_only(self, part):
        self._command(part)
        settled(self.page)

    def confidence_from(self, share):
        self.pane("filters")
        self.focus('[data-filter="confidence"] [role="slider"]')
        self.page.keyboard.press("Home")
        for _ in range(round(share * 20)):
            self.page.keyboard.press("ArrowRight")
        painted(self.page)

    def pick_image(self, row, place):
        self.pane("images")
        self.focus("[data-map]")
        self.page.keyboard.press("Home")
        for _ in range(400):
            if self._active() == row:
                break
            self.page.keyboard.press("n")
        self.page.keyboard.press("Enter")
        painted(self.page)

    def open_image(self):
        self.page.keyboard.press("g")
        self.page.keyboard.press("i")
        settled(self.page)

    def pick_tile(self, layer, head):
        self.focus("[data-tile]")
        self.page.keyboard.press("Control+Home")
        for _ in range(layer):
            self.page.keyboard.press("ArrowDown")
        for _ in range(head):
            self.page.keyboard.press("ArrowRight")
        self.page.keyboard.press("Enter")
        settled(self.page)

    def back_to_explore(self):
        self.page.keyboard.press("F6")  # out of a list of choices, where letters choose
        self.page.keyboard.press("g")
        self.page.keyboard.press("e")
        settled(self.page)

    def _active(self):
        """The image that the arrow keys are on."""
        words = self.page.evaluate(
            "document.getElementById(document.activeElement.getAttribute('aria-activedescendant'))?.textContent ?? ''"
        )
        return int(words.split("#")[1].split()[0].rstrip(".:,")) if "#" in words else None

    def _command(self, words):
        self.page.keyboard.press("Control+k")
        self.page.keyboard.type(words)
        self.page.keyboard.press("Enter")
        painted(self.page)


HANDS = {"mouse": Mouse, "keyboard": Keyboard}
