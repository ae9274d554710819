"""What --compress costs where it cannot help, and what it brings on text over a slow link."""
import copy
import hashlib
import os

import measure
import report
from place import MIB
from proc import Failure
from rivals import Vault

RATE = 100 * 10 ** 6       # bytes a second, of the link
CHUNK = 10 ** 6            # at most so many bytes at a time
TEXT_MOST = 256 * MIB
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TITLES = {'plain': 'data that does not shrink, without', 'packed': 'data that does not shrink, --compress',
          'text': 'text over the link, without', 'text-packed': 'text over the link, --compress', 'text-fast': 'text over the link, --compress=1'}
BASES = {'packed': 'plain', 'text-packed': 'text', 'text-fast': 'text'}


class Packing(Vault):
    """With --compress at both ends: both must want it."""

    def __init__(self, option, bin_dir):
        super().__init__('vault-compress', 'AESGCM')
        self.option, self.bin = option, bin_dir

    def server(self, place, port, mode):
        argv = super().server(place, port, mode)
        return [argv[0], self.option, *argv[1:]]

    def client(self, place, port, mode, sink):
        argv = super().client(place, port, mode, sink)
        return [argv[0], self.option, *argv[1:]]


def _text_once():
    """This project's own sources and manual."""
    out = b''
    for top in ('README.md', 'cmd', 'lib', 'man', 'tests/unit', 'tests/tools'):
        path = os.path.join(ROOT, top)
        names = [path] if os.path.isfile(path) else [
            os.path.join(d, f) for d, _, files in os.walk(path) for f in files if f.endswith(('.c', '.h', '.1', '.5', '.7'))]
        for name in sorted(names):
            with open(name, 'rb') as f:
                out += f.read()
    return out


def _make_text(place, size):
    """A place whose file is text: the sources over and over, which no window of the compression reaches over."""
    once, other = _text_once(), copy.copy(place)
    if len(once) <= MIB:
        raise Failure('the sources are not there')
    other.file, other.size = place.path('text'), size
    digest, left = hashlib.sha256(), size
    with open(other.file, 'wb') as f:
        while left > 0:
            block = once[:left]
            f.write(block)
            digest.update(block)
            left -= len(block)
    other.digest = digest.hexdigest()
    return other


class Part:
    name = 'compress'

    def __init__(self, place, rivals, options):
        vault = next((r for r in rivals if r.name == 'vault-aes'), None)
        self.contenders = dict(TITLES) if vault else {}
        if not vault:
            return
        packing, fast = (Packing(option, vault.bin) for option in ('--compress', '--compress=1'))
        text = _make_text(place, min(place.size, TEXT_MOST))
        link = ['--rate', RATE, '--chunk', CHUNK]
        self.ways = {'plain': (place, vault, None), 'packed': (place, packing, None), 'text': (text, vault, link),
                     'text-packed': (text, packing, link), 'text-fast': (text, fast, link)}
        self.written = {}

    def run(self, name, number):
        place, rival, link = self.ways[name]
        if number == 0:
            v = measure.verify(place, rival, link)
            if not v['whole']:
                raise Failure(f'{v["arrived"]} of {place.size} bytes have arrived; {v["said"]}')
            self.written[name] = v['other_writes']
        result = measure.bulk(place, rival, 'file', self.written.get(name), link)
        if result['lost'] or result['statuses'] != ['0', '0']:
            raise Failure(f'lost {result["lost"]} bytes; statuses {result["statuses"]}')
        return {k: result[k] for k in ('mib_s', 'cpu_s_gib')}

    def end(self):
        pass


def lines(entries):
    rows = []
    for name, e in entries.items():
        base = entries[BASES[name]]['runs'] if name in BASES else []
        rows.append([e['title'], report.spread(e['runs'], 'mib_s', 0), report.times(e['runs'], base, 'mib_s'),
                     report.spread(e['runs'], 'cpu_s_gib', 2), report.times(e['runs'], base, 'cpu_s_gib'),
                     report.complaints(e)])
    return ['Compression, vault with AES-256-GCM, from a file to /dev/null. Text: the sources and the manual of this project, over and',
            f'over, at most {TEXT_MOST // MIB} MiB; the link: tests/tools/relay.c, {RATE // 10 ** 6} MB/s. x: to the same without.', '',
            report.table(['vault', 'MiB/s', 'x without', 'CPU s/GiB', 'x without', ''], rows)]
