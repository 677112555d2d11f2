# SPDX-License-Identifier: BSD-3-Clause
"""results.py rst|markdown|json JSON: print what bench.sh has written to JSON as a page of
the guides, as the table of the README, or as JSON to keep: one line for each point."""

import json
import sys


def point(entry):
    """What was measured, where it is not the usual."""
    usual = (256, 32, 64, 1)
    size = (entry['ring'], entry['burst'], entry['size'], entry['segments'])
    if size == usual:
        return entry['layout']
    return (f'{entry["layout"]}, ring {size[0]}, burst {size[1]}, {size[2]} bytes'
            + (f' in {size[3]} segments' if size[3] > 1 else ''))


def number(entry, name, digits):
    return f'{entry[name]:.{digits}f}' if entry.get(name) is not None else '-'


def rows(entries, mpps):
    """The cells of a table's rows, its heads first."""
    yield (['layout', 'ours', 'net_virtio', 'ratio', 'least', 'most', 'A/A', 'goal', '']
           + (['Mpps', 'net_virtio Mpps'] if mpps else []))
    for entry in entries:
        yield ([point(entry), number(entry, 'ours', 1), number(entry, 'net_virtio', 1),
                number(entry, 'ratio', 2), number(entry, 'ratio_min', 2),
                number(entry, 'ratio_max', 2), number(entry, 'control', 3),
                number(entry, 'goal', 2), entry['verdict']]
               + ([number(entry, 'ours_mpps', 2), number(entry, 'net_virtio_mpps', 2)]
                  if mpps else []))


def rst_table(cells):
    cells = [list(map(str, row)) for row in cells]
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    rule = '  '.join('=' * max(width, 2) for width in widths)
    lines = ['  '.join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
             for row in cells]
    return '\n'.join([rule, lines[0], rule] + lines[1:] + [rule])


def rst(bench):
    machine = bench['machine']
    title = 'Results of the benchmarks'
    print(f'..  SPDX-License-Identifier: BSD-3-Clause\n'
          f'    Printed by devtools/bench/results.py.\n\n{title}\n{"=" * len(title)}\n')
    print(f'{machine["cpu"]}, {machine["cpus"]} processors, {machine["kernel"]};\n'
          f'DPDK {machine["dpdk"]}, {machine["compiler"]}; {machine["date"][:10]}.\n\n'
          'What is measured, and how, says :doc:`bench`. Cycles are those of one packet, '
          'received and sent.\n\n.. image:: img/bench.svg')
    for name, head in (('driver_only', 'Driver only'), ('vhost', 'On a vhost backend')):
        if name in bench:
            print(f'\n{head}\n{"-" * len(head)}\n')
            print(rst_table(rows(bench[name], name == 'vhost')))
    for name, head in (('footprint', 'Footprint'), ('scan', 'Bus')):
        if name in bench:
            print(f'\n{head}\n{"-" * len(head)}\n')
            print(rst_table([['what', 'is', 'goal: at most', '']] + [
                [target['target'], target['value'], target['limit'],
                 'met' if target['met'] else 'missed']
                for target in bench[name]['targets']]))


def markdown(bench):
    vhost = {entry['layout']: entry for entry in bench.get('vhost', [])}
    print('| ring layout | ours | `net_virtio` | ratio | ratio on a vhost backend |\n'
          '|---|--:|--:|--:|--:|')
    for entry in bench['driver_only']:
        if point(entry) == entry['layout']:
            print(f'| {entry["layout"]} | {number(entry, "ours", 0)} '
                  f'| {number(entry, "net_virtio", 0)} | {number(entry, "ratio", 2)} '
                  f'| {number(vhost.get(entry["layout"], {}), "ratio", 2)} |')


def compact(bench):
    """Without the A/A ratios, which the points have, too."""
    parts = [f'{json.dumps(name)}: ' + (
        '[\n' + ',\n'.join(map(json.dumps, part)) + '\n]' if isinstance(part, list)
        else json.dumps(part)) for name, part in bench.items() if name != 'control']
    print('{\n' + ',\n'.join(parts) + '\n}')


if __name__ == '__main__':
    if len(sys.argv) != 3 or sys.argv[1] not in ('rst', 'markdown', 'json'):
        sys.exit(__doc__)
    with open(sys.argv[2], encoding='utf-8') as file:
        {'rst': rst, 'markdown': markdown, 'json': compact}[sys.argv[1]](json.load(file))
