"""Full handshakes: servers that take one after the other, and what drives them."""
import contextlib
import json
import os
import socket
import subprocess
import time

import place as places
from proc import Failure, Proc, read_line, spawn_listener
from rivals import find, first_match, output_of

HOST = '127.0.0.1'
LIMIT = 300


def cpu_of(pid):
    """CPU seconds of a process so far, with threads that have ended, to the nanosecond."""
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError as e:
        raise Failure(f'process {pid}: {e.strerror}') from e


def make_certificates(place):
    """cert.pem, key.pem and client-cert.pem, client-key.pem: Ed25519, each signed by itself."""
    for side, name in (('', HOST), ('client-', 'client')):
        if os.path.exists(place.path(side + 'cert.pem')):
            continue
        if not find('openssl'):
            raise Failure('no certificate without the openssl command (apt: openssl)')
        r = subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ed25519', '-nodes', '-days', '2', '-subj', f'/CN={name}',
                            '-keyout', place.path(side + 'key.pem'), '-out', place.path(side + 'cert.pem')],
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=60,
                           env=place.environment(), check=False)
        if r.returncode:
            raise Failure(f'certificate: {r.stderr.decode(errors="replace").strip()}')


def start_vault(place, errors, *options, stdin=None, stdout=None):
    """vault-listen -k on a port of its own: (process, port)."""
    ready, give = os.pipe()
    argv = [place.tool('vault-listen'), '-k', '--quiet', '-i', place.path('server'), '-a', place.path('authorized_keys'),
            '-w', '60s', '--ready-fd', give, *options, HOST, 0]
    server = Proc(argv, stdin=stdin, stdout=stdout, stderr=errors, fds=(give,), env=place.environment())
    os.close(give)
    return server, json.loads(read_line(ready, server))['port']


def swarm_argv(place, port, count, *options):
    return [os.path.join(place.build, 'tests', 'swarm'), '--to', HOST, port, '--count', count, '--identity',
            place.path('client'), *options]


class Server:
    """One way to be a server. start() gives (process, port); client() the driver's command line."""
    mutual = True  # does the client prove a key, too?
    package, programs = None, ()
    ours = False

    def __init__(self, name, title, driver):
        self.name, self.title, self.driver = name, title, driver

    def missing(self, place):
        return next((p for p in self.programs if not find(p)), None)

    def version(self, place):
        raise NotImplementedError

    def prepare(self, place):
        make_certificates(place)

    def start(self, place, errors):
        raise NotImplementedError

    def client(self, place, port, count, parallel):
        raise NotImplementedError

    def fds(self):
        """Descriptors that the driver gets."""
        return ()


class Vault(Server):
    ours = True

    def __init__(self, name, pattern, title=None, driver='swarm', workers=1):
        self.pattern, self.workers = pattern, workers
        super().__init__(name, title or f'vault-listen -k, {pattern}', driver)

    def version(self, place):
        return output_of([place.tool('vault-listen'), '--version']).split('\n')[0]

    def prepare(self, place):
        places.make_vault_keys(place)

    def start(self, place, errors):
        return start_vault(place, errors, '--protocol', self.pattern, *(['--workers', self.workers] if self.workers > 1 else []))

    def client(self, place, port, count, parallel):
        known = ['--server', '@' + place.path('server.pub')] if self.pattern == 'IK' else []
        return swarm_argv(place, port, count, '--parallel', parallel, '--short', '--pattern', self.pattern, *known)


class Hello(Vault):
    """First messages, which the server answers in full, and no more: the driver computes nothing."""

    def missing(self, place):
        return None if os.access(os.path.join(place.build, 'bench', 'helloload'), os.X_OK) else 'helloload'

    def client(self, place, port, count, parallel):
        return [os.path.join(place.build, 'bench', 'helloload'), port, count, parallel, self.pattern,
                *(['@' + place.path('server.pub')] if self.pattern == 'IK' else [])]


class Tls(Server):
    def client(self, place, port, count, parallel):
        own = [place.path('client-cert.pem'), place.path('client-key.pem')] if self.mutual else []
        return [os.path.join(place.build, 'bench', 'tlsload'), port, count, parallel, place.path('cert.pem'), *own, *self.fds()]

    def missing(self, place):
        if not os.access(os.path.join(place.build, 'bench', 'tlsload'), os.X_OK):
            return 'tlsload'
        return super().missing(place)


class Openssl(Tls):
    package, programs = 'openssl', ('openssl',)

    def __init__(self, name, title, mutual):
        super().__init__(name, title, 'tlsload')
        self.mutual = mutual

    def version(self, place):
        return output_of(['openssl', 'version']).strip()

    def start(self, place, errors):
        both = ['-Verify', 1, '-verify_return_error', '-verify_quiet', '-CAfile', place.path('client-cert.pem')]
        return spawn_listener(lambda port: Proc(
            ['openssl', 's_server', '-accept', f'{HOST}:{port}', '-cert', place.path('cert.pem'), '-key',
             place.path('key.pem'), '-tls1_3', '-groups', 'X25519', '-num_tickets', 0, '-no_cache', '-quiet', '-www',
             *(both if self.mutual else [])], stderr=errors, env=place.environment()))


class Stunnel(Tls):
    """A thread a client. It wants to connect to something: tlsload takes these connections and ends them."""
    package, programs = 'stunnel4', ('stunnel',)

    def __init__(self, name, title):
        super().__init__(name, title, 'tlsload')
        self.backend = None

    def version(self, place):
        return first_match(r'(stunnel [\d.]+)', output_of(['stunnel', '-version']))

    def start(self, place, errors):
        if self.backend:
            self.backend.close()
        self.backend = socket.create_server((HOST, 0), backlog=1024)
        self.backend.setblocking(False)
        to = self.backend.getsockname()[1]
        return spawn_listener(lambda port: Proc(['stunnel', place.write('stunnel.server', f'''foreground = quiet
debug = err
syslog = no
pid =
sslVersion = TLSv1.3
curves = X25519
sessionResume = no
cert = {place.path('cert.pem')}
key = {place.path('key.pem')}
CAfile = {place.path('client-cert.pem')}
verifyPeer = yes
socket = l:TCP_NODELAY=1
[bench]
accept = {HOST}:{port}
connect = {HOST}:{to}
''')], stderr=errors, env=place.environment()))

    def fds(self):
        return (self.backend.fileno(),)


def all_servers():
    return [Vault('vault-xx', 'XX'), Vault('vault-ik', 'IK'),
            Openssl('s_server', 'openssl s_server, TLS 1.3', False),
            Openssl('s_server-mutual', 'openssl s_server, client certificate', True),
            Stunnel('stunnel-mutual', 'stunnel, client certificate')]


def with_workers(counts):
    """The same by vault-listen with so many threads each: {name: [servers, as many as counts]}."""
    kinds = {'answers-ik': (Hello, 'IK', 'first messages of IK answered', 'helloload'),
             'answers-xx': (Hello, 'XX', 'first messages of XX answered', 'helloload'),
             'full-xx': (Vault, 'XX', 'full handshakes, XX', 'swarm'), 'full-ik': (Vault, 'IK', 'full handshakes, IK', 'swarm')}
    return {name: [kind(f'{name}-{n}', pattern, title, driver, n) for n in counts]
            for name, (kind, pattern, title, driver) in kinds.items()}


def _last_line(path):
    with open(path, encoding='utf-8') as f:
        lines = f.read().splitlines()
    if not lines:
        raise Failure('the driver says nothing')
    return json.loads(lines[-1])


def measure(place, server, count, parallel):
    """One run. Whatever is not a whole handshake counts as failed, and is shown."""
    out = place.path('driver')
    with open(place.path('err'), 'wb') as errors, contextlib.ExitStack() as stack:
        process, port = server.start(place, errors)
        stack.callback(process.end)
        before = cpu_of(process.pid)
        stay, leave = os.pipe()  # swarm goes when its input ends
        stack.callback(os.close, leave)
        with open(out, 'wb') as f, open(stay, 'rb') as stdin:
            driver = Proc(server.client(place, port, count, parallel), stdin=stdin, stdout=f, stderr=errors,
                          fds=server.fds(), env=place.environment())
        stack.callback(driver.end)
        if not driver.wait(LIMIT):
            raise Failure('the driver does not end')
        spent = cpu_of(process.pid) - before
    said = _last_line(out)
    good = said['count']
    seconds = max(said['ms'], 1) / 1000
    if good < 1:
        raise Failure(f'no handshake: {said["error"]}')
    return {'handshakes': good, 'failed': said['failed'], 'error': said['error'], 'seconds': seconds,
            'per_second': good / seconds, 'cpu_ms_1000': spent * 1e6 / good,
            'driver_cpu_ms_1000': driver.cpu * 1e6 / good, 'busy': spent / seconds}
