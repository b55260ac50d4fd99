"""Pages from elsewhere in the repository brought into the site, and links made to fit it."""

import re
from posixpath import dirname, join, normpath, relpath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ELSEWHERE = {
    "index.md": "README.md",
    "changelog.md": "CHANGELOG.md",
    "weights.md": "weights/README.md",
    "model-card.md": "weights/MODEL_CARD.md",
}
"""What the site shows beside docs/, and where it lies in the repository."""

LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)\s#]+)")
MARK = re.compile(r"^(\s*```\w+) (?:run|not run|output|messages).*$", re.M)
NAMED = re.compile(r"\[(?:\.\./|docs/)?([\w-]+)(?:/README)?\.md\](?=\()")
"""A link's text that is a file's name, as the pages have it where they are read as files."""
COMMENT = re.compile(r"<!--.*?-->\n*", re.S)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages from elsewhere, with links as a page in docs/ would have them."""
    for uri, path in ELSEWHERE.items():
        files.append(File.generated(config, uri, abs_src_path=path))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn names of files in the repository into those of pages, and leave out blocks' marks."""
    uri = page.file.src_uri
    source = ELSEWHERE.get(uri, join("docs", uri))

    def moved(link: re.Match[str]) -> str:
        return relpath(in_site(normpath(join(dirname(source), link[1]))), dirname(uri) or ".")

    shown = MARK.sub(r"\1", COMMENT.sub("", markdown))
    return LINK.sub(moved, NAMED.sub(lambda name: f"[{name[1].replace('-', ' ')}]", shown))


def in_site(path: str) -> str:
    """A file of the repository as the site has it; of one that it has not MkDocs complains."""
    uris = {source: uri for uri, source in ELSEWHERE.items()}
    return uris.get(path, path.removeprefix("docs/"))
