# SPDX-License-Identifier: BSD-3-Clause
"""scan.py RAW JSON: from the lines of several launches of 'dpdk-test-mdev bench scan
--json' in RAW, print the medians and whether the targets are met, and write both to
JSON. The exit status is 1 if a target is missed."""

import json
import statistics
import sys

OPERATIONS = {
    'scan': 'scan of a tree that the bus does not know',
    'rescan': 'scan of a tree in which nothing has changed',
    'match': 'probe: all devices against all drivers, none claims one',
    'find': 'find_device() of one device by name',
    'iterate': 'dev_iterate() to one device by uuid=',
}
FEW, MANY = 1000, 10000
MAX_RATIO = 15
# The list of so many devices is in a cache further away, where each step takes twice as
# long and nothing else is done in it. A search of a search would take 100 times as long.
MAX_RATIO_FIND = 25
MAX_MS = 50


def points_of(lines):
    """One point for each number of devices: median, least and most of each operation."""
    by_devices = {}
    for line in lines:
        by_devices.setdefault(line['devices'], []).append(line)
    points = []
    for devices, launches in sorted(by_devices.items()):
        point = {'devices': devices, 'launches': len(launches)}
        for operation in OPERATIONS:
            values = [launch[operation + '_us'] for launch in launches]
            point[operation + '_us'] = {'median': statistics.median(values),
                                        'min': min(values), 'max': max(values)}
        points.append(point)
    return points


def targets_of(points):
    """What is promised, what was measured, and whether that is kept."""
    median = {(point['devices'], operation): point[operation + '_us']['median']
              for point in points for operation in OPERATIONS}
    targets = []
    for operation in OPERATIONS:
        ratio = median[MANY, operation] / median[FEW, operation]
        targets.append({'target': f'{operation}: {MANY} devices / {FEW} devices',
                        'limit': MAX_RATIO_FIND if operation == 'find' else MAX_RATIO,
                        'value': round(ratio, 2)})
    for operation in OPERATIONS:
        targets.append({'target': f'{operation}: {FEW} devices, ms', 'limit': MAX_MS,
                        'value': round(median[FEW, operation] / 1000, 3)})
    for target in targets:
        target['met'] = target['value'] <= target['limit']
    return targets


def print_points(points):
    print('Mdev bus on made-up trees: microseconds, median of '
          f'{points[0]["launches"]} launches (least - most)')
    for operation, text in OPERATIONS.items():
        print(f'  {operation}: {text}')
        for point in points:
            value = point[operation + '_us']
            print(f'    {point["devices"]:6} devices {value["median"]:12.2f}'
                  f'  ({value["min"]:.2f} - {value["max"]:.2f})')


def main():
    raw, result = sys.argv[1:]
    with open(raw, encoding='ascii') as file:
        points = points_of([json.loads(line) for line in file if line.startswith('{')])
    targets = targets_of(points)
    print_points(points)
    for target in targets:
        print(f'  {"met   " if target["met"] else "MISSED"} {target["target"]}:'
              f' {target["value"]} (at most {target["limit"]})')
    with open(result, 'w', encoding='ascii') as file:
        json.dump({'points': points, 'targets': targets}, file, indent=1)
    return 0 if all(target['met'] for target in targets) else 1


sys.exit(main())
