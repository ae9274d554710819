#!/usr/bin/env python3
"""Measure vault-udp against other tools that move datagrams, on the loopback interface.

Usage: udp.py [--json]

  BENCH_MESSAGES (200000)  messages a run              BENCH_ROUNDS (5)  rounds after the warm-up
  BENCH_MTU (1500,9000)    of the network that the datagrams would fit
  BENCH_SIZE               of a message, if it is not to fill a datagram of vault-udp
  BENCH_TOOLS              only these, comma list      BENCH_JSON=1      as --json
  VT_BUILD, VT_BIN         where the programs are

Every round runs every tool once, in turn. MB = 10^6 bytes of messages that arrived. At the end: what a datagram of garbage
costs, in a flood. A table on standard output, progress on standard error. Status 1 if vault-udp lost a message.
"""
import json
import os
import platform
import re
import shutil
import signal
import statistics
import sys
import tempfile
import time

sys.dont_write_bytecode = True

import report  # noqa: E402
from bench import cpu_name, load, number, say, usage_error  # noqa: E402
from proc import Failure, Proc, end_all, output_of, read_line, status_text  # noqa: E402
from rivals import find, first_match  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HOST = '127.0.0.1'
LIMIT = 120
IDLE = 0.4          # seconds without a byte, and it was the last one
IPV4 = 28           # headers: what is left of the MTU is the size of each datagram of vault-udp and of the bare loops
OVERHEAD = 107 + 45  # of the MTU, what is left to the largest text in any case


class Place:
    """The data and a configuration directory without anybody's keys."""

    def __init__(self, build, bin_dir, directory, messages):
        self.build, self.bin, self.dir, self.messages = build, bin_dir, directory, messages
        self.env = {**os.environ, 'XDG_CONFIG_HOME': os.path.join(directory, 'config'),
                    'XDG_STATE_HOME': os.path.join(directory, 'state'), 'LC_ALL': 'C'}

    def path(self, name):
        return os.path.join(self.dir, name)

    def make_data(self, size):
        """Lines of just that size, the newline included, which do not shrink."""
        with open(self.path('data'), 'wb') as f:
            left = self.messages
            while left:
                n = min(left, 4096)
                block = bytearray(os.urandom(n * size).replace(b'\n', b'\r'))
                block[size - 1::size] = b'\n' * n
                f.write(block)
                left -= n


class Rival:
    """Two programs: start the receiver, run the sender, see what came."""
    programs = ()
    ours = False

    def __init__(self, name, title):
        self.name, self.title = name, title

    def missing(self, place):
        return next((p for p in self.programs if not find(p)), None)

    def version(self, place):
        raise NotImplementedError

    def receiver(self, place, mtu, size, ready):
        """(argv, port); the port is None if it says it on the descriptor."""
        raise NotImplementedError

    def sender(self, place, mtu, size, port):
        raise NotImplementedError

    def run(self, place, mtu, size):
        """One transfer. Nobody tells most of these receivers that it was all: they are ended when nothing comes."""
        r, w = os.pipe()
        try:
            argv, port = self.receiver(place, mtu, size, w)
            with open(os.devnull, 'wb') as null, open(place.path('err'), 'wb') as err:
                receiver = Proc(argv, stdout=null, stderr=err, fds=(w,), env=place.env)
                os.close(w)
                w = -1
                if port is None:
                    port = self.port_of(read_line(r, receiver))
                    r = -1
                else:
                    wait_bound(receiver, port)
                begin, before = time.perf_counter(), written(receiver.pid)
                with open(place.path('data'), 'rb') as data:
                    sender = Proc(self.sender(place, mtu, size, port), stdin=data, stderr=err, env=place.env)
                return self.result(place, size, sender, receiver, begin, before)
        finally:
            for fd in (r, w):
                if fd >= 0:
                    os.close(fd)
            end_all()

    @staticmethod
    def port_of(line):
        return json.loads(line)['port'] if line.startswith('{') else int(line)

    def result(self, place, size, sender, receiver, begin, before):
        last, total, end = time.perf_counter(), before, time.monotonic() + LIMIT
        while time.monotonic() < end:
            now = written(receiver.pid)
            if now is None or receiver.wait(0):
                break
            if now != total:
                total, last = now, time.perf_counter()
            elif sender.wait(0) and time.perf_counter() - last > IDLE:
                break
            time.sleep(0.002)
        if not sender.wait(LIMIT):
            raise Failure('the sender does not end')
        if receiver.wait(0):
            total, last = receiver.written or total, max(last, min(time.perf_counter(), last + 0.002))
        status = status_text(receiver.status) if receiver.status is not None else 'ended by us'
        receiver.end()
        arrived = (total - before) / size
        return {'seconds': last - begin, 'arrived': arrived, 'lost': place.messages - arrived,
                'mb_s': (total - before) / 1e6 / (last - begin), 'messages_s': arrived / (last - begin),
                'cpu_us': (sender.cpu + receiver.cpu) * 1e6 / max(arrived, 1),
                'sender_cpu_us': sender.cpu * 1e6 / place.messages,
                'receiver_cpu_us': receiver.cpu * 1e6 / max(arrived, 1),
                'statuses': [status_text(sender.status), status]}


def written(pid):
    """Bytes that it has passed to write()."""
    try:
        with open(f'/proc/{pid}/io', encoding='ascii') as f:
            return int(dict(line.split(': ') for line in f)['wchar'])
    except (OSError, KeyError, ValueError):
        return None


def free_udp_port():
    import socket
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind((HOST, 0))
        return s.getsockname()[1]


def wait_bound(proc, port):
    end = time.monotonic() + 10
    while time.monotonic() < end:
        with open('/proc/net/udp', encoding='ascii') as f:
            if any(line.split()[1].endswith(f':{port:04X}') for line in f):
                return
        if proc.wait(0):
            break
        time.sleep(0.002)
    raise Failure(f'{proc.argv[0]} does not listen')


class Vault(Rival):
    ours = True

    def missing(self, place):
        return None if os.access(os.path.join(place.bin, 'vault-udp'), os.X_OK) else 'vault-udp'

    def version(self, place):
        return output_of([os.path.join(place.bin, 'vault-udp'), '--version']).split('\n')[0]

    def argv(self, place, mtu):
        return [os.path.join(place.bin, 'vault-udp'), '--quiet', '--framing=lines', '--mtu', mtu, '-l', 0]

    def receiver(self, place, mtu, size, ready):
        return [*self.argv(place, mtu), '--until-end', '--ready-fd', ready], None

    def sender(self, place, mtu, size, port):
        return [*self.argv(place, mtu), f'{HOST}:{port}']


class Bare(Rival):
    def __init__(self, name, mode):
        self.mode = mode
        super().__init__(name, f'bare loop, {"GSO and GRO" if mode == "gso" else "sendmmsg and recvmmsg"}')

    def version(self, place):
        return 'tests/bench/udploop.c'

    def receiver(self, place, mtu, size, ready):
        return [os.path.join(place.build, 'bench', 'udploop'), 'recv', size, mtu - IPV4, self.mode, ready], None

    def sender(self, place, mtu, size, port):
        return [os.path.join(place.build, 'bench', 'udploop'), 'send', size, mtu - IPV4, self.mode, port]


class Socat(Rival):
    programs = ('socat',)

    def version(self, place):
        return first_match(r'(socat version \S+)', output_of(['socat', '-V']))

    def receiver(self, place, mtu, size, ready):
        port = free_udp_port()
        return ['socat', '-u', '-b', 65536, f'UDP-RECV:{port},bind={HOST},rcvbuf=4194304', 'STDOUT'], port

    def sender(self, place, mtu, size, port):
        return ['socat', '-u', '-b', size, 'STDIN', f'UDP-SENDTO:{HOST}:{port}']


class Nc(Rival):
    programs = ('nc',)

    def version(self, place):
        return first_match(r'(OpenBSD netcat.*)', output_of(['nc', '-h']))

    def receiver(self, place, mtu, size, ready):
        port = free_udp_port()
        return ['nc', '-u', '-l', '-d', HOST, port], port

    def sender(self, place, mtu, size, port):
        return ['nc', '-u', '-q', 0, HOST, port]


class Iperf(Rival):
    programs = ('iperf3',)

    def version(self, place):
        return first_match(r'(iperf \S+)', output_of(['iperf3', '--version']))

    def run(self, place, mtu, size):
        """It sends what it likes for itself; what it says is taken."""
        port = free_udp_port()
        server = Proc(['iperf3', '-s', '-1', '-B', HOST, '-p', port], env=place.env)
        out = place.path('iperf')
        try:
            for _ in range(200):
                with open(out, 'wb') as f:
                    client = Proc(['iperf3', '-c', HOST, '-p', port, '-u', '-l', size, '-b', 0, '-k', place.messages, '-J'],
                                  stdout=f, env=place.env)
                if not client.wait(LIMIT):
                    raise Failure('the client does not end')
                if client.status == 0:
                    break
                time.sleep(0.01)
            server.wait(10)
            server.end()
            with open(out, encoding='utf-8') as f:
                end = json.load(f)['end']['sum']
        except (ValueError, KeyError) as e:
            raise Failure('it reports nothing') from e
        finally:
            end_all()
        sent, lost = end['packets'], end['lost_packets']
        came = sent - lost
        return {'seconds': end['seconds'], 'arrived': came, 'lost': lost, 'mb_s': came * size / 1e6 / end['seconds'],
                'messages_s': came / end['seconds'], 'cpu_us': (client.cpu + server.cpu) * 1e6 / max(came, 1),
                'sender_cpu_us': client.cpu * 1e6 / max(sent, 1), 'receiver_cpu_us': server.cpu * 1e6 / max(came, 1),
                'statuses': [status_text(client.status), status_text(server.status)]}


def all_rivals():
    return [Vault('vault-udp', 'vault-udp'), Bare('bare-gso', 'gso'), Bare('bare-mmsg', 'mmsg'),
            Socat('socat', 'socat UDP (plain)'), Nc('nc', 'nc -u (plain, 16 KiB datagrams)'), Iperf('iperf3',
                'iperf3 -u (plain)')]


# ---- garbage ----

FLOOD_S = 3


def flood(place, source):
    """What one datagram that is nothing costs, in a flood from many ports, or addresses."""
    r, w = os.pipe()
    try:
        with open(place.path('flood'), 'wb') as err:
            receiver = Proc([os.path.join(place.bin, 'vault-udp'), '--quiet', '--trust=any', '--stats=json', '-l', f'{HOST}:0',
                             '--recv-only', '--ready-fd', w], stderr=err, fds=(w,), env=place.env)
        os.close(w)
        w = -1
        port = Rival.port_of(read_line(r, receiver))
        r = -1
        said = json.loads(output_of([os.path.join(place.build, 'tests', 'udpflood'), str(port), source,
                                     '--seconds', str(FLOOD_S)]).splitlines()[-1])
        receiver.end()
        with open(place.path('flood'), encoding='utf-8') as f:
            stats = next(s for s in map(json.loads, f) if s.get('event') == 'stats')
    except (ValueError, KeyError, IndexError, StopIteration) as e:
        raise Failure('it reports nothing') from e
    finally:
        for fd in (r, w):
            if fd >= 0:
                os.close(fd)
        end_all()
    taken = sum(stats['drops'].values())
    return {'sent': said['sent'], 'sent_s': said['sent'] / said['seconds'], 'taken': taken,
            'opened': stats['drops'].get('junk', 0), 'cpu_us': receiver.cpu * 1e6 / max(taken, 1)}


def floods(place, rounds):
    out = {}
    for source in ('ports', 'addresses'):
        runs = []
        for n in range(rounds):
            say(f'garbage from {source}: round {n + 1} of {rounds}')
            runs.append(flood(place, source))
        out[source] = runs
    return out


# ---- report ----

def spread(runs, key, digits):
    if not runs:
        return '-'
    values = [r[key] for r in runs]
    return f'{statistics.median(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})'


def notes(entry, messages):
    out = list(dict.fromkeys(entry['failures']))
    worst = max((r['lost'] for r in entry['runs']), default=0)
    if worst > 0.5:
        out.append(f'LOST up to {100 * worst / messages:.1f} %')
    return '; '.join(out) or ('whole' if entry['runs'] else '')


def times(entry, base, key):
    """Median of the ratios within each round."""
    x = report.ratio(entry['runs'], base['runs'], key) if base else None
    return '-' if x is None else f'{x:.2f}'


def text(data):
    out = [f'{data["command"]}: {data["messages"]} messages a run, {data["rounds"]} rounds, medians (least-most)',
           f'{data["machine"]["cpu"]} x {data["machine"]["cpus"]}, Linux {data["machine"]["kernel"]}, load before '
           f'{data["machine"]["load_before"]}, after {data["machine"]["load_after"]}', '']
    for mtu, part in data['mtu'].items():
        rows = []
        for e in part['tools'].values():
            bare = part['tools'].get('bare-gso')
            rows.append([e['title'], spread(e['runs'], 'mb_s', 0), times(e, bare, 'mb_s'),
                         spread(e['runs'], 'messages_s', 0), spread(e['runs'], 'cpu_us', 2), times(e, bare, 'cpu_us'),
                         spread(e['runs'], 'sender_cpu_us', 2), spread(e['runs'], 'receiver_cpu_us', 2), notes(e, data['messages'])])
        out += [f'MTU {mtu}, messages of {part["size"]} bytes',
                report.table(['tool', 'MB/s arrived', 'x bare', 'messages/s', 'CPU us/message', 'x bare', 'sender',
                    'receiver', ''], rows), '']
    if data['garbage']:
        out.append(f'Garbage, 1458 bytes each, from 1000 ports or addresses, {FLOOD_S} s')
        out += [report.table(['from', 'sent/s', 'taken/s', 'tried to open/s', 'CPU us/datagram'], [
            [source, spread(runs, 'sent_s', 0), *(f'{statistics.median(r[k] for r in runs) / FLOOD_S:.0f}'
                                                 for k in ('taken', 'opened')), spread(runs, 'cpu_us', 2)]
            for source, runs in data['garbage'].items()]), '']
    out += [f'{n}: {v}' for n, v in data['versions'].items()]
    out += [f'{n}: not measured: {why}' for n, why in data['missing'].items()]
    return '\n'.join(out)


# ---- the run ----

def mtus():
    words = (os.environ.get('BENCH_MTU') or '1500,9000').split(',')
    if not all(re.fullmatch(r'\d+', w) and 1280 <= int(w) <= 9000 for w in words):
        usage_error('BENCH_MTU: numbers from 1280 to 9000')
    return [int(w) for w in words]


def measure(place, rivals, mtu, rounds):
    size = number('BENCH_SIZE', mtu - OVERHEAD, 1, mtu - OVERHEAD)
    place.make_data(size)
    tools = {r.name: {'title': r.title, 'runs': [], 'failures': []} for r in rivals}
    for n in range(rounds + 1):
        say(f'MTU {mtu}: round {n} of {rounds}' if n else f'MTU {mtu}: warm-up')
        for r in rivals:
            try:
                result = r.run(place, mtu, size)
            except Failure as e:
                tools[r.name]['failures'].append(str(e))
                continue
            if n:
                tools[r.name]['runs'].append({'round': n, **result})
    return {'size': size, 'tools': tools}


def run_all(place, wanted, rounds):
    before = load()
    missing = {r.name: f'{r.missing(place)} is not there' for r in wanted if r.missing(place)}
    rivals = [r for r in wanted if r.name not in missing]
    names = ('MESSAGES', 'ROUNDS', 'MTU', 'SIZE', 'TOOLS')
    env = [f'BENCH_{n}={os.environ[f"BENCH_{n}"]}' for n in names if os.environ.get(f'BENCH_{n}')]
    data = {'v': 1, 'command': ' '.join([*env, 'make bench-udp']), 'messages': place.messages, 'rounds': rounds,
            'versions': {r.name: r.version(place) for r in rivals}, 'missing': missing, 'mtu': {}}
    data['garbage'] = floods(place, rounds) if any(r.ours for r in rivals) else {}
    for mtu in mtus():
        data['mtu'][mtu] = measure(place, rivals, mtu, rounds)
    data['machine'] = {'cpu': cpu_name(), 'cpus': os.cpu_count(), 'kernel': platform.release(), 'load_before': before,
                       'load_after': load()}
    return data


def sound(data):
    for mtu, part in data['mtu'].items():
        e = part['tools'].get('vault-udp')
        if e and (e['failures'] or any(r['lost'] for r in e['runs']) or {s for r in e['runs'] for s in r['statuses']} - {'0'}):
            say(f'vault-udp, MTU {mtu}: FAILED: {"; ".join(e["failures"]) or "not all arrived, or a status other than 0"}')
            return False
    return True


def main():
    for a in sys.argv[1:]:
        if a in ('-h', '--help'):
            print(__doc__.strip())
            return 0
        if a != '--json':
            usage_error(f'{a}: not an option; see --help')
    for n in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(n, lambda n, _: sys.exit(128 + n))
    messages, rounds = number('BENCH_MESSAGES', 200000, 100, 10 ** 8), number('BENCH_ROUNDS', 5, 1, 1000)
    names = [t for t in os.environ.get('BENCH_TOOLS', '').split(',') if t]
    rivals = all_rivals()
    for t in names:
        if t not in [r.name for r in rivals]:
            usage_error(f'BENCH_TOOLS: {t}: not one of {",".join(r.name for r in rivals)}')
    build = os.path.abspath(os.environ.get('VT_BUILD') or os.path.join(ROOT, 'build'))
    bin_dir = os.path.abspath(os.environ.get('VT_BIN') or os.path.join(build, 'bin'))
    need = messages * max(mtus()) * 11 // 10
    base = '/dev/shm' if os.access('/dev/shm', os.W_OK) and shutil.disk_usage('/dev/shm').free > need else None
    with tempfile.TemporaryDirectory(prefix='vault-bench-', dir=base) as directory:
        try:
            data = run_all(Place(build, bin_dir, directory, messages),
                [r for r in rivals if not names or r.name in names], rounds)
        except KeyboardInterrupt:
            return 130
        finally:
            end_all()
    if '--json' in sys.argv or os.environ.get('BENCH_JSON', '') not in ('', '0'):
        print(json.dumps(data))
    else:
        print(text(data))
    return 0 if sound(data) else 1


if __name__ == '__main__':
    sys.exit(main())
