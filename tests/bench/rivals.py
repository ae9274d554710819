"""The tools that are compared, each as the command lines of its two ends.

A session is  client -> near helpers -> (relay) -> far helpers -> server. A class says how these are started;
session.py starts them. mode is 'bulk' (client to server only) or 'echo' (both directions).
"""
import os
import re
import shutil

import place as places
from proc import Failure, output_of

HOST = '127.0.0.1'
MIB = str(1 << 20)


class Rival:
    """A server that listens on a port it is given, once, and a client. Subclasses fill in the rest."""
    package = None      # of Debian
    programs = ()
    one_way = False     # can only send
    inetd = False       # the server is started for a connection that is there
    announces = False   # the server chooses its port and says so on a descriptor
    vary = 0            # bytes by which the server's part in a handshake varies (signatures of TLS)

    def __init__(self, name, title):
        self.name, self.title = name, title

    def missing(self):
        """What is not installed, or None."""
        return next((p for p in self.programs if not find(p)), None)

    def version(self):
        raise NotImplementedError

    def prepare(self, place):
        """Keys and the like. Raises Failure if that cannot be had."""

    def server(self, place, port, mode):
        """argv; with announces, port is the descriptor for the port."""
        raise NotImplementedError

    def client(self, place, port, mode, sink):
        """argv; sink is the file that the far end writes to, for ends that are no process of ours."""
        raise NotImplementedError

    def far_status(self, place):
        """The exit status of the far end as its user would see it, where that is not the server's own."""
        return None

    def near(self, place):
        """Helpers at the client's side, as functions (own port, target port) -> argv, the one next to the network first."""
        return []

    def far(self, place):
        """The same at the server's side, the one next to the server first."""
        return []


def find(program):
    return shutil.which(program) or shutil.which(program, path='/usr/sbin:/sbin:/usr/local/sbin')


def first_match(pattern, text):
    m = re.search(pattern, text)
    return m.group(1) if m else 'version not known'


class Vault(Rival):
    announces = True

    def __init__(self, name, cipher):
        self.protocol = f'Noise_XX_25519_{cipher}_SHA512'
        super().__init__(name, f'vault, {self.protocol[6:]}')
        self.bin = None

    def version(self):
        return '; '.join(output_of([os.path.join(self.bin, 'vault-connect'), '--version']).split('\n')[:2])

    def prepare(self, place):
        places.make_vault_keys(place)

    def server(self, place, port, mode):
        return [place.tool('vault-listen'), '-i', place.path('server'), '-a', place.path('authorized_keys'),
                '--protocol', self.protocol, '--ready-fd', port, *(['--recv-only'] if mode == 'bulk' else []), HOST, 0]

    def client(self, place, port, mode, sink):
        return [place.tool('vault-connect'), '-i', place.path('client'), '-r', '@' + place.path('server.pub'),
                '--protocol', self.protocol, '--no-progress', *(['--send-only'] if mode == 'bulk' else []), HOST, port]


class Bare(Rival):
    announces = one_way = True

    def __init__(self, name, cipher):
        self.cipher = cipher
        super().__init__(name, f'bare loop, {"AES-256-GCM" if cipher == "aes" else "ChaCha20-Poly1305"}')

    def version(self):
        return 'tests/bench/bareloop.c'

    def server(self, place, port, mode):
        return [os.path.join(place.build, 'bench', 'bareloop'), 'recv', self.cipher, port]

    def client(self, place, port, mode, sink):
        return [os.path.join(place.build, 'bench', 'bareloop'), 'send', self.cipher, port]


class Nc(Rival):
    package, programs = 'netcat-openbsd', ('nc',)

    def missing(self):
        if not find('nc'):
            return 'nc'
        return None if 'OpenBSD' in output_of(['nc', '-h']) else "OpenBSD's nc"

    def version(self):
        return first_match(r'(OpenBSD netcat.*)', output_of(['nc', '-h']))

    def server(self, place, port, mode):
        return ['nc', '-l', '-d' if mode == 'bulk' else '-N', HOST, port]

    def client(self, place, port, mode, sink):
        return ['nc', '-N', HOST, port]


class Ncat(Rival):
    package, programs = 'ncat', ('ncat',)

    def __init__(self, name, title, tls):
        super().__init__(name, title)
        self.tls = tls
        self.vary = 16 if tls else 0

    def version(self):
        return first_match(r'(Ncat: Version \S+)', output_of(['ncat', '--version']))

    def prepare(self, place):
        if self.tls:
            places.make_certificate(place)

    def server(self, place, port, mode):
        tls = ['--ssl', '--ssl-cert', place.path('cert.pem'), '--ssl-key', place.path('key.pem')] if self.tls else []
        return ['ncat', '-l', *(['--recv-only'] if mode == 'bulk' else []), *tls, HOST, port]

    def client(self, place, port, mode, sink):
        return ['ncat', *(['--send-only'] if mode == 'bulk' else []), *(['--ssl'] if self.tls else []), HOST, port]


class Socat(Rival):
    """With block: as large blocks as help, and no waiting to fill packets."""
    package, programs = 'socat', ('socat',)

    def __init__(self, name, title, tls, block):
        super().__init__(name, title)
        self.tls = tls
        self.vary = 16 if tls else 0
        self.flags = ['-b', MIB] if block else []
        self.nodelay = ',nodelay' if block else ''

    def version(self):
        return first_match(r'(socat version \S+)', output_of(['socat', '-V']))

    def prepare(self, place):
        if self.tls:
            places.make_certificate(place)

    def _tls(self, place):
        return f'cert={place.path("both.pem")},cafile={place.path("cert.pem")},verify=1'

    def server(self, place, port, mode):
        a = f'{"OPENSSL" if self.tls else "TCP"}-LISTEN:{port},bind={HOST},reuseaddr{self.nodelay}'
        if self.tls:
            a += ',' + self._tls(place)
        return ['socat', *self.flags, *(['-u', a, 'STDOUT'] if mode == 'bulk' else [a, 'STDIO'])]

    def client(self, place, port, mode, sink):
        a = f'{"OPENSSL" if self.tls else "TCP"}:{HOST}:{port}{self.nodelay}'
        if self.tls:
            a += ',' + self._tls(place)
        return ['socat', *self.flags, *(['-u', 'STDIN', a] if mode == 'bulk' else ['STDIO', a])]


class Ssh(Rival):
    """The server is sshd -i, started for the connection as inetd does. It runs cat, which is the far end."""
    package, programs = 'openssh-client openssh-server', ('ssh', 'ssh-keygen', 'sshd')
    inetd = True

    def version(self):
        return first_match(r'(OpenSSH_[^,]*)', output_of(['ssh', '-V']))

    def prepare(self, place):
        if os.geteuid() == 0 and not os.path.isdir(places.SSHD_DIRECTORY):
            raise Failure(f'sshd needs {places.SSHD_DIRECTORY}')
        places.make_ssh_keys(place)

    def server(self, place, port, mode):
        return [find('sshd'), '-i', '-e', '-f', place.path('sshd_config')]

    def client(self, place, port, mode, sink):
        command = 'cat' if mode == 'echo' else f'cat >{sink}; s=$?; echo $s >{place.path("ssh_status")}; exit $s'
        return ['ssh', '-F', place.path('ssh_config'), '-p', port, HOST, command]

    def far_status(self, place):
        try:
            with open(place.path('ssh_status'), encoding='ascii') as f:
                status = f.read().strip()
            os.unlink(f.name)
        except FileNotFoundError:
            return None
        return status


class Spiped(Rival):
    """spipe, spiped, nc."""
    package, programs = 'spiped netcat-openbsd', ('spiped', 'spipe', 'nc')

    def version(self):
        return first_match(r'(spiped [\d.]+)', output_of(['spiped', '-v']))

    def prepare(self, place):
        places.make_spiped_key(place)

    def server(self, place, port, mode):
        return ['nc', '-l', '-d' if mode == 'bulk' else '-N', HOST, port]

    def far(self, place):
        return [lambda own, to: ['spiped', '-F', '-d', '-s', f'[{HOST}]:{own}', '-t', f'[{HOST}]:{to}',
                                 '-k', place.path('spiped.key')]]

    def client(self, place, port, mode, sink):
        return ['spipe', '-t', f'[{HOST}]:{port}', '-k', place.path('spiped.key')]


class Stunnel(Rival):
    """nc, stunnel, stunnel, nc."""
    package, programs = 'stunnel4 netcat-openbsd', ('stunnel', 'nc')

    def version(self):
        return first_match(r'(stunnel [\d.]+)', output_of(['stunnel', '-version']))

    def prepare(self, place):
        places.make_certificate(place)

    def _config(self, place, side, own, to):
        return place.write(f'stunnel.{side}', f'''foreground = quiet
debug = err
syslog = no
pid =
cert = {place.path('cert.pem')}
key = {place.path('key.pem')}
CAfile = {place.path('cert.pem')}
verifyPeer = yes
socket = l:TCP_NODELAY=1
socket = r:TCP_NODELAY=1
[bench]
client = {'yes' if side == 'client' else 'no'}
accept = {HOST}:{own}
connect = {HOST}:{to}
''')

    def server(self, place, port, mode):
        return ['nc', '-l', '-d' if mode == 'bulk' else '-N', HOST, port]

    def near(self, place):
        return [lambda own, to: ['stunnel', self._config(place, 'client', own, to)]]

    def far(self, place):
        return [lambda own, to: ['stunnel', self._config(place, 'server', own, to)]]

    def client(self, place, port, mode, sink):
        return ['nc', '-N', HOST, port]


def all_rivals(bin_dir):
    rivals = [
        Vault('vault-aes', 'AESGCM'),
        Vault('vault-chacha', 'ChaChaPoly'),
        Bare('bare-aes', 'aes'),
        Bare('bare-chacha', 'chacha'),
        Nc('nc', 'nc (plain)'),
        Ncat('ncat', 'ncat (plain)', False),
        Socat('socat', 'socat TCP (plain)', False, False),
        Socat('socat-1m', 'socat TCP -b 1M (plain)', False, True),
        Ncat('ncat-ssl', 'ncat --ssl', True),
        Socat('socat-ssl', 'socat OPENSSL', True, False),
        Socat('socat-ssl-1m', 'socat OPENSSL -b 1M', True, True),
        Ssh('ssh', 'ssh aes256-gcm'),
        Spiped('spiped', 'spipe, spiped, nc'),
        Stunnel('stunnel', 'nc, stunnel x 2, nc'),
    ]
    for r in rivals:
        if isinstance(r, Vault):
            r.bin = bin_dir
    return rivals
