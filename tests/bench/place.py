"""The one temporary directory of a run: the file to send, keys, certificates, configurations."""
import contextlib
import getpass
import hashlib
import os
import shutil
import subprocess
import tempfile

from proc import Failure

MIB = 1 << 20
SSHD_DIRECTORY = '/run/sshd'  # compiled into sshd; it insists on it when it runs as root


class Place:
    """Everything that a run puts on the disk."""

    def __init__(self, build, bin_dir):
        self.build, self.bin = build, bin_dir
        self.dir = None
        self.file = self.digest = None
        self.size = 0
        self.user = getpass.getuser()

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def write(self, name, text):
        with open(self.path(name), 'w', encoding='utf-8') as f:
            f.write(text)
        os.chmod(self.path(name), 0o600)
        return self.path(name)

    def environment(self):
        """What children get: no configuration of this user takes part."""
        env = {k: v for k, v in os.environ.items() if not k.startswith(('VTOOLS_', 'SSH_', 'OPENSSL_', 'SOCAT_'))}
        env.update(XDG_CONFIG_HOME=self.path('config'), XDG_STATE_HOME=self.path('state'), LC_ALL='C',
                   TMPDIR=self.dir)
        return env

    def tool(self, name):
        return os.path.join(self.bin, name)


def _base(need):
    """A directory with room, in memory if there is one."""
    tried = []
    for base in ('/dev/shm', os.environ.get('TMPDIR') or '/tmp'):
        if not os.access(base, os.W_OK):
            continue
        free = shutil.disk_usage(base).free
        if free >= need:
            return base
        tried.append(f'{base} has {free // MIB} MiB')
    raise Failure(f'no room: {need // MIB} MiB needed, {", ".join(tried) or "nothing writable"}; lower BENCH_MIB')


def _fill(place, size):
    """Random bytes; returns nothing, sets file, size and digest."""
    place.file, place.size = place.path('file'), size
    digest = hashlib.sha256()
    left = size
    with open(place.file, 'wb') as f:
        while left > 0:
            block = os.urandom(min(left, 4 * MIB))
            f.write(block)
            digest.update(block)
            left -= len(block)
    place.digest = digest.hexdigest()


@contextlib.contextmanager
def make_place(build, bin_dir, size, times=2):
    """The directory with a file of that size. Room is needed so many times: what arrives is compared."""
    place = Place(build, bin_dir)
    place.dir = tempfile.mkdtemp(prefix='vault-bench.', dir=_base(times * size + 64 * MIB))
    made = False
    try:
        _fill(place, size)
        if os.geteuid() == 0 and not os.path.exists(SSHD_DIRECTORY) and os.path.isdir('/run'):
            os.mkdir(SSHD_DIRECTORY, 0o755)
            made = True
        yield place
    finally:
        if made:
            os.rmdir(SSHD_DIRECTORY)
        shutil.rmtree(place.dir, ignore_errors=True)


def _quietly(argv, place, needed_for):
    r = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                       timeout=60, env=place.environment(), check=False)
    if r.returncode != 0:
        raise Failure(f'{needed_for}: {os.path.basename(argv[0])} left with {r.returncode}: '
                      f'{r.stderr.decode(errors="replace").strip()}')


def make_vault_keys(place):
    """server, client: identities; authorized_keys: the client's."""
    if os.path.exists(place.path('authorized_keys')):
        return
    for side in ('server', 'client'):
        _quietly([place.tool('vault-keygen'), '-f', place.path(side), '-C', side], place, 'keys')
    shutil.copy(place.path('client.pub'), place.path('authorized_keys'))


def make_certificate(place):
    """cert.pem, key.pem and both.pem: ECDSA P-256, for 127.0.0.1; both sides use it."""
    if os.path.exists(place.path('both.pem')):
        return
    if not shutil.which('openssl'):
        raise Failure('no certificate without the openssl command (apt: openssl)')
    _quietly(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days',
              '2', '-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout',
              place.path('key.pem'), '-out', place.path('cert.pem')], place, 'certificate')
    both = ''
    for name in ('key.pem', 'cert.pem'):
        with open(place.path(name), encoding='ascii') as f:
            both += f.read()
    place.write('both.pem', both)


def make_spiped_key(place):
    if not os.path.exists(place.path('spiped.key')):
        with open(place.path('spiped.key'), 'wb') as f:
            f.write(os.urandom(32))


def make_ssh_keys(place):
    """Host and user keys, and the configurations of both sides."""
    if os.path.exists(place.path('sshd_config')):
        return
    for name in ('ssh_host', 'ssh_user'):
        _quietly(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', place.path(name)], place, 'ssh keys')
    with open(place.path('ssh_host.pub'), encoding='ascii') as f:
        place.write('ssh_known', 'bench ' + f.read())
    shutil.copy(place.path('ssh_user.pub'), place.path('ssh_authorized'))
    place.write('ssh_config', f'''Host *
IdentityFile {place.path('ssh_user')}
IdentitiesOnly yes
UserKnownHostsFile {place.path('ssh_known')}
GlobalKnownHostsFile /dev/null
HostKeyAlias bench
StrictHostKeyChecking yes
BatchMode yes
User {place.user}
LogLevel ERROR
Ciphers aes256-gcm@openssh.com
''')
    place.write('sshd_config', f'''HostKey {place.path('ssh_host')}
AuthorizedKeysFile {place.path('ssh_authorized')}
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
PidFile none
LogLevel ERROR
Ciphers aes256-gcm@openssh.com
''')
