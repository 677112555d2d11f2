# SPDX-License-Identifier: BSD-3-Clause
"""chart.py JSON SVG: draw what bench.sh has written to JSON as a chart: for each ring
layout a packet's cycles of our driver beside net_virtio's, alone and on a vhost backend."""

import json
import sys
from xml.sax.saxutils import escape

import results

PARTS = (('driver_only', 'driver only'), ('vhost', 'on a vhost backend'))
VERDICTS = ('met', 'missed', 'inconclusive', 'invalid')
NOTES = {'inconclusive': '† inconclusive: net_virtio differs from itself by more than 3 % (A/A), '
                         'or the machine was disturbed',
         'invalid': '‡ invalid: a driver did not take the path that the layout names'}
MARKS = {verdict: note[0] for verdict, note in NOTES.items()}

# In pixels. Numbers are bounded so that the widest of them fit beside bars and ratios.
WIDTH, MARGIN, LABELS, HEAD, ROW, BAR = 860, 16, 176, 128, 36, 13
NUMBER_ROOM, RATIO_ROOM, PANEL_GAP = 42, 46, 22
CYCLES_MAX, RATIO_MAX = 1e6, 100

# An opaque page of its own, as the theme that GitHub shows need not be the one that the
# browser prefers. The drivers' colours differ in lightness as well as in hue, and stand
# out of the page by 3:1 or more (WCAG 2.1 s. 1.4.11).
LIGHT = {'.page': 'fill: #ffffff', 'text': 'fill: #1f2328', '.soft': 'fill: #59636e',
         '.grid': 'stroke: #d1d9e0', '.ours': 'fill: #0072b2; stroke: #0072b2',
         '.theirs': 'fill: #8a929b; stroke: #8a929b', '.number': 'stroke: #ffffff'}
DARK = {'.page': 'fill: #0d1117', 'text': 'fill: #f0f6fc', '.soft': 'fill: #9198a1',
        '.grid': 'stroke: #3d444d', '.ours': 'fill: #56b4e9; stroke: #56b4e9',
        '.theirs': 'fill: #6e7681; stroke: #6e7681', '.number': 'stroke: #0d1117'}
STYLE = ('text { font-family: Arial, Helvetica, "Liberation Sans", sans-serif; }\n'
         '.strong { font-weight: bold; }\n'
         '.number { stroke-width: 4; paint-order: stroke; }\n'
         '.doubt { fill-opacity: 0.35; stroke-dasharray: 3 2; }\n')

# Widths of characters in thousandths of the font's size, as Arial and Helvetica have them
ADVANCES = {advance: characters for advance, characters in (
    (191, "'"), (222, 'ijl'), (260, '|'), (278, ' !,./:;I[\\]ft'), (333, '()-`r{}'),
    (355, '"'), (389, '*'), (469, '^'), (500, 'Jckvsxyz'), (584, '+<=>~'),
    (611, 'FTZ'), (667, '&ABEKPSVXY'), (722, 'CDHNRUw'), (778, 'GOQ'), (833, 'Mm'),
    (889, '%'), (944, 'W'), (556, '#$0123456789?L_abdeghnopqu†‡'))}
ADVANCE = {c: advance for advance, characters in ADVANCES.items() for c in characters}
BOLD = 1.1


class Malformed(Exception):
    """Not what bench.sh writes."""


def field(entry, name, where, good, what):
    value = entry.get(name) if isinstance(entry, dict) else None
    if not good(value):
        raise Malformed(f'{where}: "{name}" is not {what}')
    return value


def is_text(value):
    return isinstance(value, str)


def below(limit):
    return lambda value: (isinstance(value, (int, float)) and not isinstance(value, bool)
                          and 0 < value < limit)


def bars_of(entry, where):
    """What of a point is drawn. What a driver could not do has no number."""
    bars = {'verdict': field(entry, 'verdict', where, VERDICTS.__contains__,
                             'one of ' + ', '.join(VERDICTS))}
    for name, limit in (('ours', CYCLES_MAX), ('net_virtio', CYCLES_MAX),
                        ('ratio', RATIO_MAX)):
        if name in entry or bars['verdict'] in ('met', 'missed'):
            bars[name] = field(entry, name, where, below(limit),
                               f'a number above 0 and below {limit:g}')
    return bars


def panels_of(bench):
    """(head, {layout: bars}) of each part that was measured; the usual points only, as
    each layout has one row."""
    panels = []
    for part, head in PARTS:
        rows = {}
        for i, entry in enumerate(field(bench, part, 'parts', lambda value: isinstance(
                value, list), 'a list') if part in bench else []):
            where = f'{part}[{i}]'
            layout = field(entry, 'layout', where, is_text, 'text')
            for name in ('ring', 'burst', 'size', 'segments'):
                field(entry, name, where, below(CYCLES_MAX), 'a number above 0')
            if results.point(entry) == layout:
                rows[layout] = bars_of(entry, where)
        if rows:
            panels.append((head, rows))
    if not panels:
        raise Malformed('no point of driver_only or vhost with rings of 256, bursts of 32 '
                        'and 64 bytes')
    return panels


def printable(text):
    return ''.join(c if c.isprintable() else '?' for c in text)


def width_of(text, size, strong=False):
    return sum(ADVANCE.get(c, 1000) for c in text) * size / 1000 * (BOLD if strong else 1)


def fitting(text, size, room, strong):
    if width_of(text, size, strong) <= room:
        return text
    while text and width_of(text + '…', size, strong) > room:
        text = text[:-1]
    return text.rstrip() + '…'


class Drawing:
    """Elements of an SVG; y of a text is its base line."""

    def __init__(self):
        self.elements = []

    def text(self, x, y, text, size=12, room=WIDTH, kind='', anchor='start'):
        """Its width is fixed, whichever font the reader has."""
        text = fitting(printable(text), size, room, 'strong' in kind)
        self.elements.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}"'
            f' textLength="{width_of(text, size, "strong" in kind):.1f}"'
            ' lengthAdjust="spacingAndGlyphs"'
            + (f' class="{kind}"' if kind else '') + f'>{escape(text)}</text>')

    def bar(self, x, y, width, kind):
        self.elements.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" '
                             f'height="{BAR}" class="{kind}"/>')

    def grid_line(self, x, top, bottom):
        self.elements.append(f'<line x1="{x:.1f}" y1="{top:.1f}" x2="{x:.1f}" '
                             f'y2="{bottom:.1f}" class="grid"/>')

    def svg(self, height, title, about):
        rules = [f'{name} {{ {rule}; }}' for name, rule in LIGHT.items()]
        dark = [f'  {name} {{ {rule}; }}' for name, rule in DARK.items()]
        return '\n'.join([
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
            f'width="{WIDTH}" height="{height}" role="img" aria-labelledby="title about">',
            '<!-- SPDX-License-Identifier: BSD-3-Clause. Drawn by devtools/bench/chart.py. -->',
            f'<title id="title">{escape(printable(title))}</title>',
            f'<desc id="about">{escape(printable(about))}</desc>',
            '<style>', STYLE + '\n'.join(rules),
            '@media (prefers-color-scheme: dark) {', *dark, '}', '</style>',
            f'<rect width="{WIDTH}" height="{height}" class="page"/>',
            *self.elements, '</svg>', ''])


def steps_of(most):
    """Ticks of an axis from 0 to MOST or more: four to nine, at round numbers."""
    power = 10 ** (len(str(int(most))) - 1)
    step = next(s for s in (power / 5, power / 2, power, 2 * power) if most / s <= 8)
    return [step * i for i in range(int(-(-most // step)) + 1)]


def draw_head(drawing, machine, title):
    room = WIDTH - 2 * MARGIN
    drawing.text(MARGIN, 32, title, 18, room, 'strong')
    drawing.text(MARGIN, 53, f'DPDK {machine["dpdk"]}, {machine["date"][:10]}, '
                 f'{machine["cpu"]}', 12, room)
    drawing.text(MARGIN, 71, 'Cycles of the time stamp counter, received and sent; 64 bytes, '
                 'rings of 256, bursts of 32. Less is better. Ratios: medians of windows side by '
                 'side.', 12, room, 'soft')
    x = MARGIN
    for kind, name in (('ours', 'net_mdev_virtio (ours)'), ('theirs', 'net_virtio (DPDK)')):
        drawing.bar(x, 84, 24, kind)
        drawing.text(x + 30, 95, name)
        x += 30 + width_of(name, 12) + 24


def draw_row(drawing, x, y, scale, right, bars):
    doubt = ' doubt' if bars['verdict'] in MARKS else ''
    for i, (name, kind) in enumerate((('ours', 'ours'), ('net_virtio', 'theirs'))):
        top = y + i * (BAR + 1)
        length = bars.get(name, 0) * scale
        if length:
            drawing.bar(x, top, length, kind + doubt)
        drawing.text(x + length + 5, top + BAR - 2,
                     f'{bars[name]:.0f}' if name in bars else 'none', 11, kind='soft number')
    ratio = f'{bars["ratio"]:.2f}' if 'ratio' in bars else '-'
    drawing.text(right, y + BAR + 5, ratio + MARKS.get(bars['verdict'], ''), 13,
                 kind='strong', anchor='end')


def draw_panel(drawing, x, right, bottom, steps, layouts, panel):
    head, rows = panel
    scale = (right - x - NUMBER_ROOM - RATIO_ROOM) / steps[-1]
    drawing.text(x, HEAD - 8, head, 13, right - x - RATIO_ROOM, 'strong')
    drawing.text(right, HEAD - 8, 'ratio', 12, kind='soft', anchor='end')
    for step in steps:
        drawing.grid_line(x + step * scale, HEAD, bottom)
        drawing.text(x + step * scale, bottom + 15, f'{step:g}', 11, kind='soft',
                     anchor='middle')
    for i, layout in enumerate(layouts):
        y = HEAD + i * ROW + (ROW - 2 * BAR - 1) / 2
        if layout in rows:
            draw_row(drawing, x, y, scale, right, rows[layout])
        else:
            drawing.text(x + 5, y + BAR + 5, 'not measured', kind='soft')


def in_words(panels):
    """For readers that do not see."""
    return ' '.join(
        f'{head[0].upper() + head[1:]}: ' + '; '.join(
            f'{layout} ' + (f'{bars["ratio"]:.2f}' if 'ratio' in bars else 'none')
            + (f' ({bars["verdict"]})' if bars['verdict'] in MARKS else '')
            for layout, bars in rows.items()) + '.'
        for head, rows in panels)


def chart(bench):
    """The SVG of what bench.sh has written. Raises Malformed."""
    if not isinstance(bench, dict):
        raise Malformed('not an object')
    machine = field(bench, 'machine', 'parts', lambda value: isinstance(value, dict),
                    'an object')
    for name in ('dpdk', 'cpu', 'date'):
        field(machine, name, 'machine', is_text, 'text')
    panels = panels_of(bench)
    layouts = list(dict.fromkeys(layout for _, rows in panels for layout in rows))
    bottom = HEAD + ROW * len(layouts)
    steps = steps_of(max((bars[name] for _, rows in panels for bars in rows.values()
                          for name in ('ours', 'net_virtio') if name in bars), default=1))
    notes = [note for verdict, note in NOTES.items()
             if any(bars['verdict'] == verdict for _, rows in panels
                    for bars in rows.values())]

    drawing = Drawing()
    title = 'Cycles that a packet takes: net_mdev_virtio beside DPDK\'s net_virtio'
    draw_head(drawing, machine, title)
    for i, layout in enumerate(layouts):
        drawing.text(MARGIN, HEAD + i * ROW + ROW / 2 + 4, layout, 13, LABELS - 8)
    left = MARGIN + LABELS
    width = (WIDTH - MARGIN - left + PANEL_GAP) / len(panels)
    for i, panel in enumerate(panels):
        x = left + i * width
        draw_panel(drawing, x, x + width - PANEL_GAP, bottom, steps, layouts, panel)
    for i, note in enumerate(notes):
        drawing.text(MARGIN, bottom + 38 + 18 * i, note, 12, WIDTH - 2 * MARGIN)
    return drawing.svg(bottom + 30 + 18 * len(notes), title,
                       'Ratios of net_mdev_virtio to net_virtio. ' + in_words(panels))


def main(arguments):
    if len(arguments) != 2:
        sys.exit(__doc__)
    source, target = arguments
    try:
        with open(source, encoding='utf-8') as file:
            svg = chart(json.load(file))
        with open(target, 'w', encoding='utf-8') as file:
            file.write(svg)
    except OSError as error:
        sys.exit(f'chart.py: {error.filename}: {error.strerror}')
    except RecursionError:
        sys.exit(f'chart.py: {source}: nested too deep')
    except (Malformed, ValueError) as error:
        sys.exit(f'chart.py: {source}: {error}')


if __name__ == '__main__':
    main(sys.argv[1:])
