"""The same amount of data from one client, from ten, ... from ten thousand: what does it cost the listener?"""
import contextlib
import threading

from crowd import Swarm, wait_quiet, written
from handshakes import cpu_of, start_vault
from place import MIB
from proc import Failure, status_text

LOOK_SECONDS = 0.01
RECORD = 32768
MESSAGE = 256


class Peak:
    """The most memory that a process has had while this was looking, in KiB."""

    def __init__(self, pid):
        self.path = f'/proc/{pid}/status'
        self.most = {'VmRSS': 0, 'RssAnon': 0}
        self.look()
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._watch)
        self.thread.start()

    def look(self):
        with contextlib.suppress(OSError), open(self.path, encoding='ascii') as f:
            for line in f:
                name, _, value = line.partition(':')
                if name in self.most:
                    self.most[name] = max(self.most[name], int(value.split()[0]))

    def _watch(self):
        while not self.over.wait(LOOK_SECONDS):
            self.look()

    def close(self):
        self.over.set()
        self.thread.join()


def _phase(server, swarm, *names):
    """From a byte to the swarm and what it then says at once until all have said the other: seconds, CPU of both."""
    spent, driver = cpu_of(server.pid), cpu_of(swarm.proc.pid)
    swarm.go()
    start = swarm.event(names[0])['ms']
    seconds = max(swarm.event(names[1])['ms'] - start, 1) / 1000
    return seconds, cpu_of(server.pid) - spent, (cpu_of(swarm.proc.pid) if swarm.proc.status is None else 0) - driver


def scale(place, clients, total, size):
    """About ${total} bytes in messages of ${size}, one of each client in turn (and at least one); then they leave."""
    each = max(1, total // size // clients)
    with open(place.path('err'), 'wb') as errors, open('/dev/null', 'wb') as null, contextlib.ExitStack() as stack:
        server, port = start_vault(place, errors, '--recv-only', stdout=null)
        stack.callback(server.end)
        swarm = Swarm(place, errors, port, clients, '--parallel', 64, '--send', each, '--size', size, '--turns')
        stack.callback(swarm.close)
        swarm.event('connected')
        wait_quiet(server.pid)
        begin, peak = written(server.pid), Peak(server.pid)
        stack.callback(peak.close)
        seconds, spent, driver = _phase(server, swarm, 'sending', 'confirmed')
        wait_quiet(server.pid)
        lost = clients * each * size - (written(server.pid) - begin)
        _, leaving, _ = _phase(server, swarm, 'ending', 'delivered')
        if not swarm.proc.wait(30) or swarm.proc.status:
            raise Failure(f'swarm ended with status {status_text(swarm.proc.status)}')
        server.end(30)
        if server.status:
            raise Failure(f'vault-listen ended with status {status_text(server.status)}')
    messages = clients * each
    mib = messages * size / MIB
    return {'clients': clients, 'messages': messages, 'size': size, 'lost': lost, 'mib_s': mib / seconds,
            'messages_s': messages / seconds, 'cpu_s_gib': spent * 1024 / mib, 'cpu_us_message': spent * 1e6 / messages,
            'driver_cpu_s_gib': driver * 1024 / mib, 'driver_cpu_us_message': driver * 1e6 / messages,
            'leave_cpu_us': leaving * 1e6 / clients, 'rss_kib': peak.most['VmRSS'], 'anon_kib': peak.most['RssAnon'],
            'anon_kib_client': peak.most['RssAnon'] / clients}
