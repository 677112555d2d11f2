# SPDX-License-Identifier: BSD-3-Clause
"""test_burst.py: what burst.py makes of launches."""

import contextlib
import io
import json
import os
import tempfile
import unittest

import burst
import results


def port(ours, cycles, invalid='', mpps=1.0, windows=20):
    cycles = cycles if isinstance(cycles, list) else [cycles] * windows
    return {'ours': ours, 'invalid': invalid, 'cycles': [] if invalid else cycles,
            'mpps': [] if invalid else [mpps] * len(cycles)}


def line(ours, theirs, again=None, layout='split', **more):
    ports = [p if isinstance(p, dict) else port(own, p)
             for own, p in ((True, ours), (False, theirs), (False, again or theirs))]
    return dict({'layout': layout, 'ring': 256, 'burst': 32, 'size': 64, 'segments': 1,
                 'ports': ports}, **more)


def only(lines, part='driver_only'):
    points = burst.points_of(part, lines)
    assert len(points) == 1
    return points[0]


class Ratio(unittest.TestCase):
    def test_median_of_launches(self):
        point = only([line(50, 100), line(90, 100), line(70, 100)])
        self.assertEqual((point['ratio'], point['ratio_min'], point['ratio_max']),
                         (0.7, 0.5, 0.9))
        self.assertEqual((point['ours'], point['net_virtio'], point['launches']),
                         (70, 100, 3))

    def test_windows_side_by_side(self):
        """The machine gets slower in the middle: the drivers' ratio stays what it is."""
        ours = [60.0] * 9 + [600.0] * 11
        theirs = [100.0] * 9 + [1000.0] * 11
        self.assertEqual(only([line(port(True, ours), port(False, theirs),
                                    port(False, theirs))])['ratio'], 0.6)

    def test_net_virtio_is_both_its_ports(self):
        self.assertEqual(only([line(81, 100, 102)])['ratio'], round(81 / 101, 3))

    def test_points_apart(self):
        points = burst.points_of('driver_only', [
            line(50, 100), line(60, 100, layout='packed'), line(50, 100, ring=1024)])
        self.assertEqual([(p['layout'], p['ring'], p['ratio']) for p in points],
                         [('split', 256, 0.5), ('packed', 256, 0.6), ('split', 1024, 0.5)])


class Undisturbed(unittest.TestCase):
    def test_empty_windows(self):
        ours = [0.0] * 5 + [80.0] * 15
        self.assertEqual(only([line(port(True, ours), 100)])['ratio'], 0.8)

    def test_distance_changed(self):
        """Windows before, within or after which the processors moved do not count."""
        probes = [800.0] * 4 + [200.0] * 17
        ours = [10.0] * 4 + [90.0] * 16
        point = only([line(port(True, ours), 100, probes=probes)], 'vhost')
        self.assertEqual(point['ratio'], 0.9)
        windows = burst.comparable({'probes': probes}, [port(True, ours)])
        self.assertEqual(windows, [0, 1, 2] + list(range(4, 20)))

    def test_too_few(self):
        """Of two launches one may be disturbed; it does not count."""
        short = line(port(True, 90, windows=9), port(False, 100, windows=9),
                     port(False, 100, windows=9))
        point = only([short, line(50, 100)])
        self.assertEqual((point['verdict'], point['ratio'], point['disturbed']),
                         ('met', 0.5, 1))
        self.assertEqual(only([short, line(50, 100), short])['verdict'], 'inconclusive')
        self.assertEqual(only([short])['verdict'], 'inconclusive')


class Verdict(unittest.TestCase):
    def test_goals(self):
        for layout, part, ratio, verdict in (
                ('split', 'driver_only', 80, 'met'),
                ('split', 'driver_only', 81, 'missed'),
                ('split mergeable', 'driver_only', 65, 'met'),
                ('split mergeable', 'driver_only', 66, 'missed'),
                ('packed mergeable', 'driver_only', 66, 'missed'),
                ('packed in-order mergeable', 'driver_only', 66, 'met'),
                ('split mergeable', 'vhost', 100, 'met'),
                ('split', 'vhost', 101, 'missed')):
            with self.subTest(layout=layout, part=part, ratio=ratio):
                self.assertEqual(only([line(ratio, 100, layout=layout)], part)['verdict'],
                                 verdict)

    def test_control(self):
        self.assertEqual(only([line(50, 100, 103)])['verdict'], 'met')
        self.assertEqual(only([line(50, 100, 104)])['verdict'], 'inconclusive')
        self.assertEqual(only([line(50, 100, 96)])['verdict'], 'inconclusive')

    def test_one_invalid_launch(self):
        """One launch on another path spoils the point, but what there is is shown."""
        point = only([line(50, 100), line(port(True, 0, 'not negotiated'), 100)])
        self.assertEqual(point['verdict'], 'invalid')
        self.assertEqual(point['reason'], 'net_mdev_virtio: not negotiated')
        self.assertEqual(point['net_virtio'], 100)

    def test_all_invalid(self):
        bad = port(False, 0, 'another path')
        point = only([line(port(True, 0, 'x'), bad, bad)])
        self.assertEqual(point['verdict'], 'invalid')
        self.assertNotIn('ratio', point)


class Checks(unittest.TestCase):
    def test_cost(self):
        points = burst.points_of('driver_only', [line(77, 110)])
        burst.add_cost_of_checks(points, burst.points_of('driver_only', [line(50, 100)]))
        self.assertEqual(points[0]['cost_of_checks'], 1.4)


class Files(unittest.TestCase):
    def run_main(self, lines):
        with tempfile.TemporaryDirectory() as folder:
            raw, out, control = (os.path.join(folder, name) for name in 'roc')
            with open(raw, 'w', encoding='utf-8') as file:
                file.writelines(json.dumps(l) + '\n' for l in lines)
            text = io.StringIO()
            with contextlib.redirect_stdout(text):
                good = burst.main('driver_only', raw, out, control)
            return good, text.getvalue(), *(burst.read_lines(name)[0]
                                            for name in (out, control))

    def test_results(self):
        good, text, points, controls = self.run_main([line(50, 100), line(50, 100)])
        self.assertTrue(good)
        self.assertIn('split ', text)
        self.assertEqual(set(points[0]) & set(burst.POINT), set(burst.POINT))
        self.assertEqual(controls, [{'layout': 'split', 'ring': 256, 'burst': 32,
                                     'size': 64, 'segments': 1, 'control': 1.0}])

    def test_missed_and_invalid_fail(self):
        for bad in (line(90, 100), line(port(True, 0, 'why'), 100)):
            good, text, _, _ = self.run_main([bad])
            self.assertFalse(good)
            self.assertRegex(text, 'missed|invalid\n    net_mdev_virtio: why')


class Results(unittest.TestCase):
    def printed(self, how):
        points = burst.points_of('driver_only', [line(50, 100), line(50, 100)])
        missed = {**points[0], 'segments': 4, 'verdict': 'invalid'}
        del missed['ratio']
        machine = {'cpu': 'C', 'cpus': 2, 'kernel': 'K', 'dpdk': '1', 'compiler': 'cc',
                   'date': '2026-01-02T03:04:05Z'}
        text = io.StringIO()
        with contextlib.redirect_stdout(text):
            how({'machine': machine, 'driver_only': points + [missed], 'vhost': points})
        return text.getvalue()

    def test_rst(self):
        text = self.printed(results.rst)
        self.assertRegex(text, r'\nsplit +50\.0 +100\.0 +0\.50 .* met\n')
        self.assertRegex(text, r'\nsplit, ring 256, .* in 4 segments .* - .* invalid\n')

    def test_markdown(self):
        self.assertIn('\n| split | 50 | 100 | 0.50 | 0.50 |\n',
                      self.printed(results.markdown))


if __name__ == '__main__':
    unittest.main()
