#!/usr/bin/python3
"""Servers and clients that are none, for tests: odd_server.py KIND [ARG]; prints its port when it is there.

    bound         a port that is taken, but nobody listens
    full          listens, but its queue is full: connections are never made
    mute          accepts, says nothing
    slam          accepts, reads something, closes
    reset         accepts, reads something, resets
    say TEXT      accepts, says TEXT (escapes are understood), waits
    to PORT TEXT  a client: connects to PORT, says TEXT, prints in hex what comes until the end
It ends when standard input ends, "to" also when the other side ends.
"""

import os
import select
import socket
import sys

import common


def tell(port):
    print(port, flush=True)


def unescape(text):
    return text.encode("latin-1").decode("unicode_escape").encode("latin-1")


def until_stdin_ends(others=()):
    """Wait; read and forget what comes on the others."""
    others = list(others)
    while True:
        ready, _, _ = select.select([0] + others, [], [])
        if 0 in ready and not os.read(0, 4096):
            return
        for s in ready:
            if s != 0 and not s.recv(65536):
                others.remove(s)


def full():
    s = socket.create_server(("127.0.0.1", 0), backlog=0)
    fillers = []
    while True:
        c = socket.socket()
        c.setblocking(False)
        c.connect_ex(s.getsockname())
        fillers.append(c)
        _, writable, _ = select.select([], [c], [], 0.3)
        if not writable:
            break
    tell(s.getsockname()[1])
    until_stdin_ends()


def accepting(kind, text):
    s = socket.create_server(("127.0.0.1", 0))
    tell(s.getsockname()[1])
    held = []
    while True:
        ready, _, _ = select.select([0, s], [], [])
        if 0 in ready and not os.read(0, 4096):
            return
        if s not in ready:
            continue
        c, _ = s.accept()
        if kind == "say":
            c.sendall(text)
        if kind in ("slam", "reset"):
            c.recv(65536)
            if kind == "reset":
                common.close_with_reset(c)
            else:
                c.close()
        else:
            held.append(c)


def client(port, text):
    c = socket.create_connection(("127.0.0.1", int(port)), 10)
    c.settimeout(60)
    tell(port)
    c.sendall(text)
    got = b""
    while True:
        try:
            piece = c.recv(65536)
        except ConnectionError:
            break
        if not piece:
            break
        got += piece
    print(got.hex(), flush=True)


def main(argv):
    kind, text = argv[0], unescape(argv[-1])
    if kind == "to":
        client(argv[1], text)
    elif kind == "full":
        full()
    elif kind == "bound":
        s = socket.socket()
        s.bind(("127.0.0.1", 0))
        tell(s.getsockname()[1])
        until_stdin_ends()
    else:
        accepting(kind, text)


if __name__ == "__main__":
    main(sys.argv[1:])
