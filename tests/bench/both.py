"""Both directions at once, and one alone: how fast, and whether one of them starves."""
import contextlib
import os
import time

import report
from measure import GIB, digest_of, time_limit
from place import MIB
from proc import Failure
from session import Session

NAMES = ('vault-aes', 'nc', 'socat-ssl-1m')
TICK = 0.001
SINKS = ('to_server', 'to_client')


@contextlib.contextmanager
def _sink(path):
    """A file that keeps its pages from run to run: where an end has got to is its position."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(fd, 'r+b', buffering=0) as f:
        yield f


def _position(f):
    return os.lseek(f.fileno(), 0, os.SEEK_CUR)


def _ended(s):
    return all([p.wait(0) for p in (s.client, s.server)])


def _watch(s, sinks, size, begin):
    """Until each sink has all of it: when that was, and what every sink had when the first one had all."""
    end, at, first = begin + time_limit(size), [None] * len(sinks), None
    while None in at:
        over = _ended(s)  # before the look: what they wrote is there then
        places, now = [_position(f) for f in sinks], time.perf_counter()
        for i, p in enumerate(places):
            if p >= size and at[i] is None:
                at[i] = now - begin
                first = first or places
        if None in at and (over or now > end):
            raise Failure(f'LOST {[size - p for p in places]} bytes of the two ways; {s.complaint()}')
        time.sleep(TICK)
    return at, first


def _finish(s, sinks, size):
    """Nothing may come after all of it. Who has not left by now has its own reasons, and is ended. CPU seconds."""
    for p in (s.client, s.server):
        if not p.wait(3):
            p.end()
    over = [_position(f) - size for f in sinks]
    if any(over):
        raise Failure(f'{over} bytes too many have arrived')
    return s.cpu()


def _transfer(place, rival, ways):
    """One or two ways. Returns seconds for each, and what each had when the first one was through."""
    with contextlib.ExitStack() as stack:
        to_server, to_client = (stack.enter_context(_sink(place.path(n))) for n in SINKS)
        sinks = [to_server, to_client][:ways]
        s = stack.enter_context(Session(place, rival, 'echo' if ways == 2 else 'bulk'))
        sources = [stack.enter_context(open(place.file, 'rb')) for _ in range(ways)]
        s.start(stdin=sources[1] if ways == 2 else None, stdout=to_server)
        begin = time.perf_counter()
        s.connect(stdin=sources[0], stdout=to_client)
        at, first = _watch(s, sinks, place.size, begin)
        return at, first, _finish(s, sinks, place.size)


class Part:
    name = 'both'

    def __init__(self, place, rivals, options):
        self.place = place
        self.rivals = {r.name: r for r in rivals if r.name in NAMES}
        self.contenders = {name: r.title for name, r in self.rivals.items()}

    def run(self, name, number):
        """Round 0 also compares what has arrived."""
        place, rival = self.place, self.rivals[name]
        if number == 0:
            for n in SINKS:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(place.path(n))
        one, _, one_cpu = _transfer(place, rival, 1)
        both, first, both_cpu = _transfer(place, rival, 2)
        for n in SINKS if number == 0 else ():
            if digest_of(place.path(n)) != place.digest:
                raise Failure(f'{n}: what arrived differs')
        speed = place.size / MIB / one[0]
        total = 2 * place.size / MIB / max(both)
        return {'one_mib_s': speed, 'both_mib_s': total, 'gain': total / speed, 'share': min(first) / place.size,
                'one_cpu_s_gib': one_cpu * GIB / place.size, 'both_cpu_s_gib': both_cpu * GIB / place.size / 2}

    def end(self):
        for n in SINKS:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.place.path(n))


def lines(entries):
    base = entries.get('nc', {'runs': []})['runs']
    rows = [[e['title'], report.spread(e['runs'], 'one_mib_s', 0), report.spread(e['runs'], 'both_mib_s', 0),
             report.times(e['runs'], base, 'both_mib_s'), report.spread(e['runs'], 'gain', 2),
             report.spread(e['runs'], 'share', 2), report.median(e['runs'], 'one_cpu_s_gib', 2),
             report.median(e['runs'], 'both_cpu_s_gib', 2), report.complaints(e)] for e in entries.values()]
    return ['Both directions at once: the file goes both ways, each into a file in memory that has its pages already; one way',
            'alone before it, likewise. Sum: until the last byte of both is there. Slower one: the part of it that was there',
            'when the other one was through. CPU: of both ends, a GiB that arrived. Arrived: counted in every run, compared in the warm-up.', '',
            report.table(['tool', 'one way MiB/s', 'both, sum MiB/s', 'x nc', 'sum / one way', 'slower one',
                          'CPU s/GiB, one', 'both', ''], rows)]
