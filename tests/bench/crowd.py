"""What many clients do to a listener: those that hold connections, and those that are idle."""
import collections
import contextlib
import json
import os
import select
import socket
import threading
import time

from handshakes import HOST, LIMIT, cpu_of, start_vault, swarm_argv
from place import MIB
from proc import Failure, Proc, status_text

HELLO = b'VLT1\x1cNoise_XX_25519_AESGCM_SHA512\x00\x20' + bytes(32)
LINE = 1024
SPARE = 100  # descriptors for everything else
QUIET_SECONDS = 0.3


class Swarm:
    """tests/tools/swarm.c in the background: what it says, as it says it."""

    def __init__(self, place, errors, port, count, *options):
        stay, self.stdin = os.pipe()
        self.said, out = os.pipe()
        self.rest = b''
        self.proc = Proc(swarm_argv(place, port, count, *options), stdin=stay, stdout=out, stderr=errors,
                         env=place.environment())
        os.close(stay)
        os.close(out)

    def event(self, name, seconds=LIMIT):
        """The next thing that it says, which must be this, by everybody."""
        end = time.monotonic() + seconds
        while b'\n' not in self.rest:
            if not select.select([self.said], [], [], max(0, end - time.monotonic()))[0]:
                raise Failure(f'swarm: no "{name}" within {seconds} s')
            chunk = os.read(self.said, 65536)
            if not chunk:
                raise Failure(f'swarm left before "{name}"')
            self.rest += chunk
        line, self.rest = self.rest.split(b'\n', 1)
        said = json.loads(line)
        if said['event'] != name or said['failed']:
            raise Failure(f'swarm: "{said["event"]}" instead of "{name}", {said["failed"]} failed: {said["error"]}')
        return said

    def go(self):
        os.write(self.stdin, b'!')

    def close(self):
        for fd in (self.stdin, self.said):
            os.close(fd)
        if not self.proc.wait(10):
            self.proc.end()


# ---- connections that are held ----

class Held:
    """So many connections: a third silent, a third saying a byte of a hello each second, a third stuck in a record."""

    def __init__(self, place, errors, port, count):
        self.over = threading.Event()
        self.silent = [self._connect(port) for _ in range(count // 3)]
        self.slow = [self._connect(port) for _ in range(count // 3)]
        stuck = count - 2 * (count // 3)
        self.swarm = Swarm(place, errors, port, stuck, '--stuck') if stuck else None
        if self.swarm:
            self.swarm.event('connected')
        self.thread = threading.Thread(target=self._drip)
        self.thread.start()

    @staticmethod
    def _connect(port):
        return socket.create_connection((HOST, port), timeout=10)

    def _drip(self):
        at = 0
        while True:
            for s in self.slow:
                with contextlib.suppress(OSError):
                    s.send(HELLO[at:at + 1])
            at += 1
            if self.over.wait(1):
                return

    def close(self):
        self.over.set()
        self.thread.join()
        for s in self.silent + self.slow:
            s.close()
        if self.swarm:
            self.swarm.close()


def _descriptors(pid):
    """How many it has, when nothing comes or goes any more."""
    end, count = time.monotonic() + 10, -1
    while time.monotonic() < end:
        now = len(os.listdir(f'/proc/{pid}/fd'))
        if now == count:
            break
        count = now
        time.sleep(QUIET_SECONDS)
    return count


def _transfer(place, server, port, errors):
    """One file to the listener, confirmed: seconds."""
    with open(place.file, 'rb') as source:
        begin = time.perf_counter()
        client = Proc([place.tool('vault-connect'), '-i', place.path('client'), '-r', '@' + place.path('server.pub'),
                       '--no-progress', '--send-only', HOST, port], stdin=source, stderr=errors, env=place.environment())
    if not client.wait(LIMIT):
        raise Failure('the transfer does not end')
    seconds = time.perf_counter() - begin
    if client.status:
        raise Failure(f'the transfer ended with status {status_text(client.status)}')
    return seconds


def written(pid):
    with open(f'/proc/{pid}/io', encoding='ascii') as f:
        return int(dict(line.split(': ') for line in f)['wchar'])


def held(place, count, times):
    """The speed of a good client alone, then beside the others, on the same listener."""
    with open(place.path('err'), 'wb') as errors, open(os.devnull, 'wb') as null, contextlib.ExitStack() as stack:
        server, port = start_vault(place, errors, stdout=null)
        stack.callback(server.end)
        before = written(server.pid)
        alone = [_transfer(place, server, port, errors) for _ in range(times)]
        start = _descriptors(server.pid)
        others = Held(place, errors, port, count)
        stack.callback(others.close)
        beside = [_transfer(place, server, port, errors) for _ in range(times)]
        left = _descriptors(server.pid) - start
        lost = 2 * times * place.size - (written(server.pid) - before)
    size = times * place.size / MIB
    return {'alone_mib_s': size / sum(alone), 'beside_mib_s': size / sum(beside), 'share': sum(alone) / sum(beside),
            'held': left, 'asked': count, 'lost': lost}


# ---- idle ones ----

def _rss_anon(pid):
    with open(f'/proc/{pid}/status', encoding='ascii') as f:
        return next(int(line.split()[1]) for line in f if line.startswith('RssAnon'))


def wait_quiet(pid):
    """Until it has nothing left to do."""
    end, spent = time.monotonic() + 30, cpu_of(pid)
    while time.monotonic() < end:
        time.sleep(QUIET_SECONDS)
        now = cpu_of(pid)
        if now - spent < 0.001:
            return
        spent = now


def _check_lines(path, clients, each):
    """Is each line of each client there, once and whole? How many are not."""
    seen = collections.Counter()
    with open(path, 'rb') as f:
        for line in f:
            words = line.split(b' ', 2)
            if len(line) == LINE and len(words) == 3 and line.endswith(b'x\n'):
                seen[words[0], words[1]] += 1
    wanted = {(b'%d' % c, b'%d' % n) for c in range(clients) for n in range(each)}
    return sum(seen[w] != 1 for w in wanted) + len(set(seen) - wanted)


def _broadcast(swarm, say):
    text = b'hello'.ljust(63) + b'\n'
    begin = time.perf_counter()
    os.write(say, text)
    swarm.event('received')
    return time.perf_counter() - begin


def _traffic(server, swarm, out, clients, each):
    """Every client sends its lines and ends."""
    spent = cpu_of(server.pid)
    swarm.go()
    start = swarm.event('sending')['ms']
    seconds = max(swarm.event('delivered')['ms'] - start, 1) / 1000
    spent = cpu_of(server.pid) - spent
    total = clients * each
    return {'messages_s': total / seconds, 'mb_s': total * LINE / 1e6 / seconds, 'cpu_us_message': spent * 1e6 / total,
            'messages_lost': _check_lines(out, clients, each)}


def idle(place, clients, messages, seconds):
    """All come, stay so many seconds, are told something, say something, leave."""
    out, each = place.path('lines'), max(1, messages // clients)
    with open(place.path('err'), 'wb') as errors, open(out, 'wb') as stdout, contextlib.ExitStack() as stack:
        stdin, say = os.pipe()
        with open(say, 'wb', buffering=0) as sayer:
            server, port = start_vault(place, errors, '--framing', 'lines', stdin=stdin, stdout=stdout)
            stack.callback(server.end)
            os.close(stdin)
            before, entry = _rss_anon(server.pid), cpu_of(server.pid)
            swarm = Swarm(place, errors, port, clients, '--parallel', 64, '--expect', 64, '--send', each, '--size', LINE)
            stack.callback(swarm.close)
            came = swarm.event('connected')
            wait_quiet(server.pid)
            anon, spent = _rss_anon(server.pid), cpu_of(server.pid)
            entry = spent - entry
            time.sleep(seconds)
            spent = cpu_of(server.pid) - spent
            told = _broadcast(swarm, say)
        result = _traffic(server, swarm, out, clients, each)
        if not swarm.proc.wait(30) or swarm.proc.status:
            raise Failure(f'swarm ended with status {status_text(swarm.proc.status)}')
        server.end(30)
        if server.status:
            raise Failure(f'vault-listen ended with status {status_text(server.status)}')
    return {'clients': clients, 'connect_s': came['ms'] / 1000, 'connect_cpu_ms_1000': entry * 1e6 / clients,
            'rss_kib': anon, 'rss_kib_client': (anon - before) / clients,
            'idle_cpu_ms_s': spent * 1000 / seconds, 'broadcast_ms': told * 1000, 'messages': clients * each, **result}
