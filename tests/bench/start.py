"""How long the tools take until they do what they were started for."""
import os
import select
import signal
import socket
import statistics
import time

import place as places
import report
from proc import Failure

LIMIT = 20
READY = 3
# tool: (what is seen of it, arguments); $D directory, $P port of somebody who accepts
TOOLS = {
    'vault-keygen': ('-y, a key', '-y -f $D/server'),
    'vault-ifinfo': ('--json, its output', '--json'),
    'vault-connect': ('its connection', '-i $D/client -r @$D/server.pub --quiet 127.0.0.1 $P'),
    'vault-listen': ('it listens', f'-i $D/server -a $D/authorized_keys --ready-fd {READY} 127.0.0.1 0'),
    'vault-udp': ('it is bound', f'-i $D/server -a $D/authorized_keys --ready-fd {READY} -l 127.0.0.1:0'),
}


class Part:
    name = 'start'

    def __init__(self, place, rivals, options):
        self.place, self.count = place, options.starts
        places.make_vault_keys(place)
        self.env = place.environment()
        self.listener = socket.create_server(('127.0.0.1', 0), backlog=64)
        self.listener.settimeout(LIMIT)
        self.port = str(self.listener.getsockname()[1])
        self.only = os.path.join(place.build, 'bench', 'onlysodium')
        self.contenders = {name: f'{name}: {what}' for name, (what, _) in TOOLS.items()}

    def _argv(self, name):
        words = TOOLS[name][1].replace('$P', self.port).split()
        return [self.place.tool(name), *(w.replace('$D', self.place.dir) for w in words)]

    def _spawn(self, argv, out):
        """out, if it is one, is standard output and what --ready-fd is told."""
        actions = [(os.POSIX_SPAWN_OPEN, fd, '/dev/null', os.O_RDWR, 0) for fd in (0, 1, 2)]
        if out is not None:
            actions += [(os.POSIX_SPAWN_DUP2, out, 1), (os.POSIX_SPAWN_DUP2, out, READY)]
        return os.posix_spawn(argv[0], argv, self.env, file_actions=actions)

    def _seen(self, came, argv):
        """It works: it has connected, or said something."""
        if came is None:
            self.listener.accept()[0].close()
        elif not select.select([came], [], [], LIMIT)[0] or not os.read(came, 1):
            raise Failure(f'{argv[0]}: nothing is heard of it')

    def _one(self, argv, connects):
        """Milliseconds from before the spawn until that is seen from outside."""
        came, out = (None, None) if connects else os.pipe()
        begin = time.perf_counter()
        pid = self._spawn(argv, out)
        try:
            self._seen(came, argv)
            return (time.perf_counter() - begin) * 1000
        except OSError as e:
            raise Failure(f'{argv[0]}: {e}') from e
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            for fd in (came, out):
                if fd is not None:
                    os.close(fd)

    def run(self, name, number):
        """The tool and the program that does nothing else, in turn."""
        connects = name == 'vault-connect'
        argv, only = self._argv(name), [self.only, *([self.port] if connects else [])]
        took, least = [], []
        for _ in range(self.count if number else 3):
            least.append(self._one(only, connects))
            took.append(self._one(argv, connects))
        return {'best_ms': min(took), 'median_ms': statistics.median(took), 'least_best_ms': min(least),
                'least_median_ms': statistics.median(least)}

    def end(self):
        self.listener.close()


def _best(runs, key):
    return min((r[key] for r in runs), default=None)


def _over(runs):
    """Best against best, and the median of the rounds' medians: both in milliseconds."""
    if not runs:
        return '-', '-'
    middle = statistics.median(r['median_ms'] - r['least_median_ms'] for r in runs)
    return f'{_best(runs, "best_ms") - _best(runs, "least_best_ms"):.2f}', f'{middle:.2f}'


def lines(entries, count):
    rows = []
    for e in entries.values():
        runs = e['runs']
        best = [f'{_best(runs, k):.2f}' if runs else '-' for k in ('best_ms', 'least_best_ms')]
        rows.append([e['title'], *best, *_over(runs), '; '.join(e['failures'])])
    return [f'Start: from the spawn until it is seen from outside that a tool does its work, {count} times a round, in turn with a',
            'program that initialises libsodium and then writes a byte, or connects (tests/bench/onlysodium.c). The least of all', 'rounds.', '',
            report.table(['tool', 'best ms', 'libsodium only', 'difference', 'of medians', ''], rows)]
