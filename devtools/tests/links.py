#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""links.py --text REPOSITORY | --html FOLDER...: name links that lead nowhere

--text: what Markdown files link to in the repository, and files of the repository that
Markdown files and guides name, in fixed-width letters, by their path from its root.

--html: what pages below the folders link to or show, and the place in that page.

Links to other machines are not followed. One line for each; exits with 1 if there is any.
"""

import glob
import os
import re
import sys
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

FENCED = re.compile(r'^(```|~~~).*?^\1', re.M | re.S)
MD_LINK = re.compile(r'\]\(([^()\s]+)\)')
MD_HEADING = re.compile(r'^#+ +(.*?) *#*$', re.M)
NAMED = re.compile(r'`([^`\s]+/[^`\s]*)`')
# What is named below one of these has to be there: not a/b of any two words, nor what is in
# the kernel's folders.
FOLDERS = ('app/', 'buildtools/', 'devtools/', 'doc/', 'drivers/bus/', 'drivers/common/',
           'drivers/net/', 'examples/', 'kernel/linux/', 'usertools/', '.ci/')


def read(path):
    with open(path, encoding='utf-8') as file:
        return file.read()


def files(folder, *ends):
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders
                      if name != '.git' and not re.fullmatch(r'build(-.*)?', name)]
        yield from (os.path.join(parent, name) for name in names if name.endswith(ends))


def slugs(path):
    """The places in a Markdown file that GitHub lets links lead to."""
    return {re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-')
            for heading in MD_HEADING.findall(FENCED.sub('', read(path)))}


def dead_markdown(path):
    for link in MD_LINK.findall(FENCED.sub('', read(path))):
        url = urlsplit(link)
        if url.scheme or link.startswith('@'):
            continue
        target = os.path.join(os.path.dirname(path), unquote(url.path)) if url.path else path
        if not os.path.exists(target):
            yield link
        elif url.fragment and target.endswith('.md') and url.fragment not in slugs(target):
            yield link


def dead_names(root, path):
    """Globs and {a,b} are names of what they stand for; <...> is for the reader to fill in."""
    for name in NAMED.findall(read(path)):
        if not name.startswith(FOLDERS) or '<' in name or '{' in name:
            continue
        # tree/file.c:12, and the end of a sentence
        if not glob.glob(os.path.join(root, re.sub(r'(:\d+|[.,;])$', '', name))):
            yield name


class Page(HTMLParser):
    """Links of a page, and the places that it has."""

    def __init__(self, path):
        super().__init__()
        self.links, self.places = [], set()
        self.feed(read(path))

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name == 'id' or (tag == 'a' and name == 'name'):
                self.places.add(value)
            elif name in ('href', 'src') and value:
                self.links.append(value)


def dead_html(folders):
    pages = {os.path.realpath(path): Page(path)
             for folder in folders for path in files(folder, '.html')}
    if not pages:
        yield '%s: has no pages' % ' '.join(folders)
    for path, page in sorted(pages.items()):
        for link in page.links:
            url = urlsplit(link)
            if url.scheme or url.netloc:
                continue
            target = os.path.join(os.path.dirname(path), unquote(url.path)) if url.path else path
            target = os.path.realpath(target)
            if not os.path.isfile(target):
                yield '%s: %s' % (path, link)
            elif url.fragment and target in pages and \
                    unquote(url.fragment) not in pages[target].places:
                yield '%s: %s' % (path, link)


def dead_text(root):
    for path in sorted(files(root, '.md')):
        for link in dead_markdown(path):
            yield '%s: %s' % (path, link)
    for path in sorted(files(root, '.md', '.rst')):
        for name in dead_names(root, path):
            yield '%s: %s' % (path, name)


def main():
    kind, *folders = sys.argv[1:]
    dead = list(dead_html(folders) if kind == '--html' else dead_text(folders[0]))
    for line in dead:
        print(line)
    return 1 if dead else 0


if __name__ == '__main__':
    sys.exit(main())
