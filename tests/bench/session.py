"""One session of a rival, started in order: server, far helpers, relay, near helpers, client."""
import json
import os
import re
import select
import socket
import subprocess

from proc import Failure, Proc, read_line, spawn_listener

PIPE = subprocess.PIPE


class Session:
    """far and near are the two ends; helpers run between them; all of them count.

    A server that is started for the connection (inetd) does not exist before connected()."""

    def __init__(self, place, rival, mode, sink=None, faults=None, link=None):
        self.place, self.rival, self.mode, self.sink = place, rival, mode, sink
        self.faults, self.link = faults or [], link or []  # link: options of the relay
        self.env = place.environment()
        self.helpers, self.others = [], []
        self.server = self.client = self.listener = self.relay = None
        self.commands = []  # the command lines, for the record
        self.errors = open(place.path(f'{rival.name}.err'), 'wb')

    def _spawn(self, argv, **kw):
        self.commands.append(self._shown(argv))
        return Proc(argv, env=self.env, stderr=self.errors, **kw)

    def _shown(self, argv):
        """A command line for the record, the same in every run."""
        words = [re.sub(r'(?<![\d.])\d{4,5}(?=$|,)', '$P', str(a)) for a in argv]
        return ' '.join(words).replace(self.place.dir, '$D').replace(self.place.bin + '/', '').replace(
            self.place.build + '/', '')

    # ---- from the server towards the client ----

    def start(self, stdin=None, stdout=None):
        """Everything but the client; stdin and stdout are the server's."""
        port = self._start_server(stdin, stdout)
        for make in self.rival.far(self.place):
            port = self._start_helper(make, port)
        if self.faults or self.link:
            port = self._start_relay(port)
        for make in self.rival.near(self.place):
            port = self._start_helper(make, port)
        self.port = port

    def _start_server(self, stdin, stdout):
        if self.rival.inetd:
            self.listener = socket.create_server(('127.0.0.1', 0), backlog=1)
            return self.listener.getsockname()[1]
        if self.rival.announces:
            ready, give = os.pipe()
            argv = self.rival.server(self.place, give, self.mode)
            self.server = self._spawn(argv, stdin=stdin, stdout=stdout, fds=(give,))
            os.close(give)
            line = json.loads(read_line(ready, self.server))
            return line['port'] if isinstance(line, dict) else line
        self.server, port = spawn_listener(lambda own: self._spawn(
            self.rival.server(self.place, own, self.mode), stdin=stdin, stdout=stdout))
        return port

    def _start_helper(self, make, target):
        p, port = spawn_listener(lambda own: self._spawn(make(own, target)))
        self.helpers.append(p)
        return port

    def _start_relay(self, target):
        ready, give = os.pipe()
        argv = [os.path.join(self.place.build, 'tests', 'relay'), '--to', f'127.0.0.1:{target}', '--port-only',
                '--ready-fd', give, '--report', self.place.path('relay.json'), '--timeout', '20', '--hold', '20',
                *self.link]
        for fault in self.faults:
            argv += ['--fault', fault]
        self.relay = Proc(argv, fds=(give,), env=self.env, stderr=self.errors)
        os.close(give)
        return int(read_line(ready, self.relay))

    # ---- the client, and the end ----

    def connect(self, stdin=None, stdout=None):
        self.client = self._spawn(
            self.rival.client(self.place, self.port, self.mode, self.sink), stdin=stdin, stdout=stdout)
        if self.rival.inetd:
            self._serve_inetd()

    def _serve_inetd(self):
        if not select.select([self.listener], [], [], 10)[0]:
            raise Failure(f'{self.rival.name}: the client does not connect')
        connection, _ = self.listener.accept()
        with connection:
            self.server = self._spawn(self.rival.server(self.place, None, self.mode), stdin=connection,
                                      stdout=connection)

    def add(self, argv, **kw):
        """Another process that counts: cat."""
        p = Proc(argv, env=self.env, stderr=self.errors, **kw)
        self.others.append(p)
        return p

    def processes(self):
        return [p for p in [self.client, self.server, *self.helpers, *self.others] if p]

    def cpu(self):
        return sum(p.cpu for p in self.processes())

    def complaint(self):
        """The last words of any of them."""
        with open(self.errors.name, 'rb') as f:
            lines = [line for line in f.read().decode(errors='replace').splitlines() if line.strip()]
        return lines[-1].replace(self.place.dir, '$D') if lines else ''

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.listener:
            self.listener.close()
        for p in [*self.processes(), self.relay]:
            if p:
                p.end()
        self.errors.close()
