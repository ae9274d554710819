#!/usr/bin/env python3
"""Measure what vault-listen -k does for many clients, on the loopback interface.

Usage: server.py [--json]

  BENCH_ROUNDS (5)         rounds after the warm-up       BENCH_PARTS  of handshakes,workers,held,idle,scale; comma list
  BENCH_HANDSHAKES (2000)  a run, BENCH_PARALLEL (16) at a time
  BENCH_TOOLS              only these servers for handshakes, comma list
  BENCH_WORKERS (1 and as many as there are CPUs)  of vault-listen --workers, comma list
  BENCH_HELD (500)         connections that are held while BENCH_MIB (200) are sent, BENCH_TIMES (3) times
  BENCH_CLIENTS (1,10,100,1000,10000)  idle ones, for BENCH_IDLE (2) seconds; BENCH_MESSAGES (20000) come from all of
                           them together
  BENCH_TOTAL (1024)       MiB that 1, 10, ... of BENCH_CLIENTS send in records of 32 KiB, taking turns; then BENCH_SMALL
                           (200000) messages of 256 bytes
  BENCH_JSON=1             as --json                      VT_BUILD, VT_BIN  where the programs are

Every round runs all of it once, in turn. Tables on standard output, progress on standard error. Status 1 if anything of
vault-listen's failed, was lost, or was not held; what others fail at is in the table.
"""
import json
import os
import platform
import resource
import shlex
import signal
import sys

sys.dont_write_bytecode = True

import crowd  # noqa: E402
import handshakes  # noqa: E402
import place as places  # noqa: E402
import report  # noqa: E402
import scale  # noqa: E402
from bench import ROOT, cpu_name, load, number, say, usage_error, words  # noqa: E402
from place import MIB, make_place  # noqa: E402
from proc import Failure, end_all  # noqa: E402
from report import complaints, median, spread, times  # noqa: E402

PARTS = ('handshakes', 'workers', 'held', 'idle', 'scale')
NAMES = ('ROUNDS', 'PARTS', 'HANDSHAKES', 'PARALLEL', 'TOOLS', 'WORKERS', 'HELD', 'MIB', 'TIMES', 'CLIENTS', 'IDLE', 'MESSAGES', 'TOTAL', 'SMALL')


class Options:
    def __init__(self, argv):
        if '--help' in argv or '-h' in argv:
            print(__doc__.strip())
            sys.exit(0)
        for a in argv:
            if a != '--json':
                usage_error(f'{a}: not an option; see --help')
        self.json = bool(argv) or os.environ.get('BENCH_JSON', '') not in ('', '0')
        self.rounds = number('BENCH_ROUNDS', 5, 1, 1000)
        self.parts = words('BENCH_PARTS', ','.join(PARTS), PARTS)
        self.handshakes = number('BENCH_HANDSHAKES', 2000, 1, 10 ** 6)
        self.parallel = number('BENCH_PARALLEL', 16, 1, 1024)
        self.held = number('BENCH_HELD', 500, 3, 10000)
        self.mib = number('BENCH_MIB', 200, 1, 1 << 16)
        self.times = number('BENCH_TIMES', 3, 1, 1000)
        self.idle = number('BENCH_IDLE', 2, 1, 3600)
        self.messages = number('BENCH_MESSAGES', 20000, 1, 10 ** 7)
        self.total = number('BENCH_TOTAL', 1024, 1, 1 << 16)
        self.small = number('BENCH_SMALL', 200000, 1, 10 ** 8)
        self.tools = words('BENCH_TOOLS', '', [s.name for s in handshakes.all_servers()])
        self.clients = words('BENCH_CLIENTS', '1,10,100,1000,10000')
        if not all(w.isdigit() and 0 < int(w) <= 60000 for w in self.clients):
            usage_error('BENCH_CLIENTS: numbers up to 60000')
        self.workers = words('BENCH_WORKERS', f'1,{min(max(os.cpu_count() or 1, 2), 64)}')
        if not all(w.isdigit() and 0 < int(w) <= 64 for w in self.workers):
            usage_error('BENCH_WORKERS: numbers up to 64')
        self.workers = sorted({int(w) for w in self.workers})
        self.clients = sorted({int(w) for w in self.clients})
        self.build = os.path.abspath(os.environ.get('VT_BUILD') or os.path.join(ROOT, 'build'))
        self.bin = os.path.abspath(os.environ.get('VT_BIN') or os.path.join(self.build, 'bin'))

    @staticmethod
    def command():
        env = [f'BENCH_{n}={shlex.quote(os.environ[f"BENCH_{n}"])}' for n in NAMES if os.environ.get(f'BENCH_{n}')]
        return ' '.join([*env, 'make bench-server'])


def raise_limit(most):
    """As many descriptors as the largest number of clients takes, if that can be had. How many there are."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    want = most + crowd.SPARE
    if hard != resource.RLIM_INFINITY and hard < want:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (want, want))
            return want
        except (ValueError, OSError):
            pass
    else:
        want = max(want, 1024)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(want, hard) if hard != resource.RLIM_INFINITY else want, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def bounded(options, notes):
    """The numbers of clients for which there are descriptors."""
    room = raise_limit(max(options.clients + [options.held])) - crowd.SPARE
    clients = sorted({min(n, room) for n in options.clients})
    if clients != options.clients:
        notes.append(f'only {room + crowd.SPARE} files can be open: no more than {room} clients')
    options.held = min(options.held, room)
    return clients


def entry(title, **more):
    return {'title': title, 'runs': [], 'failures': [], **more}


def attempt(e, n, run, what):
    """Round 0 is the warm-up; its figures are not kept, its failures are."""
    say(f'{f"round {n}" if n else "warm-up"}: {what}')
    try:
        result = run()
    except Failure as x:
        e['failures'].append(str(x))
        say(f'{what}: FAILED: {x}')
        return
    finally:
        end_all()
    if n:
        e['runs'].append({'round': n, **result})


def one_round(place, options, data, servers, n):
    for s in servers:
        attempt(data['handshakes'][s.name], n,
                lambda s=s: handshakes.measure(place, s, options.handshakes if n else min(options.handshakes, 200),
                                               options.parallel), s.title)
    for e in data['workers'].values():
        s = e['server']
        attempt(e, n, lambda s=s: handshakes.measure(place, s, options.handshakes if n else min(options.handshakes, 200),
                                                     options.parallel), f'{s.title}, --workers {s.workers}')
    if 'held' in options.parts:
        attempt(data['held'], n, lambda: crowd.held(place, options.held, options.times), f'{options.held} connections held')
    for e in data['idle'].values() if n else ():
        attempt(e, n, lambda e=e: crowd.idle(place, e['clients'], options.messages, options.idle), e['title'])
    for kind, total, size in (('bulk', options.total * MIB, scale.RECORD), ('small', options.small * scale.MESSAGE, scale.MESSAGE)):
        for e in data['scale'][kind].values() if n else ():
            attempt(e, n, lambda e=e, t=total, s=size: scale.scale(place, e['clients'], t, s), e['title'])


def choose(place, options, missing):
    servers = []
    for s in handshakes.all_servers() if 'handshakes' in options.parts else []:
        if options.tools and s.name not in options.tools:
            continue
        lacks = s.missing(place)
        if lacks:
            missing[s.name] = f'{lacks} is not installed' + (f' (apt: {s.package})' if s.package else '')
            continue
        s.prepare(place)
        servers.append(s)
    return servers


def choose_workers(place, options, missing):
    chosen = {}
    for name, servers in handshakes.with_workers(options.workers).items() if 'workers' in options.parts else ():
        lacks = servers[0].missing(place)
        if lacks:
            missing[name] = f'{lacks} is not built'
            continue
        for s in servers:
            chosen[s.name] = entry(s.title, ours=True, kind=name, workers=s.workers, server=s)
    return chosen


def run_all(options):
    before, notes, missing = load(), [], {}
    clients = bounded(options, notes)
    with make_place(options.build, options.bin, options.mib * MIB) as place:
        places.make_vault_keys(place)
        servers = choose(place, options, missing)
        data = {'v': 1, 'command': options.command(), 'rounds': options.rounds,
                'handshakes': {s.name: entry(s.title, driver=s.driver, mutual=s.mutual, ours=s.ours,
                                             version=s.version(place)) for s in servers},
                'workers': choose_workers(place, options, missing),
                'held': entry(f'{options.held} held'),
                'idle': {n: entry(f'{n} idle', clients=n) for n in clients} if 'idle' in options.parts else {},
                'scale': {kind: {n: entry(f'{kind}, {n} clients', clients=n) for n in clients} if 'scale' in options.parts else {}
                          for kind in ('bulk', 'small')}}
        for n in range(options.rounds + 1):
            one_round(place, options, data, servers, n)
    for e in data['workers'].values():
        del e['server']
    sizes = {'count': options.handshakes, 'parallel': options.parallel, 'held': options.held, 'mib': options.mib,
             'times': options.times, 'messages': options.messages, 'line': crowd.LINE, 'idle_s': options.idle,
             'total_mib': options.total, 'record': scale.RECORD, 'small': options.small, 'message': scale.MESSAGE}
    return {**data, 'sizes': sizes, 'notes': notes, 'missing': missing,
            'machine': {'cpu': cpu_name(), 'cpus': os.cpu_count(), 'kernel': platform.release(), 'load_before': before,
                        'load_after': load()}}


# ---- report ----

def handshake_table(data):
    base = data['handshakes'].get('s_server', {'runs': []})['runs']
    rows = []
    for e in data['handshakes'].values():
        r = e['runs']
        rows.append([e['title'], 'both' if e['mutual'] else 'server', spread(r, 'per_second', 0), times(r, base, 'per_second'),
                     spread(r, 'cpu_ms_1000', 0), times(r, base, 'cpu_ms_1000'), f'{e["driver"]} {median(r, "driver_cpu_ms_1000", 0)}',
                     spread(r, 'busy', 2), complaints(e, ('failed', 'FAILED handshakes'))])
    return report.table(['server', 'proves a key', 'a second', 'x s_server', 'server CPU ms/1000', 'x s_server',
                         'driver CPU ms/1000', 'server busy', ''], rows)


def workers_table(data):
    base, rows = {}, []
    for e in data['workers'].values():
        r = e['runs']
        one = base.setdefault(e['kind'], r)
        rows.append([e['title'], e['workers'], spread(r, 'per_second', 0), times(r, one, 'per_second'), spread(r, 'cpu_ms_1000', 0),
                     times(r, one, 'cpu_ms_1000'), median(r, 'driver_cpu_ms_1000', 0), spread(r, 'busy', 2),
                     complaints(e, ('failed', 'FAILED handshakes'))])
    return report.table(['vault-listen -k', '--workers', 'a second', 'x first', 'server CPU ms/1000', 'x first', 'driver CPU ms/1000',
                         'server busy', ''], rows)


def held_lines(data):
    e, z = data['held'], data['sizes']
    runs = e['runs']
    short = [r['held'] for r in runs if r['held'] < r['asked']]
    notes = complaints(e, ('lost', 'LOST bytes')) + (f'; NOT HELD: only {min(short)}' if short else '')
    row = [spread(runs, 'alone_mib_s', 0), spread(runs, 'beside_mib_s', 0), spread(runs, 'share', 2), notes]
    return [f'{z["held"]} connections are held (a third silent, a third saying a byte of a hello each second, a third let in and',
            f'stuck in a record) while a client sends {z["times"]} x {z["mib"]} MiB; MiB/s of that client:', '',
            report.table(['alone', 'beside them', 'share', ''], [row])]


def idle_table(data):
    rows = []
    for n, e in data['idle'].items():
        r = e['runs']
        rows.append([n, median(r, 'rss_kib', 0), spread(r, 'rss_kib_client', 2), median(r, 'idle_cpu_ms_s', 2),
                     spread(r, 'broadcast_ms', 1), spread(r, 'messages_s', 0), median(r, 'mb_s', 1), median(r, 'cpu_us_message', 1),
                     median(r, 'connect_cpu_ms_1000', 0), complaints(e, ('messages_lost', 'LOST messages'))])
    return report.table(['clients', 'RssAnon KiB', 'KiB a client', 'idle CPU ms/s', 'to all ms', 'messages/s', 'MB/s', 'CPU us/message',
                         'to let in, CPU ms/1000', ''], rows)


def scale_tables(data):
    bulk, small = [], []
    for n, e in data['scale']['bulk'].items():
        r = e['runs']
        bulk.append([n, spread(r, 'mib_s', 0), spread(r, 'cpu_s_gib', 2), median(r, 'driver_cpu_s_gib', 2), median(r, 'rss_kib', 0),
                     spread(r, 'anon_kib', 0), median(r, 'anon_kib_client', 1), median(r, 'leave_cpu_us', 0),
                     complaints(e, ('lost', 'LOST bytes'))])
    for n, e in data['scale']['small'].items():
        r = e['runs']
        small.append([n, spread(r, 'messages_s', 0), spread(r, 'cpu_us_message', 2), median(r, 'driver_cpu_us_message', 2),
                      spread(r, 'anon_kib', 0), median(r, 'anon_kib_client', 1), complaints(e, ('lost', 'LOST bytes'))])
    return [report.table(['clients', 'MiB/s', 'CPU s/GiB', 'driver CPU s/GiB', 'RSS KiB', 'RssAnon KiB', 'KiB a client',
                          'to leave, CPU us', ''], bulk), '',
            report.table(['clients', 'messages/s', 'CPU us/message', 'driver CPU us', 'RssAnon KiB', 'KiB a client', ''], small)]


def text(data):
    m, z = data['machine'], data['sizes']
    out = [f'{m["cpu"]} x {m["cpus"]}, Linux {m["kernel"]}; load {m["load_before"]} before, {m["load_after"]} after',
           f'command: {data["command"]}; {data["rounds"]} rounds, all in turn; medians (least-most); ratios are medians of those',
           'within a round', *data['notes']]
    if data['handshakes']:
        out += ['', f'Full handshakes, {z["count"]} a run, {z["parallel"]} at a time, nothing resumed, each ended by both sides. X25519; TLS: Ed25519',
                'certificates. The drivers (tests/tools/swarm.c, tests/bench/tlsload.c) are one process each and share the CPUs',
                'with the server, so that CPU time compares best; "server busy" is its share of one CPU: where that is well below',
                '1, the server has waited for the driver.', '', handshake_table(data)]
    if data['workers']:
        out += ['', f'--workers: {z["count"]} a run, {z["parallel"]} at a time. A first message that is answered costs the server all of its own public-key',
                'work (IK), and the driver (tests/bench/helloload.c) next to nothing; with full handshakes the driver needs as much as',
                'the server, so that few CPUs leave the threads nothing:', '', workers_table(data)]
    if data['held']['runs'] or data['held']['failures']:
        out += ['', *held_lines(data)]
    if data['idle']:
        out += ['', f'Clients that are let in and idle for {z["idle_s"]} s; one line of 64 bytes to all; then together about {z["messages"]} lines of {z["line"]} bytes',
                'from them (at least one of each) until each has its receipt and has left; KiB a client: RssAnon above that of',
                'the listener before.', '', idle_table(data)]
    if data['scale']['bulk']:
        out += ['', f'The same amount from all clients together, a record of each in turn: {z["total_mib"]} MiB in records of {z["record"]} bytes,',
                f'then {z["small"]} messages of {z["message"]} bytes (at least one of each); until the listener has confirmed all of it to each.',
                'The most memory meanwhile; the driver is one process on the same CPUs.', '', *scale_tables(data)]
    out += [''] + [f'{e["title"]}: {e["version"]}' for e in data['handshakes'].values()]
    out += [f'{n}: not measured: {why}' for n, why in data['missing'].items()]
    return '\n'.join(out)


def sound(data):
    """Nothing failed that is ours."""
    bad = [e['title'] for e in (*data['handshakes'].values(), *data['workers'].values())
           if e['ours'] and (e['failures'] or any(r['failed'] for r in e['runs']))]
    e = data['held']
    if e['failures'] or any(r['lost'] or r['held'] < r['asked'] for r in e['runs']):
        bad.append(e['title'])
    bad += [e['title'] for e in data['idle'].values() if e['failures'] or any(r['messages_lost'] for r in e['runs'])]
    bad += [e['title'] for kind in data['scale'].values() for e in kind.values()
            if e['failures'] or any(r['lost'] for r in e['runs'])]
    if bad:
        say(f'FAILED: {"; ".join(bad)}')
    return not bad


def main():
    options = Options(sys.argv[1:])
    for n in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(n, lambda n, _: sys.exit(128 + n))
    try:
        data = run_all(options)
    except Failure as e:
        say(str(e))
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        end_all()
    print(json.dumps(data) if options.json else text(data))
    return 0 if sound(data) else 1


if __name__ == '__main__':
    sys.exit(main())
