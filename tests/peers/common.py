"""What peers of every wire do alike: say that they listen, wait for somebody, report, reset. It knows no protocol."""

import json
import os
import socket
import struct
import sys


def line_of(what):
    return json.dumps({"v": 1, **what}) + "\n"


def listening(fd, **what):
    """The line of --ready-fd; then it is closed."""
    with os.fdopen(fd, "w") as f:
        f.write(line_of({"event": "listening", **what}))


def come(listener, seconds):
    """The next connection, or None if nobody came in time."""
    listener.settimeout(seconds)
    try:
        return listener.accept()[0]
    except TimeoutError:
        return None


def report(where, outcome, stream=sys.stdout):
    """One line of --json: appended to a file, for '-' on the stream; nobody wants it: None."""
    if where == "-":
        stream.write(line_of(outcome))
        stream.flush()
    elif where:
        with open(where, "a", encoding="utf-8") as f:
            f.write(line_of(outcome))


def close_with_reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
