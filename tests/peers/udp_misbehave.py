#!/usr/bin/python3
"""Attack a native Vault UDP peer: an honest session, and between its messages something that must not matter.

    udp_misbehave.py --to HOST:PORT OPTIONS ACT...      names, beginnings of names, or 'all' (all but floods and draws)
    udp_misbehave.py list                               the names

For each act: the message 'before ACT', the act, the message 'after ACT', which is followed by a ping: a JSON line says
whether it was answered (alive), whether a stranger got more bytes than he sent (amplified), how many boxes came to a
stranger (stolen), and what the other side did against its own rules (violations).
"""

import argparse
import json
import os
import random
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import udp_native  # noqa: E402
import udp_wire as wire  # noqa: E402
from udp_acts import ACTS  # noqa: E402
from udp_native import Native  # noqa: E402
from udp_node import bind_udp, host_port  # noqa: E402
from udp_wire import Bad  # noqa: E402

GAP = 0.012     # between a stranger's datagrams: hosts that are no peers may be allowed few a second


class Tapped(Native):
    """Keeps what the other side sent."""

    def __init__(self, args):
        super().__init__(args, commands=False)
        self.raw, self.pongs = [], 0

    def take(self, data, source):
        self.raw.append(data)
        super().take(data, source)

    def take_control(self, control, peer, source, fields, size):
        if "pong" in control:
            self.pongs += 1
        super().take_control(control, peer, source, fields, size)


class Stage:
    def __init__(self, node, to, patience):
        self.node, self.to, self.patience = node, to, patience
        self.random = random.Random(3)
        self.sock = bind_udp("::1" if ":" in to[0] else "127.0.0.1", 0)
        self.stranger_port = self.sock.getsockname()[1]
        self.someone = wire.SignKeys()
        self.flooded = self.fired = self.back = self.stolen = 0
        self.last_said = None
        self.old_key_messages = []

    @property
    def peer(self):
        return next(p for p in self.node.peers.values() if p.open)

    @property
    def from_tool(self):
        return self.node.raw

    @property
    def boxes_from_tool(self):
        return [d for d in self.node.raw if not self.is_clear(d)]

    @staticmethod
    def is_clear(data):
        try:
            return bool(wire.unpack_map(data))
        except Bad:
            return False

    def shared(self):
        return wire.shared_of(self.peer.sessions[0].enc, self.peer.own.box.secret)

    # -- a stranger --

    def stranger_keys(self, enc=None, ts=None, to=b""):
        ts = int(self.node.clock() * 1000) if ts is None else ts
        return wire.native_key_fields(enc or wire.BoxKeys().public, self.someone, self.stranger_port, ts,
            b"stranger", to)

    def fire(self, data):
        """Not so fast that it would be dropped for that alone."""
        self.breathe(GAP)
        self.fired += len(data)
        self.sock.sendto(data, self.to)

    def fire_keys(self, fields):
        raw = json.dumps(fields).encode()
        if len(raw) < 60000:
            self.fire(wire.pack_map(c=raw, size=max(self.node.size, len(raw) + 100)))
            self.fire(wire.pack_map(k=raw, size=max(self.node.size, len(raw) + 100)))

    def hear(self):
        while True:
            try:
                data = self.sock.recv(65536)
            except OSError:
                return
            self.back += len(data)
            self.stolen += not self.is_clear(data)

    # -- the peer --

    def transmit(self, data):
        self.node.transmit(data, self.to)

    def send(self, now=None, **fields):
        """A box as the peer makes them, with these fields; it would deliver 'FORGED' if it were taken."""
        if "p" not in fields and "c" not in fields:
            fields["p"] = wire.compress(b"FORGED")
        try:
            self.transmit(self.node.box_to(self.peer, now=now, **fields))
        except OverflowError:
            pass  # msgpack cannot say it

    def send_plain(self, plain):
        self.transmit(self.node.seal_to(self.peer, self.peer.own, plain))

    def say(self, text):
        self.last_said = self.node.box_to(self.peer, p=wire.compress(text.encode()))
        self.transmit(self.last_said)

    # -- time --

    def breathe(self, seconds):
        self.node.run_for(seconds)

    def settled(self):
        """It has done what came before: it answers."""
        pongs, end = self.node.pongs, time.monotonic() + self.patience
        while self.node.pongs == pongs and time.monotonic() < end:
            self.node.control_to(self.peer, {"ping": 77})
            self.node.run_for(0.5, until=lambda: self.node.pongs > pongs)
        return self.node.pongs > pongs

    def play(self, name):
        self.fired = self.back = self.stolen = 0
        violations = self.node.counts["violation"]
        self.say("before " + name)
        self.settled()
        ACTS[name](self)
        alive = self.settled()
        self.say("after " + name)
        alive = alive and self.settled()
        self.hear()
        return {"act": name, "alive": alive, "fired": self.fired, "back": self.back,
            "amplified": self.back > self.fired,
                "stolen": self.stolen, "violations": self.node.counts["violation"] - violations}


def chosen(words):
    names = []
    for w in words:
        names += [n for n in ACTS if n == w or (w == "all" and not n.startswith(("flood", "draw"))) or
                  (w.endswith("-") and n.startswith(w))]
    if not names:
        sys.exit("no such act: %s" % " ".join(words))
    return names


def main():
    if sys.argv[1:] == ["list"]:
        print("\n".join(ACTS))
        return 0
    p = udp_native.options()
    p.description = __doc__
    p.add_argument("--to", required=True, metavar="HOST:PORT")
    p.add_argument("--patience", type=float, default=10, help="seconds until an answer has to come")
    p.add_argument("acts", nargs="+")
    p.formatter_class = argparse.RawDescriptionHelpFormatter
    args = p.parse_args()
    args.strict_order = False
    node = Tapped(args)
    stage = Stage(node, host_port(args.to), args.patience)
    original = node.send_clear
    node.send_clear = lambda address, where, control: (stage.old_key_messages.append(wire.pack_map(
        **{"c": b"", where: json.dumps(control).encode()}, size=node.size)), original(address, where, control))
    node.add_peer(*stage.to)
    if not node.run_for(args.patience, until=lambda: any(x.open for x in node.peers.values())):
        sys.exit("no session within %g s" % args.patience)
    for name in chosen(args.acts):
        print(json.dumps(stage.play(name)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
