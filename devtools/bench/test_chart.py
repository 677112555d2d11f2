# SPDX-License-Identifier: BSD-3-Clause
"""test_chart.py: the chart of bench.json, and what is made from the run that is kept."""

import contextlib
import copy
import io
import json
import os
import tempfile
import unittest
from xml.etree import ElementTree

import chart
import results

REPO = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
SVG = '{http://www.w3.org/2000/svg}'


def read(name):
    with open(os.path.join(REPO, name), encoding='utf-8') as file:
        return file.read()


def kept():
    return json.loads(read('doc/guides/bench_results.json'))


def point(layout='split', **more):
    return {'layout': layout, 'ring': 256, 'burst': 32, 'size': 64, 'segments': 1,
            'ours': 50.4, 'net_virtio': 100, 'ratio': 0.504, 'verdict': 'met', **more}


def bench(*points, **more):
    return {'machine': {'dpdk': '22.11', 'cpu': 'C', 'date': '2026-01-02T03:04:05Z'},
            'driver_only': list(points), **more}


def texts(svg):
    return [element.text for element in ElementTree.fromstring(svg).iter(SVG + 'text')]


def boxes(svg):
    """(left, right, top, bottom, what) of texts; their widths are fixed."""
    for e in ElementTree.fromstring(svg).iter(SVG + 'text'):
        width, size = float(e.get('textLength')), float(e.get('font-size'))
        x = float(e.get('x')) - {'start': 0, 'middle': 0.5, 'end': 1}[
            e.get('text-anchor')] * width
        y = float(e.get('y'))
        yield x, x + width, y - 0.75 * size, y + 0.2 * size, e.text


class Drawn(unittest.TestCase):
    def assert_apart(self, svg):
        root = ElementTree.fromstring(svg)
        wide, high = float(root.get('width')), float(root.get('height'))
        found = list(boxes(svg))
        for i, a in enumerate(found):
            self.assertTrue(a[0] >= 0 and a[1] <= wide and a[2] >= 0 and a[3] <= high, a)
            for b in found[:i]:
                self.assertFalse(a[0] < b[1] and b[0] < a[1] and a[2] < b[3] and b[2] < a[3],
                                 (a, b))

    def test_numbers(self):
        svg = chart.chart(bench(point(), point('packed', ours=200, ratio=2)))
        for text in ('split', '50', '100', '0.50', 'packed', '200', '2.00',
                     'DPDK 22.11, 2026-01-02, C'):
            self.assertIn(text, texts(svg))
        self.assert_apart(svg)

    def test_bars_have_one_scale(self):
        svg = chart.chart(bench(point(ours=50), vhost=[point(ours=200)]))
        widths = [float(e.get('width')) for e in ElementTree.fromstring(svg).iter(SVG + 'rect')
                  if e.get('class') == 'ours'][1:]
        self.assertAlmostEqual(widths[1] / widths[0], 4, delta=0.05)

    def test_nothing_overlaps(self):
        most = dict(ours=999999, net_virtio=999999, ratio=99.99)
        long = bench(point(**most, verdict='inconclusive'),
                     point('W' * 100, **most, verdict='invalid'), vhost=[point(**most)])
        long['machine'].update(cpu='W' * 300, dpdk='26.11.0-rc1')
        for one in (long, kept(), bench(point(ours=0.01, net_virtio=0.02))):
            self.assert_apart(chart.chart(one))

    def test_doubtful_points_are_marked(self):
        svg = chart.chart(bench(point(), point('packed', verdict='inconclusive')))
        self.assertIn('0.50†', texts(svg))
        self.assertEqual(svg.count(' doubt"'), 2)
        self.assertIn('packed 0.50 (inconclusive)', svg)
        self.assertTrue(any(text.startswith('† inconclusive') for text in texts(svg)))
        self.assertNotIn('‡', svg)

    def test_driver_without_numbers(self):
        entry = point(verdict='invalid')
        del entry['net_virtio'], entry['ratio']
        svg = chart.chart(bench(entry))
        self.assertIn('none', texts(svg))
        self.assertIn('-‡', texts(svg))

    def test_layout_of_one_part(self):
        self.assertIn('not measured', texts(chart.chart(bench(
            point(), vhost=[point(), point('packed')]))))

    def test_usual_points_only(self):
        svg = chart.chart(bench(point(), point(ring=1024, ours=77)))
        self.assertNotIn('77', texts(svg))

    def test_text_is_no_markup(self):
        odd = bench(point('<b>&\x01\ud800'))
        self.assertIn('<b>&??', texts(chart.chart(odd).encode().decode()))


class Refused(unittest.TestCase):
    def run_main(self, data):
        """What it says of a file; the chart that was there stays."""
        with tempfile.TemporaryDirectory() as folder:
            source, target = (os.path.join(folder, name) for name in ('j', 'svg'))
            with open(source, 'wb') as file:
                file.write(data)
            with open(target, 'w', encoding='utf-8') as file:
                file.write('old')
            with self.assertRaises(SystemExit) as stop:
                chart.main([source, target])
            with open(target, encoding='utf-8') as file:
                self.assertEqual(file.read(), 'old')
        line = str(stop.exception.code)
        self.assertTrue(line.startswith(f'chart.py: {source}: '), line)
        self.assertNotIn('\n', line)
        return line

    def test_no_json(self):
        whole = json.dumps(kept()).encode()
        for data in (b'', b'{', b'\xff', whole[:-1], whole[:2000], b'[' * 100000):
            self.run_main(data)

    def test_partial(self):
        for data in ([], 1, None, {}, {'machine': []}, bench(), {**bench(point()), 'vhost': {}},
                     bench(1), bench({}), bench(point(ring=1024))):
            self.run_main(json.dumps(data).encode())

    def test_each_field(self):
        good = bench(point())
        for path in (['machine', 'dpdk'], ['machine', 'cpu'], ['machine', 'date']) + tuple(
                ['driver_only', 0, name] for name in point()):
            for value in (None, [], {}, True, -1, float('nan'), 10 ** 400, 'gone'):
                bad = copy.deepcopy(good)
                entry = bad
                for step in path[:-1]:
                    entry = entry[step]
                if value == 'gone':
                    del entry[path[-1]]
                else:
                    entry[path[-1]] = value
                self.assertIn(f'"{path[-1]}" is not ', self.run_main(json.dumps(bad).encode()))

    def test_files(self):
        with self.assertRaisesRegex(SystemExit, '^chart.py: /nowhere/j: No such file'):
            chart.main(['/nowhere/j', '/nowhere/svg'])
        with self.assertRaisesRegex(SystemExit, '^chart.py: /nowhere/svg: No such file'):
            chart.main([os.path.join(REPO, 'doc/guides/bench_results.json'), '/nowhere/svg'])
        with self.assertRaisesRegex(SystemExit, '^chart.py JSON SVG'):
            chart.main([])


class Kept(unittest.TestCase):
    """All that is made from the run that is kept is of that run."""

    def printed(self, how):
        text = io.StringIO()
        with contextlib.redirect_stdout(text):
            how(kept())
        return text.getvalue()

    def test_chart(self):
        self.assertEqual(chart.chart(kept()), read('doc/guides/img/bench.svg'))

    def test_page(self):
        self.assertEqual(self.printed(results.rst), read('doc/guides/bench_results.rst'))

    def test_readme(self):
        readme = read('README.md')
        self.assertIn(self.printed(results.markdown), readme)
        self.assertIn('](doc/guides/img/bench.svg)', readme)

    def test_compact(self):
        self.assertEqual(self.printed(results.compact), read('doc/guides/bench_results.json'))


if __name__ == '__main__':
    unittest.main()
