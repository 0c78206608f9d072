"""The pages in a real browser: each reader's journey, both themes, full and empty, and no stranger asked.

The pages run from a folder full of files that could shadow ours; the service is a fake that
speaks the contract's JSON in its own process. Chromium is the system's; where it is missing
the tests are skipped by name, and in CI they fail.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, ImageStat
from playwright.sync_api import Browser, Page, TimeoutError, expect, sync_playwright

FAKE_SERVICE = Path(__file__).parents[1] / "unit" / "dashboard" / "fake_service.py"
RECOMMENDATION = "rec-00000000000000a1"
NAMES = ("chromium", "chromium-browser", "google-chrome")
LAUNCH = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
SHADOWS = ("model.py", "trainer.py", "advisor.py", "dashboard.py", "app.py", "tables.py", "streamlit.py")
PATIENCE_MS = 30_000
expect.set_options(timeout=PATIENCE_MS)
PAGES = {
    "overview": "/?page=overview",
    "where_to_run": f"/?page=where_to_run&recommendation={RECOMMENDATION}",
    "runs": "/?page=runs",
}
CHARTS = {"overview": 1, "where_to_run": 3, "runs": 2}

pytestmark = pytest.mark.browser
Visit = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        reason = f"no browser: none of {', '.join(NAMES)} is on the path; apt-get install chromium"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=LAUNCH)
        yield started
        started.close()


@pytest.fixture(scope="module")
def hostile_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reader's folder whose files would break us if anything of ours imported or read them."""
    folder = tmp_path_factory.mktemp("reader")
    for name in SHADOWS:
        (folder / name).write_text(f"raise SystemExit('the reader\\'s {name} was imported')\n")
    (folder / ".streamlit").mkdir()
    (folder / ".streamlit" / "config.toml").write_text("this is not TOML\n")
    return folder


@contextmanager
def pages(world: str, folder: Path) -> Iterator[str]:
    """Run the fake service and the pages that read it; yield the pages' address."""
    fake = subprocess.Popen(
        [sys.executable, str(FAKE_SERVICE), world], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert fake.stdout is not None
    service, port = fake.stdout.readline().strip(), free_port()
    started = "from dashboard.launch import main; main()"
    arguments = [sys.executable, "-P", "-c", started, "--url", service, "--port", str(port)]
    log = (folder / f"{world}.log").open("w")
    shown = subprocess.Popen(arguments, cwd=folder, stdout=log, stderr=subprocess.STDOUT)
    try:
        await_answer(f"http://127.0.0.1:{port}/_stcore/health", shown)
        yield f"http://127.0.0.1:{port}"
    finally:
        for process in (shown, fake):
            process.terminate()
            process.wait(timeout=20)


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


def await_answer(address: str, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"the pages ended with exit code {process.returncode} before they answered")


@pytest.fixture(scope="module")
def full(browser: Browser, hostile_folder: Path) -> Iterator[str]:
    with pages("full", hostile_folder) as address:
        yield address


@pytest.fixture(scope="module")
def empty(browser: Browser, hostile_folder: Path) -> Iterator[str]:
    with pages("empty", hostile_folder) as address:
        yield address


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """Open an address in a fresh browser context, light or dark; contexts end with the test."""
    contexts = []

    def opened(address: str, theme: str = "light") -> Page:
        context = browser.new_context(color_scheme=theme, viewport={"width": 1440, "height": 1000})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(address)
        expect(page.get_by_role("heading", level=1)).to_be_visible(timeout=PATIENCE_MS)
        return page

    yield opened
    for context in contexts:
        context.close()


def drawn(page: Page, charts: int) -> Page:
    """Wait until the page shows that many charts and nothing is still running."""
    expect(page.locator("canvas.marks, svg.marks")).to_have_count(charts)
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    return page


def choose(page: Page, label: str, text: str) -> None:
    """Open a box and take an entry; a box closes by itself when the page moves under it, so try again."""
    box = page.get_by_role("combobox", name=label)
    entry = page.get_by_role("option", name=text)
    for _ in range(10):
        box.scroll_into_view_if_needed()
        box.click()
        try:
            entry.click(timeout=PATIENCE_MS / 10)
        except TimeoutError:
            continue
        return
    raise AssertionError(f"{label} never offered {text}")


def picture(page: Page) -> Image.Image:
    return Image.open(BytesIO(page.screenshot())).convert("L")


def test_the_ml_lead_finds_where_to_launch_and_reads_the_interval(full: str, visit: Visit) -> None:
    page = drawn(visit(f"{full}/where_to_run"), charts=0)
    choose(page, "GPU model", "V100-16GB")
    page.get_by_role("button", name="Rank pools").click()
    expect(page.get_by_role("heading", name="Launch llm-30b on aws name:us-east-1a")).to_be_visible()
    expect(page.get_by_text("P10 $0.933 – P90 $0.971")).to_be_visible()
    expect(page.get_by_text("97 %").first).to_be_visible()
    expect(page.get_by_test_id("stCode").first).to_contain_text("--rank 1")
    assert f"recommendation={RECOMMENDATION}" in page.url  # A link to send on.


def test_the_ml_lead_reads_why_another_pool_is_worse(full: str, visit: Visit) -> None:
    page = drawn(visit(full + PAGES["where_to_run"]), charts=3)
    choose(page, "Option", "gcp us-central1-f")
    expect(page.get_by_text("a hazard borrowed from 9 other pools")).to_be_visible()
    expect(page.get_by_test_id("stCode").first).to_contain_text("--rank 4")


def test_the_finance_lead_reads_the_saving_and_its_baseline(full: str, visit: Visit) -> None:
    page = drawn(visit(full), charts=1)
    expect(page.get_by_test_id("stMetric").filter(has_text="Saved, realised")).to_contain_text("$660.73")
    expect(page.get_by_test_id("stMetric").filter(has_text="On-demand would have cost")).to_contain_text(
        "$979.20"
    )
    expect(page.get_by_text("hours lost to preemptions are in what was paid")).to_be_visible()
    page.get_by_text("Read as a table").click()
    row = page.get_by_role("row").filter(has_text="run-00000000000000a1")
    expect(row).to_contain_text("$304.00 ($298.56 – $310.72)")
    expect(page.get_by_text("Run run-00000000000000b2: not done; its cost is not final.")).to_be_visible()


def test_a_link_to_a_run_opens_that_run_and_leads_to_its_recommendation(full: str, visit: Visit) -> None:
    page = drawn(visit(f"{full}/?page=runs&run=run-00000000000000b2"), charts=1)
    expect(page.get_by_role("heading", name="llm-30b: running")).to_be_visible()
    page.get_by_text("The recommendation behind this run").click()
    expect(page.get_by_role("heading", name="Launch llm-30b on")).to_be_visible()
    assert f"recommendation={RECOMMENDATION}" in page.url


@pytest.mark.parametrize(
    ("world", "name", "charts"),
    [("full", name, count) for name, count in CHARTS.items()] + [("empty", "where_to_run", 0)],
)
def test_a_page_is_light_or_dark_as_the_browser_asks_and_every_chart_has_its_table(
    world: str, name: str, charts: int, request: pytest.FixtureRequest, visit: Visit
) -> None:
    address = request.getfixturevalue(world) + (PAGES[name] if world == "full" else f"/?page={name}")
    brightness = {}
    for theme in ("light", "dark"):
        page = drawn(visit(address, theme), charts=charts)
        assert page.get_by_text("Read as a table").count() == charts
        statistics = ImageStat.Stat(picture(page))
        brightness[theme] = statistics.mean[0]
        assert statistics.stddev[0] > 5, "the picture is one colour"
    assert brightness["light"] > 200
    assert brightness["dark"] < 60


def test_the_pages_ask_nobody_but_their_own_server(full: str, visit: Visit) -> None:
    asked: list[str] = []
    page = visit(full)
    page.on("request", lambda request: asked.append(request.url))
    for name in PAGES:
        page.goto(full + PAGES[name])
        drawn(page, charts=CHARTS[name])
    strangers = [
        url for url in asked if not url.startswith((full, full.replace("http", "ws"), "data:", "blob:"))
    ]
    assert asked
    assert strangers == []


def test_the_page_names_its_language_and_is_reached_by_keyboard(full: str, visit: Visit) -> None:
    page = drawn(visit(full + PAGES["where_to_run"]), charts=3)
    assert page.evaluate("document.documentElement.lang") == "en"
    reached = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate("document.activeElement.innerText || document.activeElement.ariaLabel || ''")
        )
    told = "\n".join(reached)
    assert "Runs" in told
    assert "Describe the job" in told
    assert "Read as a table" in told


def test_a_recommendation_nobody_made_is_a_sentence(full: str, visit: Visit) -> None:
    page = visit(f"{full}/where_to_run?recommendation=rec-ffffffffffffffff")
    expect(page.get_by_text("There is no /v1/recommendations/rec-ffffffffffffffff here.")).to_be_visible()
    expect(page.get_by_text("Describe the job")).to_be_visible()


def test_an_empty_service_says_what_to_type(empty: str, visit: Visit) -> None:
    page = visit(f"{empty}/where_to_run")
    expect(page.get_by_text("No market history has been collected")).to_be_visible()
    expect(page.get_by_text("lowtide collect sample")).to_be_visible()
