"""The guide, as the page shows it: Markdown in `assets/guide`, made into HTML."""

import re
from base64 import b64encode
from dataclasses import dataclass
from functools import cache
from html import escape
from itertools import pairwise

import param
from markdown_it import MarkdownIt

from app.views.assets import FOLDER, asset
from app.views.shell import _Part

COMMENT = re.compile(r"<!--.*?-->\n?", re.DOTALL)
WITHIN = re.compile(r"([a-z-]*)\.md(?:#(.*))?")


@dataclass(frozen=True)
class GuidePage:
    """A page of the guide.

    Attributes
    ----------
    title : str
    html : str
        All but the title. A link to another page has its name in `data-page`.
    """

    title: str
    html: str


def names() -> frozenset[str]:
    """Names of the guide's pages."""
    return frozenset(path.stem for path in (FOLDER / "guide").glob("*.md"))


@cache
def guide_page(name: str) -> GuidePage:
    """A page of the guide, of those in `names`."""
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    reader.add_render_rule("image", _figure)
    tokens = reader.parse(COMMENT.sub("", asset(f"guide/{name}.md")))
    for heading, text in pairwise(tokens):
        if heading.type == "heading_open":
            heading.attrSet("id", anchor(text.content))
    for token in tokens:
        for part in token.children or ():
            if part.type == "link_open":
                _aim(part)
            elif part.type == "image":
                part.attrSet("src", _picture(part.attrGet("src")))
    # A page begins with its title, which stands in the head of what shows it.
    title, rest = tokens[1].content, tokens[3:]
    return GuidePage(title, reader.renderer.render(rest, reader.options, {}))


def anchor(heading: str) -> str:
    """What a link calls a heading."""
    return re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-")


def _aim(link) -> None:
    """Have a link open a page of the guide, or another site in a tab of its own."""
    address = link.attrGet("href")
    within = WITHIN.fullmatch(address)
    if within:
        link.attrs = {"href": "#", "data-page": within[1], "data-anchor": within[2] or ""}
    elif address.startswith(("http:", "https:")):
        link.attrs = {"href": address, "target": "_blank", "rel": "noopener noreferrer"}
    else:
        # A file of the source: there is none to open here.
        link.attrs = {}


def _figure(self, tokens, index, options, env) -> str:
    """A picture, and below it what it shows."""
    caption = escape(tokens[index].content)
    return f'<span class="figure">{self.image(tokens, index, options, env)}{caption}</span>'


@cache
def _picture(name: str) -> str:
    encoded = b64encode((FOLDER / "guide" / name).read_bytes()).decode()
    return f"data:image/png;base64,{encoded}"


class Guide(_Part):
    """Shows one page of the guide over the images.

    Message: "open" with the name of a page.
    """

    page = param.String("", doc="Name of the page in `html`; empty before the first.")
    title = param.String("")
    html = param.String("")
    opened = param.Integer(0, doc="How often a page was opened; changes last.")

    _esm = asset("guide.js")
    _stylesheets = [asset("guide.css")]  # noqa: RUF012 - Panel declares it so

    def __init__(self, **params):
        super().__init__(**params)
        self.on("open", lambda message: self.open(message["page"]), page=str)

    def open(self, name: str) -> None:
        """Show a page; one that is not there is not shown."""
        if name in names():
            page = guide_page(name)
            self.param.update(page=name, title=page.title, html=page.html)
            self.opened += 1
