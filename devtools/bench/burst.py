# SPDX-License-Identifier: BSD-3-Clause
"""burst.py driver_only|vhost RAW JSON [CONTROL [NO_CHECKS]]: from the lines that burst.sh
gathered in RAW, one for each launch of "dpdk-test-mdev bench burst" or "bench vhost", print
what was measured and whether the goals are met, and write it to JSON. The ratios of
net_virtio to itself go to CONTROL. NO_CHECKS is like RAW, of a driver built without its
checks of what the device says. The exit status is 1 if a goal is missed or a point is
invalid."""

import json
import statistics
import sys

POINT = ('layout', 'ring', 'burst', 'size', 'segments')
GOAL, GOALS = 0.80, {'split mergeable': 0.65, 'packed mergeable': 0.65}
GOAL_VHOST = 1.0
CONTROL_MAX = 0.03
# Two processors that are as near to each other after a window as before it.
SAME_DISTANCE = 1.5
WINDOWS_MIN = 10


def comparable(line, ports):
    """The windows in which all ports were measured under the same conditions."""
    probes = line.get('probes')
    return [w for w in range(min((len(port['cycles']) for port in ports), default=0))
            if all(port['cycles'][w] > 0 for port in ports) and
            (probes is None or max(probes[w:w + 2]) < SAME_DISTANCE * min(probes[w:w + 2]))]


def median_of(ports, name, windows):
    return statistics.median(statistics.mean(port[name][w] for port in ports)
                             for w in windows)


def median_ratio(numerators, denominators, windows):
    """Of windows side by side: what disturbs the machine for longer disturbs both."""
    return statistics.median(statistics.mean(port['cycles'][w] for port in numerators) /
                             statistics.mean(port['cycles'][w] for port in denominators)
                             for w in windows)


def launch_of(line):
    """One launch: cycles of each driver, their ratio, and the one of the control. It is
    disturbed if too few of its windows count."""
    launch = {'reason': next(
        (f'{"net_mdev_virtio" if port["ours"] else "net_virtio"}: {port["invalid"]}'
         for port in line['ports'] if port['invalid']), None)}
    good = [port for port in line['ports'] if not port['invalid']]
    ours = [port for port in good if port['ours']]
    theirs = [port for port in good if not port['ours']]
    windows = comparable(line, good)
    if len(windows) < WINDOWS_MIN:
        launch['disturbed'] = launch['reason'] is None
        return launch
    for name, ports in (('ours', ours), ('net_virtio', theirs)):
        if ports:
            launch[name] = median_of(ports, 'cycles', windows)
        if ports and 'probes' in line:
            launch[name + '_mpps'] = median_of(ports, 'mpps', windows)
    if ours and theirs:
        launch['ratio'] = median_ratio(ours, theirs, windows)
    if len(theirs) > 1:
        launch['control'] = median_ratio(theirs[1:], theirs[:1], windows)
    return launch


def verdict_of(point):
    if point['reason']:
        return 'invalid'
    control = round(abs(point.get('control', 1) - 1), 6)
    if 2 * point['disturbed'] > point['launches'] or control > CONTROL_MAX:
        return 'inconclusive'
    return 'met' if point['ratio'] <= point['goal'] else 'missed'


def goal_of(part, layout):
    return GOAL_VHOST if part == 'vhost' else GOALS.get(layout, GOAL)


def point_of(part, key, lines):
    launches = [launch_of(line) for line in lines]
    point = dict(zip(POINT, key), launches=len(launches), goal=goal_of(part, key[0]),
                 disturbed=sum(launch.get('disturbed', False) for launch in launches),
                 reason=next((launch['reason'] for launch in launches if launch['reason']),
                             None))
    for name in ('ours', 'net_virtio', 'ratio', 'ours_mpps', 'net_virtio_mpps', 'control'):
        values = [launch[name] for launch in launches if name in launch]
        if values:
            point[name] = round(statistics.median(values), 3)
        if values and name == 'ratio':
            point['ratio_min'] = round(min(values), 3)
            point['ratio_max'] = round(max(values), 3)
    point['verdict'] = verdict_of(point)
    return point


def points_of(part, lines):
    by_key = {}
    for line in lines:
        by_key.setdefault(tuple(line[name] for name in POINT), []).append(line)
    return [point_of(part, key, lines) for key, lines in by_key.items()]


def add_cost_of_checks(points, without):
    """The drivers are in different programs: each is compared with its net_virtio."""
    ratios = {tuple(point[name] for name in POINT): point.get('ratio') for point in without}
    for point in points:
        ratio = ratios.get(tuple(point[name] for name in POINT))
        if ratio and 'ratio' in point:
            point['cost_of_checks'] = round(point['ratio'] / ratio, 3)


def number(point, name, form):
    return format(point[name], form) if name in point else '-'


COLUMNS = (('ring', 4, 'd'), ('burst', 5, 'd'), ('size', 4, 'd'), ('segments', 8, 'd'),
           ('ours', 6, '.1f'), ('net_virtio', 10, '.1f'), ('ratio', 5, '.3f'),
           ('ratio_min', 9, '.3f'), ('ratio_max', 9, '.3f'), ('ours_mpps', 9, '.2f'),
           ('net_virtio_mpps', 15, '.2f'), ('control', 7, '.3f'),
           ('disturbed', 9, 'd'), ('cost_of_checks', 14, '.3f'), ('goal', 4, '.2f'))


def print_points(part, points):
    print({'driver_only': 'Driver only: cycles a packet, Rx + Tx',
           'vhost': 'On a vhost backend: cycles a packet of calls that moved packets, Rx + Tx'
           }[part] + '; medians of launches')
    columns = [column for column in COLUMNS if any(column[0] in point for point in points)]
    print(f'  {"layout":25} ' + ' '.join(f'{name:>{width}}' for name, width, _ in columns))
    for point in points:
        print(f'  {point["layout"]:25} ' +
              ' '.join(f'{number(point, name, form):>{width}}'
                       for name, width, form in columns) +
              f' {point["verdict"]}')
        if point['reason']:
            print(f'    {point["reason"]}')


def read_lines(path):
    with open(path, encoding='utf-8') as file:
        return [json.loads(line) for line in file]


def main(part, raw, out, control_out=None, no_checks=None):
    points = points_of(part, read_lines(raw))
    if no_checks:
        add_cost_of_checks(points, points_of(part, read_lines(no_checks)))
    print_points(part, points)
    with open(out, 'w', encoding='utf-8') as file:
        json.dump(points, file)
    if control_out:
        with open(control_out, 'w', encoding='utf-8') as file:
            json.dump([{name: point[name] for name in POINT + ('control',)}
                       for point in points if 'control' in point], file)
    return all(point['verdict'] in ('met', 'inconclusive') for point in points)


if __name__ == '__main__':
    sys.exit(0 if main(*sys.argv[1:]) else 1)
