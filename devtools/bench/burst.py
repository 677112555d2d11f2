# SPDX-License-Identifier: BSD-3-Clause
"""burst.py driver_only RAW JSON CONTROL: from the lines that burst.sh gathered in RAW,
one for each launch of "dpdk-test-mdev bench burst", print what was measured and whether
the goals are met, and write it to JSON, and the ratios of net_virtio to itself to CONTROL.
The exit status is 1 if a goal is missed or a point is invalid."""

import json
import statistics
import sys

POINT = ('layout', 'ring', 'burst', 'size', 'segments')
GOAL, GOALS = 0.80, {'split mergeable': 0.65, 'packed mergeable': 0.65}
CONTROL_MAX = 0.03


def median_ratio(numerators, denominators):
    """Of windows side by side: what disturbs the machine for longer disturbs both."""
    return statistics.median(n / d for n, d in zip(numerators, denominators))


def launch_of(line):
    """One launch: cycles of each driver, their ratio, and the one of the control."""
    reason = next((f'{"net_mdev_virtio" if port["ours"] else "net_virtio"}: {port["invalid"]}'
                   for port in line['ports'] if port['invalid']), None)
    ours = [port['cycles'] for port in line['ports'] if port['ours'] and not port['invalid']]
    theirs = [port['cycles'] for port in line['ports']
              if not port['ours'] and not port['invalid']]
    launch = {'reason': reason}
    if ours:
        launch['ours'] = statistics.median(ours[0])
    if theirs:
        both = [statistics.mean(windows) for windows in zip(*theirs)]
        launch['net_virtio'] = statistics.median(both)
        if ours:
            launch['ratio'] = median_ratio(ours[0], both)
        if len(theirs) > 1:
            launch['control'] = median_ratio(theirs[1], theirs[0])
    return launch


def verdict_of(point):
    if point['reason'] or 'ratio' not in point:
        return 'invalid'
    if abs(point['control'] - 1) > CONTROL_MAX:
        return 'inconclusive'
    return 'met' if point['ratio'] <= point['goal'] else 'missed'


def point_of(key, lines):
    launches = [launch_of(line) for line in lines]
    point = dict(zip(POINT, key), launches=len(launches), goal=GOALS.get(key[0], GOAL),
                 reason=next((launch['reason'] for launch in launches if launch['reason']),
                             None))
    for name in ('ours', 'net_virtio', 'ratio', 'control'):
        values = [launch[name] for launch in launches if name in launch]
        if values:
            point[name] = round(statistics.median(values), 3)
        if values and name == 'ratio':
            point['ratio_min'], point['ratio_max'] = (round(min(values), 3),
                                                      round(max(values), 3))
    point['verdict'] = verdict_of(point)
    return point


def points_of(lines):
    by_key = {}
    for line in lines:
        by_key.setdefault(tuple(line[name] for name in POINT), []).append(line)
    return [point_of(key, lines) for key, lines in by_key.items()]


def number(point, name, form):
    return format(point[name], form) if name in point else '-'


def print_points(points):
    print('Driver only: cycles a packet, Rx + Tx; ratio: median of launches (least - most); '
          'control: net_virtio to itself')
    print(f'  {"layout":25} ring burst size segs   ours net_virtio  ratio'
          '                  control  goal')
    for point in points:
        spread = (f'({point["ratio_min"]:.3f} - {point["ratio_max"]:.3f})'
                  if 'ratio' in point else '')
        print(f'  {point["layout"]:25} {point["ring"]:4} {point["burst"]:5} {point["size"]:4} '
              f'{point["segments"]:4} {number(point, "ours", ".1f"):>6} '
              f'{number(point, "net_virtio", ".1f"):>10}  {number(point, "ratio", ".3f"):>5} '
              f'{spread:17}  {number(point, "control", ".3f"):>7}  {point["goal"]:.2f} '
              f'{point["verdict"]}')
        if point['reason']:
            print(f'    {point["reason"]}')


def main(part, raw, out, control_out):
    assert part == 'driver_only'
    with open(raw, encoding='utf-8') as file:
        points = points_of([json.loads(line) for line in file])
    print_points(points)
    with open(out, 'w', encoding='utf-8') as file:
        json.dump(points, file)
    with open(control_out, 'w', encoding='utf-8') as file:
        json.dump([{name: point[name] for name in POINT + ('control',) if name in point}
                   for point in points], file)
    return all(point['verdict'] in ('met', 'inconclusive') for point in points)


if __name__ == '__main__':
    sys.exit(0 if main(*sys.argv[1:]) else 1)
