#!/usr/bin/env python3
"""Plain text of Debian's documentation packages, for quality_kl.py: FOLDER/PACKAGE.txt each. Needs apt-get and dpkg.

    quality_text.py FOLDER PACKAGE...

Of a package's HTML and text files of more than 3,000 bytes forty are taken, evenly spaced, without translations; of each 20,000 characters
behind its first tenth, which is mostly contents; 150,000 characters in all.
"""

import argparse
import gzip
import html.parser
import pathlib
import re
import subprocess
import tempfile

FILES, EACH, TOTAL, SMALLEST = 40, 20_000, 150_000, 3_000
BREAKS = {"p", "div", "li", "h1", "h2", "h3", "h4", "br", "tr", "pre", "dt", "dd"}
SKIPPED = {"script", "style", "head"}


class Text(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.parts, self.skipping = [], 0

    def handle_starttag(self, tag, attributes):
        self.skipping += tag in SKIPPED
        if tag in BREAKS:
            self.parts.append("\n")

    def handle_endtag(self, tag):
        self.skipping -= tag in SKIPPED and self.skipping > 0
        if tag in BREAKS:
            self.parts.append("\n")

    def handle_data(self, data):
        if not self.skipping:
            self.parts.append(data)


def plain(path):
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8", "replace")
    if ".htm" in path.name:
        page = Text()
        page.feed(text)
        text = "".join(page.parts)
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t\r]+\n", "\n", text))


def documents(folder):
    """Its files, in order; where there are folders by language, the English ones."""
    files = [f for f in sorted(folder.rglob("*")) if f.is_file() and not f.is_symlink() and f.stat().st_size > SMALLEST
             and re.search(r"\.(html?|txt)(\.gz)?$", f.name) and not re.search(r"genindex|search|changelog", f.name, re.I)]
    english = [f for f in files if {"en", "en-US"} & set(f.parts)]
    files = english or files
    return [f for f in files if not re.search(r"\.[a-z]{2}(-[a-z]{2})?\.(html?|txt)", f.name) or ".en." in f.name]


def text_of(package):
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["apt-get", "download", "-qq", package], cwd=folder, check=True)
        (archive,) = pathlib.Path(folder).glob("*.deb")
        content = pathlib.Path(folder, "content")
        subprocess.run(["dpkg", "-x", archive, content], check=True)
        files = documents(content)
        texts = [plain(f) for f in files[:: max(1, len(files) // FILES)]]
    return "\n".join(t[len(t) // 10 :][:EACH] for t in texts)[:TOTAL]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("package", nargs="+")
    options = parser.parse_args()
    options.folder.mkdir(exist_ok=True)
    for package in options.package:
        text = text_of(package)
        (options.folder / (package + ".txt")).write_text(text, encoding="utf-8")
        print(f"{package}: {len(text)} characters")


if __name__ == "__main__":
    main()
