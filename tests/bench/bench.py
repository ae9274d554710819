#!/usr/bin/env python3
"""Measure vault-connect and vault-listen against other tools that move bytes, on the loopback interface.

Usage: bench.py [--json] [--behaviour] [--behaviour-only]

  BENCH_MIB (1024)  size of what is sent         BENCH_ROUNDS (5)  rounds after the warm-up
  BENCH_TOOLS       only these, comma list       BENCH_SETUPS (4)  connections a round
  BENCH_PARTS       of bulk,both,latency,compress,start; comma list, otherwise all of them. bulk: throughput and
                    connections; both: both directions at once; compress: --compress, also on a slow link
  BENCH_PINGS (2000)  messages of each size, for latency
  BENCH_STARTS (100)  starts of each tool in a round, for start
  BENCH_JSON=1      as --json                    BENCH_BEHAVIOUR=1 as --behaviour; =only: nothing else
  VT_BUILD, VT_BIN  where the programs are

Every round runs every tool once, in turn. A table on standard output, progress on standard error. Status 1 if
vault lost something or failed; what other tools lose is in the table.
"""
import json
import os
import platform
import shlex
import signal
import sys

sys.dont_write_bytecode = True

import behaviour  # noqa: E402
import measure  # noqa: E402
import parts  # noqa: E402
import report  # noqa: E402
from place import MIB, make_place  # noqa: E402
from proc import Failure, end_all, output_of  # noqa: E402
from rivals import all_rivals  # noqa: E402

PARTS = ('bulk', *parts.MODULES)
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def say(text):
    print(f'bench: {text}', file=sys.stderr, flush=True)


def usage_error(text):
    say(text)
    sys.exit(2)


def number(name, default, low, high):
    text = os.environ.get(name) or str(default)
    if not text.isdigit() or not low <= int(text) <= high:
        usage_error(f'{name}={text}: not a number from {low} to {high}')
    return int(text)


def words(name, default, known=None):
    chosen = [w for w in (os.environ.get(name) or default).split(',') if w]
    for w in chosen:
        if known and w not in known:
            usage_error(f'{name}: {w}: not one of {",".join(known)}')
    return chosen


class Options:
    def __init__(self, argv):
        known = {'--json', '--behaviour', '--behaviour-only'}
        if '--help' in argv or '-h' in argv:
            print(__doc__.strip())
            sys.exit(0)
        for a in argv:
            if a not in known:
                usage_error(f'{a}: not an option; see --help')
        wish = os.environ.get('BENCH_BEHAVIOUR', '')
        self.json = '--json' in argv or os.environ.get('BENCH_JSON', '') not in ('', '0')
        self.only = '--behaviour-only' in argv or wish == 'only'
        self.behaviour = self.only or '--behaviour' in argv or wish not in ('', '0')
        self.mib = number('BENCH_MIB', 32 if self.only else 1024, 1, 1 << 20)
        self.rounds = 0 if self.only else number('BENCH_ROUNDS', 5, 1, 1000)
        self.setups = 0 if self.only else number('BENCH_SETUPS', 4, 0, 1000)
        self.parts = [] if self.only else words('BENCH_PARTS', ','.join(PARTS), PARTS)
        self.pings = number('BENCH_PINGS', 2000, 1, 10 ** 6)
        self.starts = number('BENCH_STARTS', 100, 1, 10 ** 5)
        self.tools = words('BENCH_TOOLS', '')
        self.build = os.path.abspath(os.environ.get('VT_BUILD') or os.path.join(ROOT, 'build'))
        self.bin = os.path.abspath(os.environ.get('VT_BIN') or os.path.join(self.build, 'bin'))

    def command(self):
        names = ('MIB', 'ROUNDS', 'SETUPS', 'TOOLS', 'BEHAVIOUR', 'PARTS', 'PINGS', 'STARTS')
        env = [f'BENCH_{n}={shlex.quote(os.environ[f"BENCH_{n}"])}' for n in names if os.environ.get(f'BENCH_{n}')]
        return ' '.join(env + ['make bench'] if len(sys.argv) == 1 else [*env, 'tests/bench/bench.py', *sys.argv[1:]])


def cpu_name():
    try:
        with open('/proc/cpuinfo', encoding='utf-8') as f:
            return next(line.split(':', 1)[1].strip() for line in f if line.startswith('model name'))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def load():
    return ' '.join(f'{x:.2f}' for x in os.getloadavg())


def has_behaviour(rival):
    """The cipher makes no difference to it."""
    return not rival.one_way and rival.name != 'vault-chacha'


def choose(options):
    """(what to measure, what is missing)"""
    rivals = all_rivals(options.bin)
    names = [r.name for r in rivals]
    for t in options.tools:
        if t not in names:
            usage_error(f'BENCH_TOOLS: {t}: not one of {",".join(names)}')
    wanted = [r for r in rivals if (not options.tools or r.name in options.tools) and
              (has_behaviour(r) or not options.only)]
    missing = {}
    for r in wanted:
        lacks = r.missing()
        if lacks:
            missing[r.name] = {'why': f'{lacks} is not installed', 'package': r.package}
    return [r for r in wanted if r.name not in missing], missing


def prepare(place, rivals, missing):
    ready = []
    for r in rivals:
        try:
            r.prepare(place)
            ready.append(r)
        except Failure as e:
            missing[r.name] = {'why': str(e), 'package': None}
    return ready


def verify(place, rival, entry):
    """Once before anything is timed. A tool that cannot do it at all is not measured further."""
    try:
        v = entry['verify'] = measure.verify(place, rival)
    except Failure as e:
        entry['failures'].append(str(e))
        return False
    if not v['whole']:
        say(f'{rival.name}: {v["arrived"]} of {place.size} bytes arrived; sender {v["client_status"]}, receiver '
            f'{v["server_status"]}; {v["said"]}')
    if v['arrived'] == 0:
        entry['failures'].append(f'nothing arrived: {v["said"]}')
    return v['arrived'] > 0


def one_round(place, rivals, entries, number_, setups):
    """Round 0 is the warm-up; its figures are not kept."""
    for kind in ('file', 'pipe'):
        for r in rivals:
            e = entries[r.name]
            try:
                run = measure.bulk(place, r, kind, e['verify']['other_writes'])
            except Failure as x:
                e['failures'].append(f'{kind}: {x}')
                continue
            if number_:
                e[kind].append({'round': number_, **run})
    for _ in range(setups if number_ else min(setups, 1)):
        for r in rivals:
            e = entries[r.name]
            try:
                run = measure.setup(place, r)
            except Failure as x:
                e['failures'].append(f'connection: {x}')
                continue
            if number_:
                e['setup'].append({'round': number_, **run})


def run_all(options, rivals, missing):
    """The data of the report."""
    before = load()
    bulk = options.rounds and 'bulk' in options.parts
    with make_place(options.build, options.bin, options.mib * MIB, 3 if 'both' in options.parts else 2) as place:
        try:
            ready = prepare(place, rivals, missing)
            others = parts.Parts(place, ready, options, say)
            entries = {r.name: {'version': r.version(), 'verify': None, 'file': [], 'pipe': [], 'setup': [],
                                'failures': []} for r in ready}
            if bulk:
                say(f'verifying {", ".join(r.name for r in ready)}')
                ready = [r for r in ready if verify(place, r, entries[r.name])]
            for n in range(options.rounds + 1 if options.rounds else 0):
                say(f'round {n} of {options.rounds}' if n else 'warm-up')
                if bulk:
                    one_round(place, ready, entries, n, options.setups)
                others.round(n)
            others.end()
            for r in ready if options.behaviour else []:
                if has_behaviour(r):
                    say(f'trouble: {r.name}')
                    entries[r.name]['behaviour'] = behaviour.behaviour(place, r)
            part = min(behaviour.PART, place.size)
            where = os.path.dirname(place.dir)
        finally:
            end_all()
    return {'v': 1, 'command': options.command(), 'mib': options.mib, 'rounds': options.rounds, 'where': where,
            'bulk': bool(bulk), 'pings': options.pings, 'starts': options.starts, 'parts': others.found,
            'setups': options.setups, 'part_mib': part // MIB, 'times': behaviour.TIMES,
            'openssl': output_of(['openssl', 'version']).strip(),
            'machine': {'cpu': cpu_name(), 'cpus': os.cpu_count(), 'kernel': platform.release(), 'load_before': before,
                        'load_after': load()}, 'tools': entries, 'missing': missing}


def ours_is_sound(data):
    """Nothing lost, nothing failed, by the tools of this project."""
    for name, e in data['tools'].items():
        if not name.startswith(('vault-', 'bare-')):
            continue
        runs = e['file'] + e['pipe']
        statuses = {s for r in runs for s in r['statuses']}
        whole = e['verify'] is None or e['verify']['whole']
        if e['failures'] or not whole or statuses - {'0'} or any(r['lost'] for r in runs):
            say(f'{name}: FAILED: {"; ".join(e["failures"]) or "not all arrived, or a status other than 0"}')
            return False
    bad = parts.failed(data)
    if bad:
        say(f'FAILED: {"; ".join(bad)}')
    return not bad


def main():
    options = Options(sys.argv[1:])
    for number_ in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number_, lambda n, _: sys.exit(128 + n))
    rivals, missing = choose(options)
    try:
        data = run_all(options, rivals, missing)
    except Failure as e:
        say(str(e))
        return 1
    except KeyboardInterrupt:
        return 130
    data['best_tls'] = report.summarise(data['tools'])
    everyone = all_rivals(options.bin)
    if options.json:
        print(json.dumps(data))
    else:
        print(report.text(data, {r.name: r.title for r in everyone}, {r.name for r in everyone if r.one_way}))
    if missing:
        say('not measured: ' + ', '.join(missing) + "; 'make bench-deps' installs what Debian has")
    return 0 if ours_is_sound(data) else 1


if __name__ == '__main__':
    sys.exit(main())
