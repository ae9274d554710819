"""What is measured: whether all arrives, how fast, at what cost, and how long a connection takes."""
import contextlib
import hashlib
import os
import time

from place import MIB
from proc import Failure, read_byte, status_text
from session import PIPE, Session

GIB = 1 << 30
SETUP_LIMIT = 20


def time_limit(size):
    return 30 + size / (8 * MIB)


def wait_all(processes, seconds):
    """False if one is still there after that time."""
    end = time.monotonic() + seconds
    return all([p.wait(end - time.monotonic()) for p in processes])


def digest_of(path):
    digest = hashlib.sha256()
    with open(path, 'rb') as f:
        while block := f.read(MIB):
            digest.update(block)
    return digest.hexdigest()


def _ends(session):
    """Those that end by themselves when all is done."""
    return [session.client, session.server, *session.others]


def verify(place, rival, link=None):
    """Once, into a file: what arrived, and what else the server wrote (its part in the protocol)."""
    sink = place.path('arrived')
    try:
        with Session(place, rival, 'bulk', sink=sink, link=link) as s:
            with open(sink, 'wb') as out, open(place.file, 'rb') as source:
                s.start(stdout=out)
                s.connect(stdin=source)
            ended = wait_all(_ends(s), time_limit(place.size))
            arrived = os.path.getsize(sink)
            result = {
                'arrived': arrived, 'lost': place.size - arrived, 'whole': digest_of(sink) == place.digest,
                'ended': ended, 'client_status': status_text(s.client.status),
                'server_status': status_text(s.server.status), 'commands': s.commands, 'said': s.complaint(),
            }
            counted = s.server.written if not rival.inetd else None
            result['other_writes'] = None if counted is None else counted - arrived
            return result
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(sink)


def _start_bulk(s, place, kind):
    """Start a transfer; returns when it began."""
    with contextlib.ExitStack() as stack:
        if kind == 'pipe' and not s.rival.inetd:
            r, w = os.pipe()
            stack.callback(os.close, r)
            with open(w, 'wb', buffering=0) as out:
                s.start(stdout=out)
            s.add(['cat'], stdin=r, stdout=stack.enter_context(open('/dev/null', 'wb')))
        else:
            s.start(stdout=stack.enter_context(open('/dev/null', 'wb')))
        source = stack.enter_context(open(place.file, 'rb'))
        if kind == 'file':
            begin = time.perf_counter()
            s.connect(stdin=source)
            return begin
        r, w = os.pipe()
        stack.callback(os.close, r)
        begin = time.perf_counter()
        with open(w, 'wb', buffering=0) as out:
            s.add(['cat', place.file], stdout=out)
        s.connect(stdin=r)
        return begin


def bulk(place, rival, kind, other_writes, link=None):
    """One timed transfer. link: through the relay, with these options. lost is None where nothing counted the bytes without disturbing."""
    with Session(place, rival, 'bulk', sink='/dev/null', link=link) as s:
        begin = _start_bulk(s, place, kind)
        ended = wait_all(_ends(s), time_limit(place.size))
        seconds = time.perf_counter() - begin
        if not ended:
            raise Failure(f'does not end; {s.complaint()}')
        statuses = (s.client.status, s.server.status)
        if rival.inetd:
            lost = None
        elif kind == 'pipe':
            lost = None if s.others[0].written is None else place.size - s.others[0].written
        else:
            known = s.server.written is not None and other_writes is not None
            lost = place.size - (s.server.written - other_writes) if known else None
            if known and abs(lost) <= rival.vary:
                lost = 0
        for p in s.helpers:
            p.end()
        return {'mib_s': place.size / MIB / seconds, 'cpu_s_gib': s.cpu() * GIB / place.size,
                'client_cpu_s_gib': s.client.cpu * GIB / place.size, 'lost': lost,
                'statuses': [status_text(x) for x in statuses]}


def _echo(s, begin):
    """One byte to the server, and back if it can; returns when it was there."""
    s.client.popen.stdin.write(b'x')
    if s.rival.inetd:
        read_byte(s.client.popen.stdout.fileno(), SETUP_LIMIT, s.rival.name)
        return time.perf_counter() - begin
    read_byte(s.server.popen.stdout.fileno(), SETUP_LIMIT, s.rival.name)
    if not s.rival.one_way:
        s.server.popen.stdin.write(b'x')
        s.server.popen.stdin.close()
        read_byte(s.client.popen.stdout.fileno(), SETUP_LIMIT, s.rival.name)
    return time.perf_counter() - begin


def setup(place, rival):
    """Spawn a client, one byte there and back, close, exit: milliseconds."""
    with Session(place, rival, 'echo') as s:
        s.start(stdin=PIPE, stdout=PIPE)
        begin = time.perf_counter()
        s.connect(stdin=PIPE, stdout=PIPE)
        echo = _echo(s, begin)
        s.client.popen.stdin.close()
        if not s.client.wait(SETUP_LIMIT):
            raise Failure(f'the client does not end; {s.complaint()}')
        whole = time.perf_counter() - begin
        s.server.wait(SETUP_LIMIT)
        return {'echo_ms': echo * 1000, 'process_ms': whole * 1000, 'client_cpu_ms': s.client.cpu * 1000}
