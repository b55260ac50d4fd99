"""The documentation as a site: whole, from no place but its own, and easy to use."""

import importlib
import os
import re
import subprocess
import sys
import threading
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Annotated

import pytest
import typer

from am4cm_cli.app import app
from pages import ROOT, at_hand

LOADING = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}
"""Attributes that have a browser fetch something."""
DESK, PHONE = {"width": 1280}, {"width": 390, "height": 844}


class Fetched(HTMLParser):
    """What a page has a browser fetch, and the page's words."""

    def __init__(self, path):
        super().__init__()
        self.addresses, self.words = [], []
        self.feed(path.read_text())

    def handle_starttag(self, tag, attrs):
        self.addresses += [value for name, value in attrs if LOADING.get(tag) == name]

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join("".join(self.words).split())


def hook(name, monkeypatch):
    """A file of docs/hooks, where MkDocs is there for it to import."""
    pytest.importorskip("mkdocs")
    monkeypatch.syspath_prepend(ROOT / "docs" / "hooks")
    return importlib.import_module(name)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the site, built as `make docs` does."""
    if not at_hand("mkdocs") or not at_hand("mkdocstrings"):
        pytest.skip("no MkDocs")
    folder = tmp_path_factory.mktemp("site")
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder]
    env = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(words, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return folder


@pytest.fixture(scope="module")
def address(site):
    """Where the site is served."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *words):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=site))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture
def browse():
    return pytest.importorskip("browsers").browse


def test_every_page_is_there(site):
    written = {path.stem for path in (ROOT / "docs").glob("*.md")}
    built = {path.stem for path in site.glob("*.html")}
    assert written | {"index", "changelog", "weights", "model-card", "404"} == built
    text = Fetched(site / "index.html").text
    assert "Cloud masks for Sentinel-2 time series" in text
    assert "simulate site" not in text, "a hidden block is shown"


def test_no_mark_of_a_block_is_shown(site):
    pages = [Fetched(path).text for path in site.rglob("*.html")]
    assert not [text for text in pages if re.search(r"```|text output|not run:", text)]


def test_each_command_has_a_page_with_all_that_its_help_names(site):
    program = typer.main.get_command(app)
    assert len(program.commands) > 10
    for name, command in program.commands.items():
        text = Fetched(site / "commands" / f"am4cm-{name}.html").text
        context = typer.Context(command, info_name=name)
        for parameter in command.get_params(context):
            names, words = parameter.get_help_record(context)
            assert names in text, name
            assert " ".join(words.split()) in text, name


def test_a_page_of_a_command_by_hand(monkeypatch):
    own = typer.Typer()

    @own.command(epilog="Examples:\n  paint a_b\n  paint --red\n\nExit code: 0.")
    def paint(
        wall: str,
        red: Annotated[bool, typer.Option("--red", help="As 1 < 2 | *so*.")] = False,
        wide: Annotated[int, typer.Option(help="Metres.", rich_help_panel="Sizes")] = 3,
    ):
        """Paint it."""

    command = typer.main.get_command(own)
    page = hook("commands", monkeypatch).describe(typer.Context(command, info_name="paint"))
    head, arguments, options, sizes = page.split("\n\n## ")
    assert head.startswith("# paint\n\nPaint it.\n\n```text\npaint [OPTIONS] ")
    assert head.endswith("Examples:\n\n```text\npaint a_b\npaint --red\n```")
    assert arguments.startswith("Arguments\n\n| | what it is |\n|---|---|\n| `")
    assert "| `--red` | As 1 &lt; 2 \\| \\*so\\*. |" in options
    assert sizes.startswith("Sizes\n")
    assert sizes.endswith("Exit code: 0.\n")


def test_links_are_moved_and_named_as_in_the_site(monkeypatch):
    sources = hook("sources", monkeypatch)

    def shown(uri, markdown):
        page = SimpleNamespace(file=SimpleNamespace(src_uri=uri))
        return sources.on_page_markdown(markdown, page, None, None)

    text = "See [docs/own-data.md](docs/own-data.md#a), [w](weights/README.md), ![p](docs/p/a.png)."
    assert (
        shown("index.md", text) == "See [own data](own-data.md#a), [w](weights.md), ![p](p/a.png)."
    )
    back = "[../weights/README.md](../weights/README.md), [out](https://a.b/c.md), [here](#x)"
    assert shown("method.md", back) == "[weights](weights.md), [out](https://a.b/c.md), [here](#x)"
    marked = (
        "<!-- sh run\nmkdir a\n-->\n\n```sh run needs b\nls\n```\n```sh not run: a GPU\nls\n```\n"
    )
    assert shown("gpu.md", marked) == "```sh\nls\n```\n```sh\nls\n```\n"


def test_the_reference_has_what_programs_import(site):
    text = Fetched(site / "api.html").text
    for name in ("cloud_probability", "find_stack", "StackOptions", "mask_stack", "Am4cmError"):
        assert name in text
    assert "0 to 1, NaN where there is no observation" in text


def test_nothing_is_fetched_from_elsewhere(site):
    addresses = {a for path in site.rglob("*.html") for a in Fetched(path).addresses}
    assert len(addresses) > 10
    assert not [a for a in addresses if re.match(r"[a-z]+:|//", a, re.I)]
    styles = "".join(path.read_text() for path in site.rglob("*.css"))
    assert not re.findall(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//[^)\s]*", styles)


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_pages_load_in_a_browser_from_here_alone(address, browse, size, dark):
    with browse(**size, dark=dark) as page:
        for name in ("index", "tutorial", "attention", "commands/am4cm-mask", "api"):
            page.driver.get(f"{address}{name}.html")
            page.wait("document.readyState === 'complete'")
            assert page.run("return document.body.dataset.mdColorScheme") == (
                "slate" if dark else "default"
            )
            wide = "return document.documentElement.scrollWidth - window.innerWidth"
            assert page.run(wide) <= 0, name
        assert not page.complaints()
        own = (address, "data:", "blob:")
        asked = [url for url in page.requests() if not url.startswith("chrome")]
        assert len(asked) > 10
        assert not [url for url in asked if not url.startswith(own)]


def test_the_search_finds_pages(address, browse):
    with browse(**DESK) as page:
        page.driver.get(f"{address}index.html")
        page.wait("document.readyState === 'complete'")
        page.find("input.md-search__input").send_keys("snow that lasts")
        page.wait("document.querySelector('.md-search-result__link')")
        links = page.run(
            "return [...document.querySelectorAll('.md-search-result__link')].map(a => a.href)"
        )
        assert any("method.html" in link for link in links)
        assert not page.complaints()
