"""What a tool makes of trouble: a forged end, a full disk, a killed sender. Exit statuses as measured, several
times: who is quicker decides some of them."""
import contextlib
import json
import os
import signal
import time

from measure import digest_of, wait_all
from place import MIB
from proc import Failure, status_text
from session import Session

PATIENCE = 15       # seconds until somebody counts as hanging
PART = 32 * MIB     # what is sent
FED = 4 * MIB       # what a sender has got when it is killed
TIMES = 3


def _make_part(place):
    path = place.path('part')
    if not os.path.exists(path):
        with open(place.file, 'rb') as f, open(path, 'wb') as out:
            out.write(f.read(PART))
    return path


def _noticed(sender, receiver):
    """Whose status tells a script that not all is there. One that was killed cannot; one that hangs does not."""
    who = [name for name, status in (('sender', sender), ('receiver', receiver))
           if status not in ('0', 'hangs', 'SIGKILL')]
    return 'both' if len(who) == 2 else who[0] if who else 'nobody'


def _far_status(s, place):
    """Of the far end. A command that ssh started may take a moment longer than ssh."""
    if not s.rival.inetd:
        return status_text(s.server.status)
    for _ in range(100):
        status = s.rival.far_status(place)
        if status is not None:
            return status
        time.sleep(0.02)
    return 'hangs'


def _outcome(s, place, part, sink):
    """How both ended, before the rest of the session is ended."""
    sender, receiver = status_text(s.client.status), _far_status(s, place)
    result = {'sender': sender, 'receiver': receiver, 'noticed': _noticed(sender, receiver), 'said': s.complaint(),
              'commands': s.commands}
    if sink:
        result['arrived'] = os.path.getsize(sink)
        result['whole'] = result['arrived'] == os.path.getsize(part) and digest_of(sink) == digest_of(part)
    return result


def _check_fault(place, s):
    """The fault must really have happened, or the line would say something about nothing."""
    s.relay.end()
    with open(place.path('relay.json'), encoding='ascii') as f:
        done = json.load(f)['faults'][0]['done']
    if not done:
        raise Failure('the end could not be put in: fewer bytes than that passed')


def forged_end(place, rival):
    part, sink = _make_part(place), place.path('arrived')
    fault = f'c2s:cut-fin@{os.path.getsize(part) // 4}'
    with Session(place, rival, 'bulk', sink=sink, faults=[fault]) as s:
        with open(sink, 'wb') as out, open(part, 'rb') as source:
            s.start(stdout=out)
            s.connect(stdin=source)
        wait_all([s.client, s.server], PATIENCE)
        result = _outcome(s, place, part, sink)
        _check_fault(place, s)
        return result


def full_disk(place, rival):
    part = _make_part(place)
    with Session(place, rival, 'bulk', sink='/dev/full') as s:
        with open('/dev/full', 'wb', buffering=0) as out, open(part, 'rb') as source:
            s.start(stdout=out)
            s.connect(stdin=source)
        wait_all([s.client, s.server], PATIENCE)
        return _outcome(s, place, part, None)


def _settled(sink):
    """Something has arrived, and no more is coming."""
    before, end = 0, time.monotonic() + PATIENCE
    while time.monotonic() < end:
        size = os.path.getsize(sink)
        if size > 0 and size == before:
            return
        before = size
        time.sleep(0.3)
    raise Failure('nothing arrives while the sender waits for more input')


def killed_sender(place, rival):
    part, sink = _make_part(place), place.path('arrived')
    with Session(place, rival, 'bulk', sink=sink) as s:
        with open(sink, 'wb') as out:
            s.start(stdout=out)
        r, w = os.pipe()
        with open(r, 'rb') as source, open(w, 'wb') as feed:
            s.add(['sh', '-c', f'head -c {FED} "$0" && exec sleep 60', part], stdout=feed)
            s.connect(stdin=source)
        _settled(sink)
        s.client.signal(signal.SIGKILL)
        wait_all([s.client, s.server], PATIENCE)
        return _outcome(s, place, part, sink)


CASES = (('forged_end', forged_end), ('full_disk', full_disk), ('killed_sender', killed_sender))


def _once(place, rival, run):
    for name in ('ssh_status', 'arrived'):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(place.path(name))
    try:
        return run(place, rival)
    except Failure as e:
        return {'failed': str(e)}


def behaviour(place, rival):
    """{case: [outcome, or {'failed': why}, for each time]}"""
    return {name: [_once(place, rival, run) for _ in range(TIMES)] for name, run in CASES}
