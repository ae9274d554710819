"""How long small messages take there and back over one session."""
import contextlib
import json
import os

import report
from proc import Failure, status_text
from session import Session

NAMES = ('vault-aes', 'nc', 'socat-ssl-1m')
SIZES = (1, 100, 1000)
LIMIT = 310


class Part:
    name = 'latency'

    def __init__(self, place, rivals, options):
        self.place, self.count = place, options.pings
        self.rivals = {r.name: r for r in rivals if r.name in NAMES}
        self.contenders = {name: r.title for name, r in self.rivals.items()}

    def _pipe(self, stack):
        fds = os.pipe()
        for fd in fds:
            stack.callback(os.close, fd)
        return fds

    def run(self, name, number):
        place, out = self.place, self.place.path('pingpong')
        with contextlib.ExitStack() as stack:
            (cr, to_client), (from_client, cw), (sr, to_server), (from_server, sw) = (
                self._pipe(stack) for _ in range(4))
            s = stack.enter_context(Session(place, self.rivals[name], 'echo'))
            s.start(stdin=sr, stdout=sw)
            s.connect(stdin=cr, stdout=cw)
            fds = (to_client, from_client, to_server, from_server)
            with open(out, 'wb') as f:
                driver = s.add([os.path.join(place.build, 'bench', 'pingpong'), self.count if number else 20, *fds, *SIZES],
                               stdout=f, fds=fds)
            if not driver.wait(LIMIT) or driver.status != 0:
                raise Failure(f'pingpong: {status_text(driver.status)}; {s.complaint()}')
            for p in (s.client, s.server):
                if p.wait(0):
                    raise Failure(f'{p.argv[0]} has left with {status_text(p.status)}')
        figures = {}
        with open(out, encoding='ascii') as f:
            for line in f:
                d = json.loads(line)
                figures.update({f'p50_{d["size"]}_us': d['p50_us'], f'p99_{d["size"]}_us': d['p99_us']})
        return figures

    def end(self):
        pass


def lines(entries, count):
    base = entries.get('nc', {'runs': []})['runs']
    rows = []
    for e in entries.values():
        row = [e['title']]
        for size in SIZES:
            row += [report.spread(e['runs'], f'p50_{size}_us', 0), report.times(e['runs'], base, f'p50_{size}_us'),
                    report.median(e['runs'], f'p99_{size}_us', 0)]
        rows.append([*row, report.complaints(e)])
    head = [x for size in SIZES for x in (f'{size} B p50 us', 'x nc', 'p99 us')]
    return [f'Latency: {count} messages of each size over one session, one at a time: tests/bench/pingpong.c puts it into the client,',
            'has it out of the server, puts it into the server, has it out of the client, through pipes, and compares it. socat with',
            'nodelay at both ends; nc does not set it and does not need it here, as nothing else is under way.', '',
            report.table(['tool', *head, ''], rows)]
