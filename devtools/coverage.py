# SPDX-License-Identifier: BSD-3-Clause
"""coverage.py REPOSITORY BUILD LOG: from the counts that programs built for gcov left in
BUILD, print the line coverage of each folder below drivers/, of all of them, and of
app/mediator. LOG gets the functions that never ran, and the lines of those that did."""

import collections
import json
import os
import subprocess
import sys


# Objects are named by their library; drivers are compiled for a temporary one.
PLACES = {'drivers': '/libtmp_', 'app/mediator': '/'}


def gcov(build):
    """What gcov says of each object file that was run or could have been."""
    notes = [os.path.relpath(os.path.join(folder, name), build)
             for place, library in PLACES.items()
             for folder, _, names in os.walk(os.path.join(build, place))
             for name in names if name.endswith('.gcno') and library in folder]
    out = subprocess.run(['gcov', '--json-format', '--stdout', *sorted(notes)], cwd=build,
                         check=True, stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL).stdout
    return [json.loads(line) for line in out.splitlines() if line.strip()]


def counts_of(repository, build):
    """{file: {line: count}} and {file: {function: count}} of the files in PLACES."""
    lines = collections.defaultdict(collections.Counter)
    functions = collections.defaultdict(collections.Counter)
    for unit in gcov(build):
        for source in unit['files']:
            name = os.path.relpath(os.path.join(build, source['file']), repository)
            if not any(name.startswith(place + '/') for place in PLACES):
                continue
            for line in source['lines']:
                lines[name][line['line_number']] += line['count']
            for function in source['functions']:
                key = (function['start_line'], function['end_line'], function['name'])
                functions[name][key] += function['execution_count']
    return lines, functions


def print_coverage(name, files, lines):
    counts = [count for file in files for count in lines[file].values()]
    ran = sum(count > 0 for count in counts)
    print(f'coverage: {name} {100 * ran / max(len(counts), 1):.1f} %'
          f' ({ran}/{len(counts)} lines)')


def write_log(path, lines, functions):
    with open(path, 'w', encoding='ascii') as log:
        for file in sorted(lines):
            never = [key for key, count in sorted(functions[file].items()) if count == 0]
            for start, _, name in never:
                log.write(f'{file}:{start}: {name}() never ran\n')
            for number, count in sorted(lines[file].items()):
                if count == 0 and not any(start <= number <= end
                                          for start, end, _ in never):
                    log.write(f'{file}:{number}: never ran\n')


def main():
    repository, build, log = sys.argv[1:]
    lines, functions = counts_of(repository, build)
    folders = collections.defaultdict(list)
    for file in lines:
        folders[os.path.dirname(file)].append(file)
    for folder, files in sorted(folders.items()):
        if folder.startswith('drivers/'):
            print_coverage(folder, files, lines)
    for place in PLACES:
        print_coverage(place, [file for file in lines if file.startswith(place + '/')],
                       lines)
    write_log(log, lines, functions)


main()
