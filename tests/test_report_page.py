"""A page in a browser: what it shows, and what one can do with it."""

import numpy as np
import pytest
import rasterio
import torch

from am4cm_cli.explaining import explain_pixel
from am4cm_cli.places import find_place
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.viewer.writing import ReportOrder, write_report
from am4cm_cli.weights import load_weights
from am4cm_cli.weights_header import default_weights
from browsers import browse
from finished import percents, write_finished
from reported import UNKNOWN, write_site
from stacks import every_days, write_mask, write_stack

DESK, PHONE = {"width": 1280}, {"width": 390, "height": 844}
VEIL = "figure:last-child canvas.cover"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder with a page of everything, and the (T, Y, X) percent it shows."""
    folder = tmp_path_factory.mktemp("site")
    percent, _ = write_site(folder)
    order = ReportOrder(
        mask=folder / "mask.tif",
        stack=find_stack(str(folder / "images")),
        classes=folder / "classes.tif",
        reference=folder / "truth.tif",
    )
    write_report(order, folder / "page.html")
    return folder, percent


@pytest.fixture(scope="module")
def window():
    with browse(**DESK) as page:
        yield page


@pytest.fixture
def page(window, site):
    """The page as it opens."""
    window.open(site[0] / "page.html")
    window.wait("document.getElementById('stage').dataset.date")
    window.complaints()
    return window


def press(page, selector, *keys):
    from selenium.webdriver.common.keys import Keys

    page.find(selector).send_keys(*(getattr(Keys, key, key) for key in keys))


def shown_date(page):
    """The date whose pictures are drawn, once they are the chosen one's."""
    page.wait("$('stage').dataset.date === $('date').textContent")
    return page.run("return state.date")


def slide(page, selector, value):
    """Move a slider as a hand does."""
    page.run(
        "const slider = document.querySelector(arguments[0]);"
        "slider.value = arguments[1]; slider.dispatchEvent(new Event('input'))",
        selector,
        value,
    )


def click_pixel(page, selector, row, column, shape):
    """Click the centre of a pixel of a picture."""
    from selenium.webdriver import ActionChains

    glass = page.find(selector)
    page.run("arguments[0].scrollIntoView({block: 'center'})", glass)
    size = glass.size
    across = (column + 0.5) / shape[1] - 0.5
    down = (row + 0.5) / shape[0] - 0.5
    ActionChains(page.driver).move_to_element_with_offset(
        glass, across * size["width"], down * size["height"]
    ).click().perform()


def test_it_loads_without_a_word_or_a_request(site):
    with browse(**DESK) as page:
        page.open(site[0] / "page.html")
        page.wait("document.getElementById('stage').dataset.date")
        page.run("choosePlace({row: 1, column: 2})")
        page.wait("$('pixel').dataset.shown")
        for date in range(len(site[1])):
            page.run("chooseDate(arguments[0])", date)
            assert shown_date(page) == date
        assert page.complaints() == []
        asked = page.requests()
    assert asked[0] == (site[0] / "page.html").as_uri()
    assert all(address.startswith(("data:", "blob:")) for address in asked[1:])


def test_it_may_not_reach_the_network(page):
    page.run(
        "window.refused = [];"
        "document.addEventListener('securitypolicyviolation',"
        " (event) => refused.push(event.effectiveDirective));"
        "document.body.append(Object.assign(new Image(), {src: 'http://127.0.0.1:9/a.png'}));"
        "fetch('http://127.0.0.1:9/').catch(() => 0);"
        "document.body.append(Object.assign(document.createElement('script'),"
        " {textContent: 'window.caught = 1'}))"
    )
    page.wait("refused.length === 3")
    assert sorted(page.run("return refused")) == ["connect-src", "img-src", "script-src-elem"]
    assert page.run("return window.caught") is None


def test_the_mask_is_drawn_as_it_is(page, site):
    _, percent = site
    for date in (2, 7, 9):
        slide(page, "#slider", date)
        assert shown_date(page) == date
        colours = page.pixels(VEIL).astype(int)
        own = percent[date]
        assert (colours[..., 3] == np.where(own == UNKNOWN, 0, 255)).all()
        light = colours[..., :3] @ [0.3, 0.59, 0.11]
        known = np.unique(own[own != UNKNOWN])
        # One colour for a number, and lighter ones for larger numbers.
        assert all(len(np.unique(colours[own == number], axis=0)) == 1 for number in known)
        assert (np.diff([light[own == number][0] for number in known]) >= 0).all()


def test_the_slider_changes_the_pictures(page):
    drawn = []
    for date in (0, 7):
        slide(page, "#slider", date)
        assert shown_date(page) == date
        drawn.append([page.pixels(".below", place=place) for place in (0, 1)])
    for clear, cloudy in zip(*drawn, strict=True):
        assert (clear[..., 3] == 255).all()
        assert cloudy[..., :3].mean() > clear[..., :3].mean() + 50


def test_true_colour_is_that_of_the_bands(page, site):
    """Brightness rises with reflectance, alike on all dates and in all three bands."""
    folder, _ = site
    numbers, light = [], []
    files = sorted((folder / "images").glob("*.tif"))
    for date in (0, 2, 7):
        slide(page, "#slider", date)
        assert shown_date(page) == date
        with rasterio.open(files[date]) as raster:
            numbers.append(raster.read([3, 2, 1]).transpose(1, 2, 0).ravel())
        light.append(page.pixels(".below")[..., :3].ravel())
    order = np.argsort(np.concatenate(numbers), kind="stable")
    assert (np.diff(np.concatenate(light)[order].astype(int)) >= 0).all()


def test_dates_by_keyboard(page):
    slide(page, "#slider", 4)
    press(page, "#slider", "ARROW_RIGHT")
    assert shown_date(page) == 5
    press(page, "body", "n")
    press(page, "body", "n")
    press(page, "body", "p")
    assert shown_date(page) == 6
    press(page, "#slider", "HOME")
    press(page, "body", "p")
    assert shown_date(page) == 0
    press(page, "#stage .glass", "PAGE_DOWN")
    assert shown_date(page) == 1
    press(page, ".day[aria-current='date']", "ARROW_RIGHT")
    assert shown_date(page) == 2


def test_the_calendar_leads_to_dates_and_tells_their_shares(page, site):
    _, percent = site
    days = page.run(
        "return [...document.querySelectorAll('.day')].map((day) => [day.title, day.className])"
    )
    assert len(days) == len(percent)
    for (title, kind), own in zip(days, percent, strict=True):
        known = own[own != UNKNOWN]
        told = f"{100 * (known >= 50).mean():.0f} % masked" if known.size else "no observation"
        assert title.endswith(f": {told}")
        assert ("none" in kind) == (not known.size)
    page.run("document.querySelectorAll('.day')[7].click()")
    assert shown_date(page) == 7


def test_swipe_and_opacity(page):
    page.find("input[value='over']").click()
    page.find("#outline").click()
    slide(page, "#slider", 2)
    assert shown_date(page) == 2
    page.run("for (const edge of document.querySelectorAll('.edge')) edge.remove()")

    def look(*, swipe, opacity):
        slide(page, "#swipe", swipe)
        slide(page, "#opacity", opacity)
        return page.shot("#stage .glass")

    image, mask = look(swipe=100, opacity=100), look(swipe=0, opacity=100)
    assert np.abs(image - mask).mean() > 0.05
    assert (look(swipe=0, opacity=0) == image).all()
    half = look(swipe=0, opacity=50)
    # But for the seams between pixels, and the round corners.
    assert (np.abs(half - (image + mask) / 2) < 0.02).mean() > 0.99
    swiped = look(swipe=50, opacity=100)
    middle = swiped.shape[1] // 2
    assert (swiped[:, : middle - 2] == image[:, : middle - 2]).all()
    assert (swiped[:, middle + 2 :] == mask[:, middle + 2 :]).all()


def test_the_outline_runs_between_masked_pixels_and_others(page, site):
    _, percent = site
    slide(page, "#slider", 2)
    shown_date(page)
    lines = page.pixels("#stage canvas.lines")[..., 3] > 0
    masked = (percent[2] >= 50) & (percent[2] != UNKNOWN)
    scale = lines.shape[0] // masked.shape[0]
    # Half way along each side between two pixels.
    half, ends = scale // 2, slice(scale, None, scale)
    beside = lines[half::scale, ends]
    below = lines[ends, half::scale]
    assert (beside == (masked[:, 1:] != masked[:, :-1])).all()
    assert (below == (masked[1:] != masked[:-1])).all()
    page.find("#outline").click()
    page.wait(
        "!$('stage').querySelector('.lines').getContext('2d').getImageData(0, 0, 999, 999)"
        ".data.some(Boolean)"
    )


def test_classes_take_the_place_of_probability(page, site):
    folder, _ = site
    slide(page, "#slider", 2)
    page.find("input[value='classes']").click()
    shown_date(page)
    assert "thin cloud" in page.text("#legend")
    with rasterio.open(folder / "classes.tif") as raster:
        classes = raster.read(3)
    colours = page.pixels(f"#stage {VEIL}")
    assert tuple(colours[classes == 0][0]) == (0x1A, 0x98, 0x50, 255)
    assert tuple(colours[classes == 1][0]) == (255, 255, 255, 255)
    assert (colours[classes == UNKNOWN][:, 3] == 0).all()


def test_a_click_opens_the_chart_with_the_numbers_of_the_files(page, site):
    folder, percent = site
    shape, row, column = percent.shape[1:], 12, 5
    assert page.run("return $('chart').children.length") == 0
    click_pixel(page, "#stage .glass", row, column, shape)
    page.wait(f"($('pixel').dataset.shown || '').startsWith('{column} {row} ')")
    assert page.text("#place").startswith(f"Column {column}, row {row} ")
    assert page.run("return $('chart').querySelectorAll('rect').length") == (
        (percent[:, row, column] != UNKNOWN).sum()
    )
    page.find("#numbers summary").click()
    page.wait("$('numbers').querySelectorAll('tbody tr').length")
    told = page.run(
        "return [...$('numbers').querySelectorAll('tr')].map("
        "(row) => [...row.cells].map((cell) => cell.textContent))"
    )
    assert told[0] == [
        *("Date", "Probability %", "B02", "B02 clear sky"),
        *("B8A", "B8A clear sky", "B11", "B11 clear sky"),
    ]
    values = [["nan" if cell == "–" else cell for cell in line] for line in told[1:]]
    cells = np.array([line[1:] for line in values], float)
    own = percent[:, row, column].astype(float)
    np.testing.assert_array_equal(cells[:, 0], np.where(own == UNKNOWN, np.nan, own))
    seen, clear = expected_series(folder, row, column)
    np.testing.assert_allclose(cells[:, 1::2], seen, atol=0.00051)
    np.testing.assert_allclose(cells[:, 2::2], clear, atol=0.00051)


def expected_series(folder, row, column):
    """(T, 3) reflectance in B02, B8A and B11 as GDAL reads it, and under the mask's clear sky."""
    files = sorted((folder / "images").glob("*.tif"))
    seen = []
    for file in files:
        with rasterio.open(file) as raster:
            places = [raster.descriptions.index(band) + 1 for band in ("B02", "B8A", "B11")]
            seen.append(raster.read(places)[:, row, column] / 1e4)
    stack = find_stack(str(folder / "images"))
    place = find_place(stack, column, row, given="pixel")
    weights = load_weights(default_weights())
    series = explain_pixel(stack, place, weights, device=torch.device("cpu"))
    return np.array(seen), series.evidence.clear_sky.T


def test_a_pixel_by_keyboard_and_by_coordinates(page, site):
    folder, percent = site
    height, width = percent.shape[1:]
    press(page, "#stage .glass", "ENTER")
    page.wait("state.place")
    start = page.run("return state.place")
    press(page, "#stage .glass", "ARROW_RIGHT", "ARROW_DOWN", "ARROW_DOWN")
    now = page.run("return state.place")
    assert (now["row"], now["column"]) == (start["row"] + 2, start["column"] + 1)
    press(page, "#stage .glass", *["ARROW_UP"] * (height + 3))
    assert page.run("return state.place.row") == 0
    with rasterio.open(folder / "mask.tif") as raster:
        x, y = raster.xy(9, 7)
    page.run("$('coordinates').value = ''")
    press(page, "#coordinates", f"{x + 2} {y - 3}", "ENTER")
    page.wait("($('pixel').dataset.shown || '').startsWith('7 9 ')")
    assert f"{x:.10g} {y:.10g} (EPSG:32631)" in page.text("#place")
    press(page, "#coordinates", " 3", "ENTER")
    assert "Two numbers" in page.text("#lost")
    assert page.run("return state.place.column") == 7
    assert width > 7


def in_sight(page, selector):
    """Whether an element, or as much of it as can be, lies within the window."""
    box = page.run("return document.querySelector(arguments[0]).getBoundingClientRect()", selector)
    return box["top"] > -1 and box["bottom"] < page.run("return innerHeight") + 1


def test_a_click_leads_to_the_chart_and_arrows_leave_pictures_in_sight(page, site):
    _, percent = site
    glass = "#stage .glass"
    page.run("scrollTo(0, 0)")
    assert not in_sight(page, "#chart")
    press(page, glass, "ENTER", "ARROW_RIGHT")
    page.wait("$('pixel').dataset.shown")
    assert not in_sight(page, "#chart")
    place = page.run("return [state.place.column, state.place.row].join(', row ')")
    told = page.run("return $('told').textContent")
    assert told == f"Column {place} · {page.text('#readout')}"
    click_pixel(page, glass, 12, 5, percent.shape[1:])
    page.wait("($('pixel').dataset.shown || '').startsWith('5 12 ')")
    assert page.text("#told").startswith("Column 5, row 12 · ")
    page.wait("document.querySelector('#chart svg').getBoundingClientRect().bottom <= innerHeight")
    assert in_sight(page, "#chart")


def test_a_valid_choice_clears_the_complaint(page, site):
    _, percent = site
    ways = (
        lambda: press(page, "#stage .glass", "ARROW_RIGHT"),
        lambda: click_pixel(page, "#stage .glass", 3, 2, percent.shape[1:]),
        lambda: press(page, "#coordinates", *"500005 4999995", "ENTER"),
    )
    for choose in ways:
        page.run("$('coordinates').value = ''")
        press(page, "#coordinates", "3", "ENTER")
        assert "Two numbers" in page.text("#lost")
        page.run("$('coordinates').value = ''")
        choose()
        assert page.text("#lost") == ""


def test_years_keep_the_focus_and_follow_the_date(window, tmp_path):
    names = ("2018-01-06", "2018-11-21", "2019-01-22", "2019-03-07")
    write_finished(tmp_path / "mask.tif", percents(), names=names)
    write_report(ReportOrder(mask=tmp_path / "mask.tif"), tmp_path / "page.html")
    window.open(tmp_path / "page.html")
    window.wait("document.getElementById('stage').dataset.date")
    window.run("chooseDate(1); choosePlace({row: 30, column: 40})")
    window.wait("!$('years').hidden")
    pressed = (
        "[...$('years').querySelectorAll('[aria-pressed=true]')].map((b) => b.textContent).join()"
    )
    assert window.run(f"return {pressed}") == "All"
    window.run("document.querySelector('[data-year=\"2018\"]').focus()")
    press(window, "[data-year='2018']", "ENTER")
    window.wait(f"{pressed} === '2018'")
    assert window.run("return document.activeElement.textContent") == "2018"
    press(window, "[data-year='2018']", "p")
    window.wait("$('pixel').dataset.shown.endsWith('2018-01-06')")
    assert window.run(f"return {pressed}") == "2018"
    press(window, "[data-year='2018']", "n", "n")
    window.wait("$('pixel').dataset.shown.endsWith('2019-01-22')")
    assert window.run(f"return {pressed}") == "2019"
    assert window.run("return $('chart').querySelectorAll('rect').length") == (
        (percents()[2:, 30, 40] != UNKNOWN).sum()
    )
    assert window.run("return document.activeElement.textContent") == "2018"


def test_keys_in_a_text_are_letters(page):
    before = shown_date(page)
    press(page, "#coordinates", "n", "n", "p")
    assert shown_date(page) == before


def test_maps_show_what_all_dates_add_up_to(page, site):
    _, percent = site
    page.wait("frames.maps.length === 3")
    told = page.run(
        "return [...document.querySelectorAll('#maps figcaption')].map((c) => c.innerText)"
    )
    clear = (percent < 50).sum(0)
    seen = (percent != UNKNOWN).any(0)
    assert f"{clear[seen].min()} to {clear.max()} dates" in told[1].replace("\n", " ")
    always = page.pixels("#maps canvas.below", place=2)
    assert (always[..., 3] == np.where(seen, 255, 0)).all()
    masked = seen & (clear == 0)
    assert masked[8, 2]
    assert (always[masked] == always[8, 2]).all()
    assert (always[seen & ~masked] != always[8, 2]).any(axis=-1).all()


def test_worst_dates_lead_to_their_pictures(page):
    name = page.text("#worst button")
    page.run("chooseDate(13)")
    page.find("#worst button").click()
    shown_date(page)
    assert page.text("#date") == name


@pytest.mark.parametrize("view", ["beside", "over"])
def test_a_phone_scrolls_one_way(site, view):
    with browse(**PHONE) as page:
        page.open(site[0] / "page.html")
        page.wait("document.getElementById('stage').dataset.date")
        page.run("document.querySelector(`input[value=${arguments[0]}]`).click()", view)
        page.run("$('numbers').open = true; choosePlace({row: 3, column: 3})")
        page.wait("$('numbers').querySelectorAll('tbody tr').length")
        assert page.run("return document.documentElement.scrollWidth") <= PHONE["width"]
        box = page.run("return document.querySelector('#stage .glass').getBoundingClientRect()")
        assert box["left"] >= 0
        assert box["right"] <= PHONE["width"]


def test_a_phone_shows_pictures_before_tools(site):
    with browse(**PHONE) as page:
        page.open(site[0] / "page.html")
        page.wait("document.getElementById('stage').dataset.date")
        tops = page.run(
            "return ['.bar', '#stage .glass', '.tools'].map((one) =>"
            " document.querySelector(one).getBoundingClientRect().top)"
        )
        assert tops == sorted(tops)
        assert tops[1] < 0.6 * PHONE["height"]


def test_it_is_dark_in_the_dark(site):
    looks = []
    for dark in (False, True):
        with browse(**DESK, dark=dark) as page:
            page.open(site[0] / "page.html")
            page.wait("document.getElementById('stage').dataset.date")
            style = "getComputedStyle(document.querySelector('#viewer'))"
            looks.append(
                [page.run(f"return {style}.{name}") for name in ("color", "backgroundColor")]
            )
    light = [[sum(map(int, text[4:-1].split(","))) for text in pair] for pair in looks]
    assert light[0][0] < 200 < 600 < light[0][1]
    assert light[1][1] < 200 < 600 < light[1][0]


def test_every_control_has_a_name(page):
    unnamed = page.run(
        "return [...document.querySelectorAll('button, input, [tabindex]')].filter((node) =>"
        " !node.getAttribute('aria-label') && !node.textContent.trim()"
        " && !node.closest('label')?.textContent.trim()).map((node) => node.outerHTML)"
    )
    assert unnamed == []


def test_a_tag_does_no_harm(window, tmp_path):
    evil = "</script><script>window.caught = 1</script><img src=x onerror='window.caught = 2'>"
    names = ("2018-01-06", "2018-01-21", "2018-01-22", "2018-03-07")
    tags = {"AM4CM_WEIGHTS": evil, "AM4CM_TARGET": evil, "AM4CM_METHOD": f'"{evil}'}
    write_finished(tmp_path / "a<b>&'mask.tif", percents(), tags=tags, names=names)
    write_report(ReportOrder(mask=tmp_path / "a<b>&'mask.tif"), tmp_path / "page.html")
    window.open(tmp_path / "page.html")
    window.wait("document.getElementById('stage').dataset.date")
    assert window.run("return window.caught") is None
    assert window.complaints() == []
    assert evil in window.text("#made")
    assert window.text("h1") == "a<b>&'mask.tif"
    assert window.run("return document.querySelectorAll('script').length") == 2


def test_a_mask_alone(window, tmp_path):
    numbers = percents()
    names = ("2018-01-06", "2018-01-21", "2018-01-22", "2018-03-07")
    write_finished(tmp_path / "mask.tif", numbers, names=names)
    write_report(ReportOrder(mask=tmp_path / "mask.tif"), tmp_path / "page.html")
    window.open(tmp_path / "page.html")
    window.wait("document.getElementById('stage').dataset.date")
    window.run("choosePlace({row: 30, column: 40})")
    window.wait("$('pixel').dataset.shown")
    told = window.run("return $('readout').textContent")
    date = window.run("return state.date")
    assert told == f"{names[date]} · probability {numbers[date, 30, 40]} %"
    assert window.complaints() == []


def test_one_date_and_nothing_to_see(window, tmp_path):
    write_finished(tmp_path / "one.tif", percents()[:1], names=("2018-01-06",))
    write_stack(tmp_path / "images", days=every_days(6), shape=(12, 9))
    stack = find_stack(str(tmp_path / "images"))
    nothing = np.full((6, 12, 9), UNKNOWN, np.uint8)
    write_mask(tmp_path / "none.tif", stack, nothing)
    orders = (
        ReportOrder(mask=tmp_path / "one.tif"),
        ReportOrder(mask=tmp_path / "none.tif", stack=stack),
    )
    for place, order in enumerate(orders):
        path = tmp_path / f"{place}.html"
        write_report(order, path)
        window.open(path)
        window.wait("document.getElementById('stage').dataset.date")
        window.run("choosePlace({row: 1, column: 1})")
        window.wait("$('pixel').dataset.shown && frames.maps.length === 3")
        assert window.complaints() == []
    assert "no observation" in window.text("#share")
    assert "probability" not in window.text("#readout")


def test_flanders(shared, window, tmp_path):
    """Real images of many dates."""
    stack = find_stack(str(shared / "flanders-2018" / "images"))
    percent = np.zeros((len(stack.scenes), *stack.grid.shape), np.uint8)
    write_mask(tmp_path / "mask.tif", stack, percent)
    size = write_report(
        ReportOrder(mask=tmp_path / "mask.tif", stack=stack), tmp_path / "page.html"
    )
    assert size < 25_000_000
    window.open(tmp_path / "page.html")
    window.wait("document.getElementById('stage').dataset.date")
    assert window.run("return FACTS.names.length") == 118
    assert window.complaints() == []
