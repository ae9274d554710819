#!/usr/bin/python3
"""Both ends of a plain stream connection, and what each of them saw of the other: for tests of forwarding.

    plain_peer.py serve KIND [--at PATH] [--log FILE] [--bytes N]
        Prints {"port": N} or {"path": PATH}; a JSON line in FILE for each connection when it begins and when it is over.
        echo      sends back what comes, and the end
        answer    waits for the end, then says how many bytes and which hash there were
        source    sends N bytes that seed() makes, then its end, and reads to the end
        reset     takes N bytes, then resets
        early     takes N bytes, says "enough", and closes while more comes
        goodbye   says "goodbye" at once and closes in good order; what comes later is refused
    plain_peer.py call ADDRESS [--bytes N] [--times N] [--abort] [--keep] [--recv N]
        ADDRESS is a port of 127.0.0.1, HOST:PORT or a path. Sends N bytes and its end (with --abort resets instead, with
        --keep sends no end), reads to the end (or N bytes), and prints a JSON line a connection: sent, got, hash, end.
"end" is how the other side ended: "eof", "reset", or "none" (it was not read so far).
"""

import argparse
import hashlib
import json
import os
import socket
import struct
import sys
import threading

import common

BLOCK = 65536
lock = threading.Lock()


def seed(n, at=0):
    """The bytes of a stream of n, from at on, at most BLOCK; a place can be told from any other."""
    first = at // 8
    block = b"".join(struct.pack(">Q", (i * 0x9E3779B97F4A7C15) & ((1 << 64) - 1)) for i in range(first, first + BLOCK // 8))
    return block[at % 8:][: n - at]


def wanted(n):
    h = hashlib.sha256()
    at = 0
    while at < n:
        piece = seed(n, at)
        h.update(piece)
        at += len(piece)
    return h.hexdigest()


def send(sock, n):
    """How many bytes went, and whether all did. (Who is told of a reset here reads an end behind it.)"""
    at = 0
    try:
        while at < n:
            at += sock.send(seed(n, at))
    except OSError:
        return at, False
    return at, True


def receive(sock, most=None, back=None):
    """Read to the end, or so many bytes: how many, their hash, how it ended."""
    h = hashlib.sha256()
    n = 0
    end = "none"
    while most is None or n < most:
        try:
            piece = sock.recv(BLOCK)
        except OSError:
            end = "reset"
            break
        if not piece:
            end = "eof"
            break
        n += len(piece)
        h.update(piece)
        if back:
            try:
                back.sendall(piece)
            except OSError:
                end = "reset"
                break
    return n, h.hexdigest(), end


def shut(sock):
    try:
        sock.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def serve_one(args, sock, note):
    note({"event": "open"})
    kind = args.kind
    if kind == "goodbye":
        sock.sendall(b"goodbye")
        sock.close()
        note({"event": "over", "got": 0, "end": "none"})
        return
    if kind == "source":
        sender = threading.Thread(target=lambda: (send(sock, args.bytes), shut(sock)))
        sender.start()
        got = receive(sock)
        sender.join()
    else:
        got = receive(sock, args.bytes if kind in ("reset", "early") else None, sock if kind == "echo" else None)
    note({"event": "over", "got": got[0], "hash": got[1], "end": got[2]})
    if kind == "reset":
        common.close_with_reset(sock)
        return
    if kind == "answer" and got[2] == "eof":
        sock.sendall(b"%d %s\n" % (got[0], got[1].encode()))
    if kind == "early":
        sock.sendall(b"enough")
    sock.close()


def serve(args):
    if args.at:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(args.at)
        told = {"path": args.at}
    else:
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        told = {"port": listener.getsockname()[1]}
    listener.listen(512)
    log = open(args.log, "a", encoding="ascii")
    print(json.dumps(told), flush=True)
    number = 0
    while True:
        sock, _ = listener.accept()
        number += 1

        def note(what, number=number):
            with lock:
                log.write(json.dumps({"number": number, **what}) + "\n")
                log.flush()

        threading.Thread(target=serve_one, args=(args, sock, note), daemon=True).start()


def connect(address):
    if address.startswith("/"):
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(address)
        return sock
    host, _, port = address.rpartition(":")
    return socket.create_connection((host.strip("[]") or "127.0.0.1", int(port)))


def call_one(args):
    try:
        sock = connect(args.address)
    except OSError as why:
        result = {"end": "refused", "why": str(why)}
    else:
        sent = [(0, True)]

        def sending():
            sent[0] = send(sock, args.bytes)
            if not args.keep and not args.abort:
                shut(sock)

        sender = threading.Thread(target=sending)
        sender.start()
        if args.abort:
            sender.join()
            got = receive(sock, args.recv or 0)
            common.close_with_reset(sock)
        else:
            got = receive(sock, args.recv)
            sender.join()
        result = {"sent": sent[0][0], "got": got[0], "hash": got[1], "end": got[2] if sent[0][1] else "reset"}
        sock.close()
    with lock:
        print(json.dumps(result), flush=True)


def call(args):
    threads = [threading.Thread(target=call_one, args=(args,)) for _ in range(args.times)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


def main():
    parser = argparse.ArgumentParser()
    verbs = parser.add_subparsers(required=True)
    one = verbs.add_parser("serve")
    one.add_argument("kind", choices=["echo", "answer", "source", "reset", "early", "goodbye"])
    one.add_argument("--at")
    one.add_argument("--log", default=os.devnull)
    one.add_argument("--bytes", type=int, default=0)
    one.set_defaults(run=serve)
    one = verbs.add_parser("call")
    one.add_argument("address")
    one.add_argument("--bytes", type=int, default=0)
    one.add_argument("--times", type=int, default=1)
    one.add_argument("--abort", action="store_true")
    one.add_argument("--keep", action="store_true")
    one.add_argument("--recv", type=int)
    one.set_defaults(run=call)
    one = verbs.add_parser("hash")
    one.add_argument("bytes", type=int)
    one.set_defaults(run=lambda args: print(wanted(args.bytes)))
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    sys.exit(main())
