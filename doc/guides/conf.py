# SPDX-License-Identifier: BSD-3-Clause

# Configuration of Sphinx for the guides, in the manner of DPDK's doc/guides/conf.py.

import configparser
import importlib.util
from os import environ
from os.path import dirname, join

from docutils import nodes
from docutils.parsers.rst import Directive, directives

project = 'DPDK on mediated devices'
html_show_copyright = False
html_permalinks = False
html_copy_source = False
html_show_sourcelink = False
highlight_language = 'none'
numfig = True
root_doc = 'index'
extensions = ['myst_parser']    # decisions.md

version = release = environ.get('DPDK_MDEV_VERSION', '')

if importlib.util.find_spec('sphinx_rtd_theme'):
    html_theme = 'sphinx_rtd_theme'
html_static_path = ['css']
html_css_files = ['guides.css']

# The features of drivers, in DPDK's words; how a driver supports one.
SUPPORT = {'Y': 'yes', 'P': 'partly, or if the device offers it'}


class DriverFeatures(Directive):
    """Table of an .ini file of nics/features, which is the argument.

    DPDK's own conf.py makes such tables of all drivers at once, and of their default.ini,
    which names all features that there are.
    """

    required_arguments = 1
    final_argument_whitespace = True

    def features(self, path):
        ini = configparser.ConfigParser()
        ini.optionxform = str
        with open(path, encoding='utf-8') as file:
            ini.read_file(file)
        return ini['Features'].items()

    def run(self):
        env = self.state.document.settings.env
        path = join(dirname(env.doc2path(env.docname)), directives.path(self.arguments[0]))
        env.note_dependency(path)
        try:
            rows = [(name, SUPPORT[value]) for name, value in self.features(path)]
        except (OSError, KeyError, configparser.Error) as error:
            raise self.error('%s: %s' % (path, error)) from error
        return [table(('Feature', 'Supported'), rows)]


def table(head, rows):
    """A table of text, as docutils has it."""
    group = nodes.tgroup(cols=len(head))
    group += [nodes.colspec(colwidth=1) for _ in head]
    group += nodes.thead('', table_row(head))
    group += nodes.tbody('', *(table_row(row) for row in rows))
    return nodes.table('', group)


def table_row(cells):
    return nodes.row('', *(nodes.entry('', nodes.paragraph(text=cell)) for cell in cells))


def setup(app):
    app.add_directive('driver-features', DriverFeatures)
    return {'parallel_read_safe': True, 'parallel_write_safe': True}
