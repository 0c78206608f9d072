"""The pages: what was saved, where to run, what runs did. `streamlit run dashboard/app.py -- --url URL`.

Lays the frame: navigation, the service's address, the age of every source. A page is a module
in `dashboard.views` with a PAGE; adding one means listing it in PAGES. A page that fails says
so in words and leaves the others standing.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

import streamlit as st

from dashboard import pieces, reads
from dashboard.launch import DEFAULT_URL
from dashboard.views import Page, overview, runs, trust, where_to_run
from dashboard.words import plain

HERE = Path(__file__).resolve().parent
ICON = str(HERE / "icon.svg")  # A file: Streamlit would fetch an icon given by name from the network.
PAGES: tuple[Page, ...] = (overview.PAGE, where_to_run.PAGE, runs.PAGE, trust.PAGE)


def main() -> None:
    """Draw the frame and the page that the address names."""
    _leave_the_import_path_alone()
    st.set_page_config(page_title="Lowtide", page_icon=ICON, layout="wide")
    st.logo(ICON, size="large")
    url = _service_url(sys.argv[1:])
    pages = {page.name: _registered(page, url) for page in PAGES}
    st.session_state["pages"] = pages  # For links from one page to another.
    chosen = st.navigation(list(pages.values()))
    _follow_deep_link(pages)
    with st.sidebar:
        _service(url)
    chosen.run()


def _leave_the_import_path_alone() -> None:
    """Streamlit puts this folder on the path, where our `tables` would be taken for PyTables."""
    sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != HERE]


def _service_url(arguments: list[str]) -> str:
    parser = argparse.ArgumentParser(prog="dashboard", add_help=False)
    parser.add_argument("--url", default=DEFAULT_URL)
    return str(parser.parse_known_args(arguments)[0].url).rstrip("/")


def _registered(page: Page, url: str) -> st.Page:
    return st.Page(
        partial(_draw, page, url),
        title=page.title,
        icon=page.icon,
        url_path=page.name,
        default=page is PAGES[0],
    )


def _draw(page: Page, url: str) -> None:
    pieces.heading(page.title, page.question)
    with pieces.trouble_in_words():
        page.show(url)


def _follow_deep_link(pages: dict[str, st.Page]) -> None:
    """Let `/?page=runs&run=…` open that page; a name we do not know is ignored with a note."""
    wanted = st.query_params.get("page")
    if wanted is None:
        return
    rest = {name: value for name, value in st.query_params.items() if name != "page"}
    if wanted in pages:
        st.switch_page(pages[wanted], query_params=rest)
    st.info(f"There is no page called {plain(wanted)}; this is the first one.", icon=":material/info:")


def _service(url: str) -> None:
    """Show which service is read and how old each of its sources is."""
    st.caption(f"Service  \n`{url}`")
    forget = "Forget remembered answers and read the service now."
    if st.button("Ask again", icon=":material/refresh:", help=forget):
        st.cache_data.clear()
        st.rerun()
    with pieces.trouble_in_words(brief=True):
        sources = reads.quality(url)["sources"]
        st.markdown("**How fresh is the data?**")
        for source in sources:
            pieces.source(source)
        if not sources:
            st.caption("No source has been collected yet.")


main()
