"""Reads the title and the links out of an HTML page."""

import warnings
from dataclasses import dataclass
from urllib.parse import urldefrag, urljoin, urlsplit

from bs4 import BeautifulSoup, Tag, XMLParsedAsHTMLWarning

TEXT_MAX_CHARACTERS = 200


@dataclass(frozen=True)
class Link:
    """Where a link leads, absolute and without its fragment, and its words."""

    url: str
    text: str


@dataclass(frozen=True)
class Page:
    """A page's title, description and links; each link once, in the page's order."""

    title: str
    description: str
    links: list[Link]


def read_page(html: bytes, url: str, encoding: str | None = None) -> Page:
    """Read a page that was found at `url`; `encoding` is the one of its HTTP header, if any."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", XMLParsedAsHTMLWarning)  # XHTML is read well enough as HTML
        soup = BeautifulSoup(html, "html.parser", from_encoding=encoding)
    description = soup.find("meta", attrs={"name": "description"})
    return Page(
        title=_words(soup.title),
        description=str(description.get("content") or "").strip() if description else "",
        links=_links(soup, _base(soup, url)),
    )


def _base(soup: BeautifulSoup, url: str) -> str:
    base = soup.find("base", href=True)
    return _join(url, str(base["href"])) or url if base else url


def _links(soup: BeautifulSoup, base: str) -> list[Link]:
    links: dict[str, Link] = {}
    for anchor in soup.find_all("a", href=True):
        url = _join(base, str(anchor["href"]))
        if url and (url not in links or not links[url].text):
            links[url] = Link(url, _words(anchor))
    return list(links.values())


def _join(base: str, href: str) -> str | None:
    """The absolute http(s) URL of a link, or None for anything else (mailto:, javascript:, broken ones)."""
    try:
        url = urldefrag(urljoin(base, href.strip())).url
        parts = urlsplit(url)
    except ValueError:  # such as http://[
        return None
    return url if parts.scheme in ("http", "https") and parts.netloc else None


def _words(tag: Tag | None) -> str:
    return " ".join(tag.get_text(" ").split())[:TEXT_MAX_CHARACTERS] if tag else ""
