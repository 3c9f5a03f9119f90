"""Fail if a page of the built site loads a font, script, style or picture from elsewhere."""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path

LOADS = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "link": "href"}
IN_STYLES = re.compile(r"(?:url\(|@import)\s*[\"']?((?:https?:)?//[^\"')]+)")


class Page(HTMLParser):
    """Collects the addresses that a browser fetches to show a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the address, if the tag loads one and it names a host."""
        address = dict(attrs).get(LOADS.get(tag, ""))
        if address and re.match(r"(https?:)?//", address):
            self.loads.append(address)


def main(site: Path) -> None:
    """Print each foreign address with its page, and exit with 1 if there is one."""
    pages = {path: path.read_text() for pattern in ("*.html", "*.css") for path in site.rglob(pattern)}
    found = [
        f"{path}: {address}"
        for path, text in pages.items()
        for address in [*Page(text).loads, *IN_STYLES.findall(text)]
    ]
    print("\n".join(found) or f"{len(pages)} pages and style sheets of {site} load nothing from elsewhere")
    sys.exit(bool(found) or not pages)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
