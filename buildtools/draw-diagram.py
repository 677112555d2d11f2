#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""draw-diagram.py [--check] SOURCE...: make an SVG image of each drawing, beside it

A drawing is text (NAME.txt) that shows what the image (NAME.svg) will: boxes and lines of
Unicode's box-drawing characters, where heavy lines and dashed ones are of another kind than
light ones, arrow heads (< > ^ v as triangles), and words. Lines in front of it begin with #:

    # title: what the image shows, in one line
    # fill KIND: first line of a box; of another one

KIND is one of those in FILLS. What is drawn depends on the drawing alone, to the last byte:
not on fonts, nor on the release of any tool. --check says which images are not what their
drawings give, and writes nothing.
"""

import re
import sys
from html import escape

WIDTH, HEIGHT = 8.6, 19         # of a character, in pixels
MARGIN = 12
FONT = 13.5
FILLS = {
    'plain': '#ffffff',
    'ours': '#ddf4ff',          # of this project
    'other': '#eaeef2',         # of DPDK, the kernel, others
    'memory': '#dafbe1',
    'group': '#f6f8fa',         # what other boxes are in
}
# Of the card that all is drawn on: readable on pages of any colour.
STYLE = '''\
.card { fill: #ffffff; }
.box { stroke: #57606a; stroke-width: 1.3; }
.line { stroke: #57606a; stroke-width: 1.3; fill: none; }
.heavy { stroke: #0969da; stroke-width: 3; fill: none; }
.dashed { stroke: #57606a; stroke-width: 1.3; stroke-dasharray: 4 3; fill: none; }
.head { fill: #57606a; }
.heavyhead { fill: #0969da; }
text { font: %gpx Helvetica, Arial, "Liberation Sans", "DejaVu Sans", sans-serif;
  fill: #1f2328; white-space: pre; }
.first { font-weight: bold; }
''' % FONT

LIGHT, HEAVY, DASHED = 1, 2, 3
CLASSES = {LIGHT: 'line', HEAVY: 'heavy', DASHED: 'dashed'}
# The arms of a character: to the left, right, up, down.
ARMS = {
    '─': '1100', '│': '0011', '┌': '0101', '┐': '1001', '└': '0110', '┘': '1010',
    '├': '0111', '┤': '1011', '┬': '1101', '┴': '1110', '┼': '1111',
    '━': '2200', '┃': '0022', '┏': '0202', '┓': '2002', '┗': '0220', '┛': '2020',
    '┣': '0222', '┫': '2022', '┳': '2202', '┻': '2220', '╋': '2222',
    '┰': '1102', '┸': '1120', '┝': '0211', '┥': '2011', '╂': '1122', '┿': '2211',
    '┄': '3300', '┆': '0033',
}
ARMS = {char: tuple(map(int, arms)) for char, arms in ARMS.items()}
# Where each arm leads, and where an arrow head points.
STEPS = ((-1, 0), (1, 0), (0, -1), (0, 1))
HEADS = {'◀': (-1, 0), '▶': (1, 0), '▲': (0, -1), '▼': (0, 1)}


class Drawing:
    """A drawing: its characters by column and row, from 0."""

    def __init__(self, text):
        lines = text.rstrip('\n').split('\n')
        self.title, self.fills = '', {}
        while lines and (lines[0].startswith('#') or not lines[0].strip()):
            self.directive(lines.pop(0))
        self.rows = lines
        self.columns = max(map(len, lines))

    def directive(self, line):
        found = re.fullmatch(r'# (title|fill (\w+)): (.*)', line)
        if found and found[2]:
            for name in found[3].split(';'):
                self.fills[name.strip()] = FILLS[found[2]]
        elif found:
            self.title = found[3]

    def at(self, column, row):
        if 0 <= row < len(self.rows) and 0 <= column < len(self.rows[row]):
            return self.rows[row][column]
        return ' '

    def arms(self, column, row):
        return ARMS.get(self.at(column, row), (0, 0, 0, 0))

    def edge(self, column, row, arm, end):
        """Follow light lines to the first corner; its column or row, or None."""
        column_step, row_step = STEPS[arm]
        while self.arms(column, row)[arm] == LIGHT:
            column, row = column + column_step, row + row_step
        if self.at(column, row) != end:
            return None
        return column if column_step else row

    def boxes(self):
        """Left, top, right and bottom of each box, large ones first."""
        found = []
        for top, line in enumerate(self.rows):
            for left in (at for at, char in enumerate(line) if char == '┌'):
                right = self.edge(left, top, 1, '┐')
                bottom = self.edge(left, top, 3, '└')
                if right is not None and bottom is not None and \
                        self.edge(left, bottom, 1, '┘') == right and \
                        self.edge(right, top, 3, '┘') == bottom:
                    found.append((left, top, right, bottom))
        return sorted(found, key=lambda box: (box[0] - box[2]) * (box[3] - box[1]))

    def words(self):
        """Column, row and text of each run of words; two spaces divide."""
        line = ''.join(map(re.escape, [*ARMS, *HEADS]))
        for row, text in enumerate(self.rows):
            for found in re.finditer(r'[^\s%s]+( [^\s%s]+)*' % (line, line), text):
                yield found.start(), row, found[0]


def x(column):
    return MARGIN + (column + 0.5) * WIDTH


def y(row):
    return MARGIN + (row + 0.5) * HEIGHT


def number(value):
    return '%g' % round(value, 2)


def element(name, text=None, **attributes):
    shown = ''.join(' %s="%s"' % (key.rstrip('_').replace('_', '-'),
                                  escape(value if isinstance(value, str) else number(value)))
                    for key, value in attributes.items())
    return '<%s%s/>' % (name, shown) if text is None else \
        '<%s%s>%s</%s>' % (name, shown, escape(text, quote=False), name)


def innermost(boxes, column, row):
    """The box around a place; they are ordered by size."""
    around = [box for box in boxes if box[0] < column < box[2] and box[1] < row < box[3]]
    return around[-1] if around else None


def half_lines(drawing, boxes):
    """Each arm that is not a box's own edge: of which place, where it leads, its kind."""
    edges = set()
    for left, top, right, bottom in boxes:
        for column in range(left, right + 1):
            edges |= {(column, row, arm) for row in (top, bottom) for arm in (0, 1)}
        for row in range(top, bottom + 1):
            edges |= {(column, row, arm) for column in (left, right) for arm in (2, 3)}
    for row, line in enumerate(drawing.rows):
        for column in range(len(line)):
            for arm, kind in enumerate(drawing.arms(column, row)):
                if kind and (column, row, arm) not in edges:
                    yield column, row, arm, kind


def joined(halves):
    """Lines as (kind, vertical, across, from, to), in halves of characters."""
    spans = {}
    for column, row, arm, kind in halves:
        vertical = arm > 1
        along, across = (row, column) if vertical else (column, row)
        start = 2 * along - (arm % 2 == 0)
        spans.setdefault((kind, vertical, across), []).append(start)
    for (kind, vertical, across), starts in sorted(spans.items()):
        starts = sorted(set(starts))
        first = last = starts[0]
        for start in starts[1:] + [None]:
            if start is not None and start == last + 1:
                last = start
                continue
            yield kind, vertical, across, first / 2, (last + 1) / 2
            first = last = start


def draw_lines(drawing, boxes):
    for kind, vertical, across, start, end in joined(half_lines(drawing, boxes)):
        places = (x(across), y(start), x(across), y(end)) if vertical else \
            (x(start), y(across), x(end), y(across))
        yield element('path', class_=CLASSES[kind], d='M%s %sL%s %s' % tuple(map(number, places)))


def draw_head(drawing, column, row, step):
    """A triangle whose tip is where the line that it leads to is, and a stub before it."""
    behind = drawing.arms(column - step[0], row - step[1])[STEPS.index(step)]
    touches = drawing.arms(column + step[0], row + step[1]) != (0, 0, 0, 0)
    reach = 1 if touches else 0.5
    tip = (x(column + reach * step[0]), y(row + reach * step[1]))
    long, half = (13, 6) if behind == HEAVY else (10, 4.5)
    back = (tip[0] - long * step[0], tip[1] - long * step[1])
    side = (half * step[1], half * step[0])
    start = (x(column - step[0] / 2), y(row - step[1] / 2))
    yield element('path', class_=CLASSES[behind or LIGHT],
                  d='M%s %sL%s %s' % tuple(map(number, start + back)))
    corners = (tip, (back[0] + side[0], back[1] + side[1]), (back[0] - side[0], back[1] - side[1]))
    yield element('path', class_='heavyhead' if behind == HEAVY else 'head',
                  d='M%s %sL%s %sL%s %sz' % tuple(number(at) for corner in corners for at in corner))


def draw_words(drawing, boxes):
    """What is in a box that has no other box within is centred; all else begins where it does."""
    seen = set()
    for column, row, text in drawing.words():
        box = innermost(boxes, column, row)
        style = {'y': y(row) + FONT * 0.35}
        if box and box not in seen:
            seen.add(box)
            style['class_'] = 'first'
        if box and not any(innermost(boxes, *other[:2]) == box for other in boxes):
            yield element('text', text, x=(x(box[0]) + x(box[2])) / 2, text_anchor='middle', **style)
        else:
            yield element('text', text, x=x(column) - WIDTH / 2, **style)


def draw(source):
    drawing = Drawing(source)
    boxes = drawing.boxes()
    width = 2 * MARGIN + drawing.columns * WIDTH
    height = 2 * MARGIN + len(drawing.rows) * HEIGHT
    first = {}
    for column, row, text in drawing.words():
        first.setdefault(innermost(boxes, column, row), text)
    unknown = set(drawing.fills) - set(first.values())
    if unknown:
        raise SystemExit('%s: no box begins with: %s' % (drawing.title, ', '.join(sorted(unknown))))
    lines = ['<svg xmlns="http://www.w3.org/2000/svg" width="%s" height="%s" viewBox="0 0 %s %s"'
             ' role="img">' % tuple(map(number, (width, height, width, height))),
             '<!-- SPDX-License-Identifier: BSD-3-Clause; made by buildtools/draw-diagram.py -->',
             element('title', drawing.title), element('style', '\n' + STYLE),
             element('rect', class_='card', width=width, height=height, rx=8)]
    for box in boxes:
        left, top, right, bottom = box
        lines.append(element('rect', class_='box', x=x(left), y=y(top), width=x(right) - x(left),
                             height=y(bottom) - y(top), rx=5,
                             fill=drawing.fills.get(first.get(box), FILLS['plain'])))
    lines.extend(draw_lines(drawing, boxes))
    for row, text in enumerate(drawing.rows):
        for column in (at for at, char in enumerate(text) if char in HEADS):
            lines.extend(draw_head(drawing, column, row, HEADS[text[column]]))
    lines.extend(draw_words(drawing, boxes))
    return '\n'.join(lines + ['</svg>', ''])


def read(path):
    try:
        with open(path, encoding='utf-8') as file:
            return file.read()
    except FileNotFoundError:
        return ''


def main():
    check = sys.argv[1:2] == ['--check']
    status = 0
    for path in sys.argv[1 + check:]:
        image = re.sub(r'\.txt$', '', path) + '.svg'
        drawn = draw(read(path))
        if check and read(image) != drawn:
            print('%s: is not what its drawing gives: %s %s' % (image, sys.argv[0], path))
            status = 1
        elif not check:
            with open(image, 'w', encoding='utf-8') as file:
                file.write(drawn)
    return status


if __name__ == '__main__':
    sys.exit(main())
