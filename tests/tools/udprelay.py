#!/usr/bin/python3
"""Stand between two sides that speak UDP, and do chosen things wrong; deterministic by --seed.

    udprelay.py --to HOST:PORT OPTIONS

It receives at 127.0.0.1 (or --bind) and passes on from a port of its own for every source, as NAT does. 'up' is toward
--to, 'down' back. Options: see --help. Commands on standard input, one a line:
    loss P | dup P | reorder P      change that probability (0..1)
    block, unblock                  nothing passes; again
    rebind                          another port toward --to, as when NAT forgets
    replay [up|down]                everything that passed so far in that direction once more, from where it came
    quit
At the end (SIGTERM, quit, --life) a JSON line with what passed goes to --report.
"""

import argparse
import collections
import json
import os
import random
import select
import signal
import socket
import sys
import time

WAY = ("up", "down")
HELD = 0.05     # seconds after which a datagram that was to be overtaken goes on alone
CAPTURE_MAX = 200000


def options():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--to", required=True, metavar="HOST:PORT")
    p.add_argument("--bind", default="127.0.0.1")
    p.add_argument("--ready-fd", type=int)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--life", type=float, default=120)
    p.add_argument("--report", help="file for the report")
    p.add_argument("--way", choices=("up", "down", "both"), default="both", help="where the faults act")
    p.add_argument("--after", type=int, default=0, metavar="N", help="the first N datagrams of each way pass untouched")
    p.add_argument("--loss", type=float, default=0, metavar="P")
    p.add_argument("--dup", type=float, default=0, metavar="P")
    p.add_argument("--reorder", type=float, default=0, metavar="P", help="overtaken by one to --depth others")
    p.add_argument("--depth", type=int, default=8)
    p.add_argument("--flip", type=int, metavar="BIT", help="flip that bit of every datagram")
    p.add_argument("--flip-all", type=int, metavar="N",
                   help="send every one-bit change of the Nth datagram that is as long as --flip-size, then itself")
    p.add_argument("--flip-size", type=int, default=0, metavar="BYTES", help="at least")
    p.add_argument("--cut", type=int, metavar="N", help="cut every datagram to N bytes")
    p.add_argument("--sniff", action="append", default=[], metavar="TEXT", help="count datagrams that contain TEXT")
    p.add_argument("--sniff-file", action="append", default=[], metavar="FILE", help="the same for each line of FILE")
    return p.parse_args()


class Client:
    """One source, and the socket that stands for it."""

    def __init__(self, address, family):
        self.address = address
        self.sock = socket_for(family)
        self.held = ([], [])    # [how many may still overtake, until when, datagram] for each way


def socket_for(family, address=None):
    sock = socket.socket(family, socket.SOCK_DGRAM)
    for buffer in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        sock.setsockopt(socket.SOL_SOCKET, buffer, 4 << 20)
    if address:
        sock.bind(address)
    sock.setblocking(False)
    return sock


class Relay:
    def __init__(self, args):
        self.args = args
        host, _, port = args.to.rpartition(":")
        self.to = (host.strip("[]"), int(port))
        self.family = socket.AF_INET6 if ":" in self.to[0] else socket.AF_INET
        own = socket.AF_INET6 if ":" in args.bind else socket.AF_INET
        self.front = socket_for(own, (args.bind, 0))
        self.clients, self.by_fd = {}, {}
        self.poll = select.poll()
        self.poll.register(self.front.fileno(), select.POLLIN)
        os.set_blocking(0, False)
        self.poll.register(0, select.POLLIN)
        self.random = random.Random(args.seed)
        self.count = {w: collections.Counter() for w in WAY}
        self.needles = [t.encode() for t in args.sniff]
        for path in args.sniff_file:
            with open(path, "rb") as f:
                self.needles += [line for line in f.read().split(b"\n") if line]
        self.found = 0
        self.sizes = collections.Counter()
        self.capture = ([], [])
        self.blocked = self.flipped = False
        self.long_ones, self.typed, self.running = 0, b"", True

    # -- passing --

    def send(self, client, way, data):
        self.count[WAY[way]]["sent"] += 1
        for _ in range(50):
            try:
                if way == 0:
                    client.sock.sendto(data, self.to)
                else:
                    self.front.sendto(data, client.address)
                return
            except BlockingIOError:
                time.sleep(0.001)
            except OSError:
                self.count[WAY[way]]["errors"] += 1
                return

    def take(self, client, way, data):
        count = self.count[WAY[way]]
        count["received"] += 1
        count["bytes"] += len(data)
        self.sizes[len(data)] += 1
        if any(n in data for n in self.needles):
            self.found += 1
        if len(self.capture[way]) < CAPTURE_MAX:
            self.capture[way].append((client, data))
        if self.blocked:
            count["blocked"] += 1
            return
        a = self.args
        if a.way not in ("both", WAY[way]) or count["received"] <= a.after:
            self.send(client, way, data)
            return
        self.overtaken(client, way)
        self.faults(client, way, data, count)

    def faults(self, client, way, data, count):
        a = self.args
        # Always the same draws, so that one fault does not change the others' luck.
        lost, doubled, late, depth = (self.random.random(), self.random.random(), self.random.random(),
                                      self.random.randint(1, a.depth))
        if lost < a.loss:
            count["lost"] += 1
            return
        if a.flip is not None and a.flip < 8 * len(data):
            data = flipped(data, a.flip)
            count["flipped"] += 1
        if a.cut is not None:
            data = data[:a.cut]
            count["cut"] += 1
        if a.flip_all is not None and not self.flipped and len(data) >= a.flip_size:
            self.long_ones += 1
            if self.long_ones >= a.flip_all:
                self.flip_each(client, way, data, count)
        if late < a.reorder:
            count["reordered"] += 1
            client.held[way].append([depth, time.monotonic() + HELD, data])
            return
        self.send(client, way, data)
        if doubled < a.dup:
            count["doubled"] += 1
            self.send(client, way, data)

    def flip_each(self, client, way, data, count):
        self.flipped = True
        for bit in range(8 * len(data)):
            self.send(client, way, flipped(data, bit))
            count["flipped"] += 1
            if bit % 64 == 63:
                time.sleep(0.015)

    def overtaken(self, client, way):
        """One more has come: those that were held for it may go."""
        now, left = time.monotonic(), []
        for item in client.held[way]:
            item[0] -= 1
            if item[0] <= 0 or item[1] <= now:
                self.send(client, way, item[2])
            else:
                left.append(item)
        client.held[way][:] = left

    def late(self):
        now = time.monotonic()
        for client in self.clients.values():
            for way in (0, 1):
                while client.held[way] and client.held[way][0][1] <= now:
                    self.send(client, way, client.held[way].pop(0)[2])

    # -- sockets --

    def on_front(self):
        for _ in range(64):
            try:
                data, source = self.front.recvfrom(65536)
            except BlockingIOError:
                return
            except OSError:
                continue
            client = self.clients.get(source)
            if not client:
                client = self.clients[source] = Client(source, self.family)
                self.register(client)
            self.take(client, 0, data)

    def register(self, client):
        self.by_fd[client.sock.fileno()] = client
        self.poll.register(client.sock.fileno(), select.POLLIN)

    def on_back(self, client):
        for _ in range(64):
            try:
                data, _ = client.sock.recvfrom(65536)
            except BlockingIOError:
                return
            except OSError:
                continue
            self.take(client, 1, data)

    def rebind(self):
        for client in self.clients.values():
            self.poll.unregister(client.sock.fileno())
            del self.by_fd[client.sock.fileno()]
            old = client.sock
            client.sock = socket_for(self.family)
            client.sock.bind(("::1" if self.family == socket.AF_INET6 else "127.0.0.1", 0))
            old.close()
            self.register(client)
        print("udprelay: rebound", file=sys.stderr, flush=True)

    # -- commands --

    def on_stdin(self):
        data = os.read(0, 65536)
        if not data:
            self.poll.unregister(0)
            return
        *lines, self.typed = (self.typed + data).split(b"\n")
        for line in lines:
            self.command(*line.decode().split())

    def command(self, word, value=None):
        if word in ("loss", "dup", "reorder"):
            setattr(self.args, word, float(value))
        elif word in ("block", "unblock"):
            self.blocked = word == "block"
        elif word == "rebind":
            self.rebind()
        elif word == "replay":
            for way in (0, 1):
                if value in (None, WAY[way]):
                    for client, data in list(self.capture[way]):
                        self.count[WAY[way]]["replayed"] += 1
                        self.send(client, way, data)
        elif word == "quit":
            self.running = False
        else:
            sys.exit("udprelay: unknown command: %s" % word)

    def run(self):
        end = time.monotonic() + self.args.life
        while self.running and time.monotonic() < end:
            holding = any(c.held[w] for c in self.clients.values() for w in (0, 1))
            for fd, _ in self.poll.poll(10 if holding else 200):
                if fd == self.front.fileno():
                    self.on_front()
                elif fd == 0:
                    self.on_stdin()
                elif fd in self.by_fd:
                    self.on_back(self.by_fd[fd])
            self.late()

    def stop(self, *_):
        self.running = False

    def report(self):
        return {"v": 1, "seed": self.args.seed, "clients": len(self.clients), "found": self.found,
                "sizes": {str(k): v for k, v in sorted(self.sizes.items())}, **{w: dict(self.count[w]) for w in WAY}}


def flipped(data, bit):
    out = bytearray(data)
    out[bit // 8] ^= 1 << bit % 8
    return bytes(out)


def main():
    args = options()
    relay = Relay(args)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, relay.stop)
    if args.ready_fd is not None:
        host, port = relay.front.getsockname()[:2]
        line = {"v": 1, "event": "listening", "address": host, "port": port}
        os.write(args.ready_fd, json.dumps(line).encode() + b"\n")
        os.close(args.ready_fd)
    relay.run()
    if args.report:
        with open(args.report, "w", encoding="utf-8") as f:
            json.dump(relay.report(), f)
            f.write("\n")


if __name__ == "__main__":
    main()
