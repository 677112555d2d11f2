# SPDX-License-Identifier: BSD-3-Clause
"""footprint.py RAW JSON: from the lines that footprint.sh gathered in RAW, print what was
measured and whether the targets are met, and write both to JSON. The exit status is 1 if
a target is missed."""

import json
import statistics
import sys

OURS, THEIRS = 'net_mdev_virtio', 'net_virtio_user'
MAX_ONE_KIB = 4096
MAX_MORE_KIB = 64


def spread_of(values):
    return {'median': statistics.median(values), 'min': min(values), 'max': max(values)}


def first_packet_of(lines):
    """Milliseconds from start to first packet, and ratio of launches side by side."""
    by_driver = {driver: [line['first_packet_us'] / 1000 for line in lines
                          if line.get('driver') == driver] for driver in (OURS, THEIRS)}
    ratios = [ours / theirs for ours, theirs in zip(by_driver[OURS], by_driver[THEIRS])]
    return {'launches': len(ratios), 'ours_ms': spread_of(by_driver[OURS]),
            'net_virtio_ms': spread_of(by_driver[THEIRS]), 'ratio': spread_of(ratios)}


def targets_of(footprint):
    memory = {point['devices']: point['resident_kib'] for point in footprint['memory']}
    most = max(memory)
    more = (memory[most] - memory[1]) / (most - 1)
    steady = footprint['steady']
    targets = [
        ('start to first packet / net_virtio_user', 1.0,
         round(footprint['first_packet']['ratio']['median'], 3)),
        ('system calls of the threads that move packets', 0, steady['system_calls']),
        ("mediator's processor time meanwhile, s", 0, steady['mediator_cpu_s']),
        ("mediator's memory with one device, KiB", MAX_ONE_KIB, memory[1]),
        ('and for each further one, KiB', MAX_MORE_KIB, round(more, 1)),
    ]
    return [{'target': text, 'limit': limit, 'value': value, 'met': value <= limit}
            for text, limit, value in targets]


def print_footprint(footprint):
    first, steady = footprint['first_packet'], footprint['steady']
    print(f'Footprint: median of {first["launches"]} launches (least - most)')
    for text, key in (('net_mdev_virtio', 'ours_ms'), ('net_virtio_user', 'net_virtio_ms')):
        value = first[key]
        print(f'  start to first packet, {text:15} {value["median"]:8.1f} ms '
              f'({value["min"]:.1f} - {value["max"]:.1f})')
    print(f'  while {steady["packets"]} packets passed in {steady["seconds"]} s: '
          f'{steady["system_calls"]} system calls, {steady["mediator_cpu_s"]} s of the mediator')
    for point in footprint['memory']:
        print(f'  mediator with {point["devices"]:3} idle devices: '
              f'{point["resident_kib"]} KiB resident')


def main(raw, out):
    with open(raw, encoding='utf-8') as file:
        lines = [json.loads(line) for line in file]
    footprint = {
        'first_packet': first_packet_of(lines),
        'steady': next(line for line in lines if 'system_calls' in line),
        'memory': [line for line in lines if 'resident_kib' in line],
    }
    footprint['targets'] = targets_of(footprint)
    print_footprint(footprint)
    for target in footprint['targets']:
        print(f'  {"met   " if target["met"] else "MISSED"} {target["target"]}: '
              f'{target["value"]}, at most {target["limit"]}')
    with open(out, 'w', encoding='utf-8') as file:
        json.dump(footprint, file)
    return all(target['met'] for target in footprint['targets'])


if __name__ == '__main__':
    sys.exit(0 if main(*sys.argv[1:]) else 1)
