"""Processes: started, waited for with a bound, measured by wait4, ended by their id."""
import os
import select
import signal
import socket
import subprocess
import time

LIVE = []  # every process that has not been waited for


class Failure(Exception):
    """A run that did not work; the text says why."""


class Proc:
    """One process. After it ended: status as of Popen.returncode, cpu (user + system seconds, with its
    children) and written (bytes that it and its children passed to write(), or None)."""

    def __init__(self, argv, stdin=None, stdout=None, stderr=None, fds=(), env=None):
        self.argv = [str(a) for a in argv]
        null = subprocess.DEVNULL
        self.status = self.cpu = self.written = None
        try:
            self.popen = subprocess.Popen(
                self.argv, stdin=null if stdin is None else stdin, stdout=null if stdout is None else stdout,
                stderr=null if stderr is None else stderr, pass_fds=fds, env=env, bufsize=0)
        except OSError as e:
            raise Failure(f'{self.argv[0]}: {e.strerror}') from e
        self.pid = self.popen.pid
        self.pidfd = os.pidfd_open(self.pid) if hasattr(os, 'pidfd_open') else -1
        LIVE.append(self)

    def _exited(self, seconds):
        """Wait until it is a zombie: its counters can still be read then."""
        if self.pidfd >= 0:
            return bool(select.select([self.pidfd], [], [], max(0, seconds))[0])
        end = time.monotonic() + seconds
        options = os.WEXITED | os.WNOWAIT | os.WNOHANG
        while os.waitid(os.P_PID, self.pid, options) is None:
            if time.monotonic() >= end:
                return False
            time.sleep(0.0005)
        return True

    def _count(self):
        try:
            with open(f'/proc/{self.pid}/io', encoding='ascii') as f:
                counters = dict(line.split(': ') for line in f)
            self.written = int(counters['wchar'])
        except (OSError, KeyError, ValueError):
            pass

    def wait(self, seconds):
        """True when it has ended within so many seconds."""
        if self.status is not None:
            return True
        if not self._exited(seconds):
            return False
        self._count()
        _, status, usage = os.wait4(self.pid, 0)
        self.status = self.popen.returncode = os.waitstatus_to_exitcode(status)
        self.cpu = usage.ru_utime + usage.ru_stime
        if self.pidfd >= 0:
            os.close(self.pidfd)
        for stream in (self.popen.stdin, self.popen.stdout, self.popen.stderr):
            if stream:
                stream.close()
        LIVE.remove(self)
        return True

    def signal(self, number):
        if self.status is None:
            os.kill(self.pid, number)

    def end(self, patience=3):
        """Not needed any more: TERM, and KILL if that does not help."""
        if self.wait(0):
            return
        self.signal(signal.SIGTERM)
        if not self.wait(patience):
            self.signal(signal.SIGKILL)
            if not self.wait(10):
                raise Failure(f'process {self.pid} does not end')


def end_all():
    for p in list(LIVE):
        p.signal(signal.SIGTERM)
    for p in list(LIVE):
        p.end()


def status_text(status):
    """What a shell user would call it."""
    if status is None:
        return 'hangs'
    if status >= 0:
        return str(status)
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f'signal {-status}'


# ---- ports ----

def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def _listening(port):
    """Whether somebody accepts on that port: looked up, because to try would use up a one-shot listener."""
    with open('/proc/net/tcp', encoding='ascii') as f:
        return any(line.split()[1].endswith(f':{port:04X}') and line.split()[3] == '0A' for line in f)


def wait_listening(proc, port, seconds=10):
    end = time.monotonic() + seconds
    while not _listening(port):
        if proc.wait(0):
            raise Failure(f'{proc.argv[0]} left with status {status_text(proc.status)} before it listened')
        if time.monotonic() > end:
            raise Failure(f'{proc.argv[0]} does not listen')
        time.sleep(0.002)


def spawn_listener(make, tries=4):
    """make(port) starts a process that is to listen on that port; somebody else may have been quicker."""
    for left in range(tries - 1, -1, -1):
        port = free_port()
        p = make(port)
        try:
            wait_listening(p, port)
            return p, port
        except Failure:
            p.end()
            if left == 0:
                raise
    return None


def read_line(fd, proc, seconds=10):
    """A line from a ready descriptor, which is closed."""
    line, end = b'', time.monotonic() + seconds
    try:
        while not line.endswith(b'\n'):
            if not select.select([fd], [], [], max(0, end - time.monotonic()))[0]:
                raise Failure(f'{proc.argv[0]} does not get ready')
            chunk = os.read(fd, 4096)
            if not chunk:
                raise Failure(f'{proc.argv[0]} left before it was ready')
            line += chunk
        return line.decode()
    finally:
        os.close(fd)


def read_byte(fd, seconds, what):
    if not select.select([fd], [], [], max(0, seconds))[0]:
        raise Failure(f'{what}: the byte does not arrive')
    if not os.read(fd, 1):
        raise Failure(f'{what}: ended without the byte')


def output_of(argv, timeout=10):
    """What a program says about itself, both streams. Empty if it cannot run."""
    try:
        r = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           timeout=timeout, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ''
    return r.stdout.decode(errors='replace')
