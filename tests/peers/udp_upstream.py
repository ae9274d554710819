#!/usr/bin/python3
"""A peer that does what Vault UDP in Python does, its bugs included, for tests.

It receives at one port and sends from another, looks a box's key up under the port that it came from, sends in clear
to whom it knows no key of (or cannot encrypt), takes what does not open for clear text, believes keys whose signature
covers anything, answers keys of strangers in a box, forgets keys after 60 s without a new message, refuses what is
more than 60 s old or from the future, and takes at most 100 datagrams a second from an address and port.

    udp_upstream.py [--v1] OPTIONS      commands on standard input, see udp_node.py, and what an attacker can do:
    reflect                    send back what came, from both ports
    replay                     send again all that was sent
    junk HOST PORT CLAIM       unusable keys to that address, for the port CLAIM
"""

import collections
import json
import os
import random
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import udp_wire as wire  # noqa: E402
from udp_node import Node, bind_udp, parser  # noqa: E402
from udp_wire import Bad  # noqa: E402

LIFETIME = 60
MAX_AGE = 60
REFRESH = (5, 20)
SWEEP = (5, 30)
RATE = 100
DATAGRAM_MAX = 48000


def options():
    p = parser(__doc__)
    p.add_argument("--v1", action="store_true", help="the older format")
    p.add_argument("--no-rate-limit", action="store_true")
    p.add_argument("--clear", action="store_true", help="as if it could not encrypt")
    p.add_argument("--sniff", help="an event for each datagram that contains this")
    p.add_argument("--say-port", type=int, help="say this one in key messages")
    return p


class Upstream(Node):
    """v2."""

    def __init__(self, args, commands=True):
        super().__init__(args, commands)
        self.inbox = bind_udp(args.bind, args.port)
        self.outbox = bind_udp("::" if ":" in args.bind else "", 0)  # upstream itself: IPv4 only
        self.port = self.inbox.getsockname()[1]
        self.peers = []
        self.size = args.mtu - wire.OVERHEAD
        self.recent = collections.defaultdict(collections.deque)
        self.came, self.went = [], []
        self.make_keys()
        self.watch(self.inbox, self.on_readable)
        self.after(self.scaled(random.uniform(*REFRESH)), self.refresh)
        self.after(self.scaled(random.uniform(*SWEEP)), self.sweep)

    @property
    def key(self):
        return self.sign.public.hex()

    def make_keys(self):
        self.box, self.sign = wire.BoxKeys(), wire.SignKeys()
        self.keys, self.seen = {}, collections.defaultdict(set)

    def renew(self):
        self.make_keys()
        for address in self.peers:
            self.send_keys(address)

    # -- sending --

    def add_peer(self, host, port):
        address = (host, min(max(port, 1500), 65000))
        if address not in self.peers:
            self.peers.append(address)
        self.send_keys(address)

    def send_map(self, address, **fields):
        data = wire.pack_map(size=self.size, **fields)
        known = None if self.args.clear else self.keys.get(address)
        boxed = False
        if known:
            try:
                data, boxed = wire.seal(data, wire.shared_of(known[0], self.box.secret), self.clock()), True
            except Bad:
                pass  # it does send in clear then
        self.counts["sent boxed" if boxed else "sent clear"] += 1
        self.transmit(data, address)
        return boxed

    def transmit(self, data, address):
        self.went.append((data, address))
        try:
            self.outbox.sendto(data, address)
        except OSError as e:
            self.event("error", text=str(e))

    def send_keys(self, address):
        control = wire.key_fields(self.box.public, self.sign, self.args.say_port or self.port)
        boxed = self.send_map(address, c=json.dumps(control).encode())
        self.event("keys sent", to="%s:%d" % address, boxed=boxed)

    def say(self, text):
        for address in self.peers:
            boxed = self.send_map(address, p=wire.compress(text))
            self.event("said", boxed=boxed)

    # -- attacks --

    def more_commands(self, word, rest):
        if word == "reflect":
            for data, source in list(self.came):
                self.outbox.sendto(data, source)
                self.inbox.sendto(data, source)
        elif word == "replay":
            for data, address in list(self.went):
                self.outbox.sendto(data, address)
        elif word == "junk":
            host, port, claim = rest.split()
            for keys in self.junk_keys():
                control = json.dumps({**keys, "port": int(claim)}).encode()
                self.outbox.sendto(wire.pack_map(c=control, size=self.size), (host, int(port)))
        else:
            super().more_commands(word, rest)
        self.event(word)

    def junk_keys(self):
        yield {"enc_key": "-"}
        yield {"enc_key": wire.b64(bytes(31)), "sign_key": "", "signature": None}
        yield {"enc_key": None, "sign_key": None}
        yield {"enc_key": wire.b64(os.urandom(32)), "sign_key": wire.b64(os.urandom(32)), "signature": wire.b64(os.urandom(152))}
        # Well signed, but no keys that anything could be sealed for.
        for point in (bytes(32), *wire.LOW_ORDER):
            yield {k: v for k, v in wire.key_fields(point, self.sign, 0).items() if k != "port"}

    # -- clocks --

    def refresh(self):
        for address in self.peers:
            self.send_keys(address)
        self.after(self.scaled(random.uniform(*REFRESH)), self.refresh)

    def sweep(self):
        limit = time.monotonic() - self.scaled(LIFETIME)
        for address in [a for a, (_, at) in self.keys.items() if at < limit]:
            del self.keys[address]
            self.seen.pop(address, None)
            self.event("expired", peer="%s:%d" % address)
        self.after(self.scaled(random.uniform(*SWEEP)), self.sweep)

    # -- receiving --

    def over_rate(self, source):
        now, recent = time.monotonic(), self.recent[source]
        while recent and recent[0] <= now - 1:
            recent.popleft()
        if len(recent) >= RATE and not self.args.no_rate_limit:
            return True
        recent.append(now)
        return False

    def on_readable(self, sock):
        while True:
            try:
                data, source = sock.recvfrom(65536)
                source = source[:2]  # IPv6 has more
            except BlockingIOError:
                return
            except OSError as e:  # somebody is not there any more
                self.event("error", text=str(e))
                continue
            self.counts["datagrams"] += 1
            self.came.append((data, source))
            if self.args.sniff and self.args.sniff.encode() in data:
                self.event("sniffed")
            if len(data) > DATAGRAM_MAX:
                self.drop("too large")
            elif self.over_rate(source):
                self.drop("rate limit")
            else:
                self.take(data, source)

    def take(self, data, source):
        plain, boxed = self.try_box(data, source)
        try:
            fields = wire.unpack_map(plain)
            if fields.get("c"):
                self.take_control(wire.control_of(fields["c"]), source, boxed)
            if fields.get("p"):
                text = wire.decompress(fields["p"])
                text.decode()
                self.deliver(text, source, boxed)
        except (Bad, UnicodeDecodeError) as e:
            self.drop("unreadable", text=str(e), source="%s:%d" % source)

    def try_box(self, data, source):
        known = self.keys.get(source)
        if not known:
            return data, False
        try:
            inner, when, plain = wire.unseal(data, wire.shared_of(known[0], self.box.secret))
        except Bad:
            return data, False
        age = self.clock() - when
        if age < 0 or age > MAX_AGE:  # false for a NaN
            self.drop("age", age=age)
            return data, False
        if inner in self.seen[source]:
            self.drop("replay")
            return data, False
        self.seen[source].add(inner)
        return plain, True

    def take_control(self, control, source, boxed):
        if "enc_key" not in control:
            return
        try:
            enc, sign = wire.unb64(control["enc_key"]), wire.unb64(control.get("sign_key"))
            if control.get("signature"):
                wire.verify_whole(wire.unb64(control["signature"]), sign)
        except Bad as e:
            if control["enc_key"] != "-":
                self.drop("keys", text=str(e))
                return
            enc = b""
        port = control.get("port")
        address = (source[0], port if isinstance(port, int) else source[1])
        new = address not in self.keys
        self.keys[address] = (enc, time.monotonic())
        self.event("keys", peer="%s:%d" % address, boxed=boxed, new=new, key=enc.hex())
        if new:
            self.send_keys(address)

    def knows(self, enc_public):
        return any(k == enc_public for k, _ in self.keys.values())


class UpstreamV1(Upstream):
    """The format of November 2025: what is sealed needs nobody's own key, so that the ports do not matter."""

    def __init__(self, args, commands=True):
        super().__init__(args, commands)
        self.size = args.mtu - wire.OVERHEAD_V1

    def send_v1(self, address, data):
        plain = wire.pack_v1(data, self.size)
        known = self.keys.get(address)
        boxed = False
        if known:
            try:
                plain, boxed = wire.seal_v1(plain, known[0]), True
            except Bad:
                pass
        self.counts["sent boxed" if boxed else "sent clear"] += 1
        self.transmit(plain, address)
        return boxed

    def send_keys(self, address):
        boxed = self.send_v1(address, json.dumps(wire.key_fields_v1(self.box.public, self.port)).encode())
        self.event("keys sent", to="%s:%d" % address, boxed=boxed)

    def say(self, text):
        for address in self.peers:
            self.event("said", boxed=self.send_v1(address, text))

    def over_rate(self, source):
        return False

    def take(self, data, source):
        boxed = True
        try:
            plain = wire.unseal_v1(data, self.box)
        except Bad:
            plain, boxed = data, False
        try:
            text = wire.unpack_v1(plain)
        except Bad as e:
            self.drop("unreadable", text=str(e), source="%s:%d" % source)
            return
        try:
            parsed = json.loads(text)
        except ValueError:
            self.deliver(text, source, boxed)
            return
        if isinstance(parsed, dict) and "akey" in parsed:
            self.take_akey(parsed, source, boxed)
        elif isinstance(parsed, dict) and isinstance(parsed.get("data"), str):
            self.deliver(parsed["data"].encode(), source, boxed)
        else:
            self.drop("lost as JSON")

    def take_akey(self, control, source, boxed):
        try:
            key = wire.unb64(control["akey"])
        except Bad as e:
            self.drop("keys", text=str(e))
            return
        port = control.get("port")
        address = (source[0], port if isinstance(port, int) else source[1])
        new = address not in self.keys
        self.keys[address] = (key, time.monotonic())
        self.event("keys", peer="%s:%d" % address, boxed=boxed, new=new, key=key.hex())
        if new:
            self.send_keys(address)


def main():
    args = options().parse_args()
    node = (UpstreamV1 if args.v1 else Upstream)(args)
    node.main(node.port)


if __name__ == "__main__":
    main()
