"""What the Vault UDP peers for tests have in common: an event loop, commands on standard input, events as JSON lines.

Commands, one a line:
    peer HOST PORT              a peer to exchange keys with
    say TEXT                    one message to every peer
    send N PREFIX [SECONDS]     the messages PREFIX0 PREFIX1 ..., one every so often
    renew                       forget everything, make new keys: as after a restart
    quit                        leave
Events go to --events, what was received to --recv (a line a message), a report to --json at the end.
"""

import argparse
import collections
import heapq
import itertools
import json
import os
import select
import signal
import socket
import sys
import time

import common


def parser(doc):
    p = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--bind", default="", help="address to receive at")
    p.add_argument("--port", type=int, default=0, help="0: any")
    p.add_argument("--ready-fd", type=int, help="a JSON line with the port, once it is bound")
    p.add_argument("--peer", action="append", default=[], metavar="HOST:PORT")
    p.add_argument("--scale", type=float, default=1, help="lifetimes and intervals pass so many times as fast")
    p.add_argument("--skew", type=float, default=0, help="seconds that the clock is ahead")
    p.add_argument("--mtu", type=int, default=1500, help="of the network")
    p.add_argument("--life", type=float, default=120, help="leave after so many seconds, whatever happens")
    p.add_argument("--events", help="file for events")
    p.add_argument("--recv", help="file for messages")
    p.add_argument("--json", help="file for the report")
    return p


def host_port(text):
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def bind_udp(host, port):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    sock.bind((host, port))
    sock.setblocking(False)
    return sock


class Node:
    """Subclasses have add_peer(host, port), say(text), renew() and key, and watch() their sockets."""

    def __init__(self, args, commands=True):
        self.args = args
        self.counts = collections.Counter()
        self.poll, self.handlers = select.poll(), {}
        self.timers, self.order = [], itertools.count()
        self.sink = open(args.recv, "ab", buffering=0) if args.recv else None
        self.log = open(args.events, "a", buffering=1, encoding="utf-8") if args.events else None
        self.running, self.typed = True, b""
        if commands:
            os.set_blocking(0, False)
            self.handlers[0] = self.on_stdin
            self.poll.register(0, select.POLLIN)

    # -- time --

    def clock(self):
        """What it takes for the time of day."""
        return time.time() + self.args.skew

    def after(self, seconds, call):
        heapq.heappush(self.timers, (time.monotonic() + seconds, next(self.order), call))

    def scaled(self, seconds):
        return seconds / self.args.scale

    # -- events --

    def event(self, kind, **more):
        self.counts[kind] += 1
        if self.log:
            self.log.write(json.dumps({"event": kind, "at": round(time.monotonic(), 3), **more}) + "\n")

    def drop(self, why, **more):
        self.counts["drop: " + why] += 1
        self.event("drop", why=why, **more)

    def deliver(self, text, source, boxed):
        self.event("message", boxed=boxed, source="%s:%d" % source[:2], size=len(text))
        self.counts["boxed" if boxed else "clear"] += 1
        if self.sink is not None:
            self.sink.write(text + b"\n")

    # -- loop --

    def watch(self, sock, call):
        self.handlers[sock.fileno()] = lambda: call(sock)
        self.poll.register(sock.fileno(), select.POLLIN)

    def unwatch(self, sock):
        self.poll.unregister(sock.fileno())
        del self.handlers[sock.fileno()]

    def on_stdin(self):
        data = os.read(0, 65536)
        if not data:
            self.poll.unregister(0)
            return
        *lines, self.typed = (self.typed + data).split(b"\n")
        for line in lines:
            self.command(line.decode())

    def command(self, line):
        word, _, rest = line.partition(" ")
        if word == "peer":
            host, port = rest.split()
            self.add_peer(host, int(port))
        elif word == "say":
            self.say(rest.encode())
        elif word == "send":
            count, prefix, *pause = rest.split()
            self.send_many(0, int(count), prefix, float(pause[0]) if pause else 0)
        elif word == "renew":
            self.renew()
            self.event("renewed")
        elif word == "quit":
            self.leave()
        else:
            self.more_commands(word, rest)

    def more_commands(self, word, rest):
        sys.exit("unknown command: %s %s" % (word, rest))

    def send_many(self, i, count, prefix, pause):
        if i < count:
            self.say(b"%s%d" % (prefix.encode(), i))
            self.after(pause, lambda: self.send_many(i + 1, count, prefix, pause))
        else:
            self.event("sent", count=count)

    def leave(self):
        self.running = False

    def step(self, limit):
        """Wait for something, at most so many seconds, and do it."""
        if self.timers:
            limit = min(limit, self.timers[0][0] - time.monotonic())
        for fd, _ in self.poll.poll(max(0, limit) * 1000):
            if fd in self.handlers:
                self.handlers[fd]()
        while self.timers and self.timers[0][0] <= time.monotonic():
            heapq.heappop(self.timers)[2]()

    def run_for(self, seconds, until=lambda: False):
        """True if it became so in time."""
        end = time.monotonic() + seconds
        while not until():
            left = end - time.monotonic()
            if left <= 0:
                return False
            self.step(left)
        return True

    def report(self):
        return dict(self.counts)

    def main(self, port):
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.leave())
        if self.args.ready_fd is not None:
            common.listening(self.args.ready_fd, port=port, key=self.key)
        for text in self.args.peer:
            self.add_peer(*host_port(text))
        self.run_for(self.args.life, until=lambda: not self.running)
        if self.args.json:
            with open(self.args.json, "w", encoding="utf-8") as f:
                json.dump(self.report(), f)
                f.write("\n")
