#!/usr/bin/python3
"""A native peer of Vault UDP that is strict, for tests: what the text demands is refused or reported as a violation.

    udp_native.py OPTIONS      commands on standard input, see udp_node.py, and:
    move                       receive and send at another port from now on
    end                        tell every peer that this was all, until it says what arrived
    ping                       ask every peer for a sign of life
    probe SIZE                 a control message padded to that size
    control JSON               any control message

--upstream makes it behave towards Vault UDP in Python as a compatible peer has to: silent until its key comes in
clear, then its own in clear until a box opens.
"""

import json
import os
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import udp_wire as wire  # noqa: E402
from udp_node import Node, bind_udp, parser  # noqa: E402
from udp_wire import Bad  # noqa: E402
from vault1_keys import from_text, read_file, to_text  # noqa: E402

LIFETIME = 60
MAX_AGE = 60
FUTURE = 60
WINDOW = 65536
LEAST = 1100            # a padded map is never smaller, whatever the path
AGE_BACK = 1            # clocks differ: what Python takes for the future it drops


def options():
    p = parser(__doc__)
    p.add_argument("-i", "--identity", help="key file or 64 digits; otherwise a throw-away one")
    p.add_argument("--pin", action="append", default=[], help="only this peer (vk1...), repeatable")
    p.add_argument("--lifetime", type=float, default=LIFETIME)
    p.add_argument("--upstream", action="store_true", help="peers of --peer are Python's")
    p.add_argument("--no-padding", action="store_true", help="theirs may be missing, too")
    p.add_argument("--echo", action="store_true", help="what comes goes back to its sender")
    p.add_argument("--hello", choices=("c", "k"), default="k", help="map key of its key messages (Python takes only c)")
    p.add_argument("--caps", default="native")
    return p


class Own:
    """A session key of ours."""

    def __init__(self):
        self.box, self.born = wire.BoxKeys(), time.monotonic()
        self.outer, self.inner, self.count = os.urandom(16), os.urandom(8), 0

    def nonces(self):
        self.count += 1
        n = self.count.to_bytes(8, "big")
        return self.inner + n, self.outer + n


class Theirs:
    """A session key of a peer."""

    def __init__(self, enc, at):
        self.enc, self.at = enc, at
        self.nonces, self.outer = set(), None


class Window:
    """The numbers that came."""

    def __init__(self):
        self.seen, self.top = set(), -1

    def is_new(self, s):
        if s in self.seen or s <= self.top - WINDOW:
            return False
        self.seen.add(s)
        self.top = max(self.top, s)
        return True


class Peer:
    def __init__(self, sign, native):
        self.sign, self.native = sign, native
        self.address, self.sessions = None, []  # the newest first
        self.ts, self.told, self.own = -1, None, None
        self.answered = 0
        self.proved = False     # it has got something that we sent to where it is
        self.ended = None
        self.next = {"messages": 0, "controls": 0}      # numbers that we give
        self.begin(b"")

    def begin(self, sid):
        """A session of theirs: messages and control messages are numbered separately."""
        self.sid, self.windows = sid, {"messages": Window(), "controls": Window()}

    def number(self, kind):
        self.next[kind] += 1
        return self.next[kind] - 1

    def missing(self):
        """Messages that did not come, as far as the numbers tell."""
        w = self.windows["messages"]
        return w.top + 1 - len(w.seen)

    @property
    def open(self):
        """It has a key of ours: a box to it came."""
        return self.own is not None


class Native(Node):
    def __init__(self, args, commands=True):
        super().__init__(args, commands)
        self.sock = bind_udp(args.bind or "127.0.0.1", args.port)
        self.port = self.sock.getsockname()[1]
        self.sign = wire.SignKeys(self.seed(args.identity))
        self.pins = [from_text(t)[1] for t in args.pin]
        self.targets, self.peers, self.waiting = [], {}, []
        self.size = args.mtu - wire.OVERHEAD
        self.own, self.sid = [Own()], os.urandom(8)
        self.sent_messages = self.sent_bytes = 0
        self.last = None    # of what was opened: the raw datagram, its source and its map
        self.watch(self.sock, self.on_readable)
        self.after(self.scaled(args.lifetime / 4), self.refresh)
        self.after(self.scaled(args.lifetime), self.rekey)
        self.after(0.2, self.hello)

    @staticmethod
    def seed(text):
        if text is None:
            return None
        return bytes.fromhex(text) if len(text) == 64 and not os.path.exists(text) else read_file(text)[1]

    @property
    def key(self):
        return to_text("vk1", self.sign.public)

    def violation(self, what, **more):
        self.event("violation", what=what, **more)

    # -- sending --

    def transmit(self, data, address):
        try:
            self.sock.sendto(data, address[:2])
        except OSError as e:
            self.event("error", text=str(e))

    def box_to(self, peer, own=None, now=None, **fields):
        """The datagram with these fields of a map, in a box."""
        own = own or peer.own or self.own[0]
        if peer.native:
            fields.setdefault("s", peer.number("messages" if fields.get("p") else "controls"))
            fields.setdefault("d", 0 if self.sign.public < peer.sign else 1)
        fields = {k: v for k, v in fields.items() if v is not None}
        plain = wire.pack_map(size=fields.pop("size", self.size), **fields)
        return self.seal_to(peer, own, plain, now)

    def seal_to(self, peer, own, plain, now=None):
        inner, outer = own.nonces()
        back = 0 if peer.native else AGE_BACK
        now = self.clock() - back if now is None else now
        return wire.seal(plain, wire.shared_of(peer.sessions[0].enc, own.box.secret), now, inner, outer)

    def control_to(self, peer, control, own=None, size=None, where="c"):
        fields = {"c": b"", where: json.dumps(control).encode()}
        self.transmit(self.box_to(peer, own, size=size or self.size, **fields), peer.address)

    def key_message(self, to=b"", native=True):
        own = self.own[0]
        if not native:
            return wire.key_fields(own.box.public, self.sign, self.port)
        ts = int(self.clock() * 1000)
        self.last_ts = ts = max(ts, getattr(self, "last_ts", 0) + 1)
        return wire.native_key_fields(own.box.public, self.sign, self.port, ts, self.sid, to, self.args.caps.split(","))

    def hello(self):
        """First contact with those that have not answered; not with Python, whose answer nobody could read."""
        known = {p.address for p in self.peers.values()}
        for target in self.targets if not self.args.upstream else ():
            if target not in known:
                self.send_clear(target, self.args.hello, self.key_message())
        self.after(self.scaled(1), self.hello)

    def send_clear(self, address, where, control):
        fields = {"c": b"", where: json.dumps(control).encode()}
        self.transmit(wire.pack_map(size=self.size, **fields), address)

    def tell_keys(self, peer):
        """In clear until a box from it has opened, in a box from then on."""
        control = self.key_message(peer.sign, peer.native)
        peer.told = self.own[0]
        where = self.args.hello if peer.native else "c"
        if peer.open:
            self.control_to(peer, control, where=where)
        else:
            self.send_clear(peer.address, where, control)
        self.event("keys sent", boxed=peer.open)

    def say(self, text):
        if not any(p.open for p in self.peers.values()):
            self.waiting.append(text)
            return
        for peer in self.peers.values():
            if peer.open:
                self.transmit(self.box_to(peer, p=wire.compress(text)), peer.address)
                self.event("said", boxed=True)
        self.sent_messages += 1
        self.sent_bytes += len(text)

    def add_peer(self, host, port):
        self.targets.append((host, port))
        if not self.args.upstream:
            self.send_clear((host, port), self.args.hello, self.key_message())

    def more_commands(self, word, rest):
        everyone = [p for p in self.peers.values() if p.open]
        if word == "move":
            self.move()
        elif word == "end":
            self.end()
        elif word == "ping":
            for p in everyone:
                self.control_to(p, {"ping": int(rest or 1)})
        elif word == "probe":
            for p in everyone:
                self.control_to(p, {"probe": 7, "size": int(rest)}, size=int(rest))
        elif word == "control":
            for p in everyone:
                self.control_to(p, json.loads(rest))
        else:
            super().more_commands(word, rest)

    def move(self):
        self.unwatch(self.sock)
        self.sock.close()
        self.sock = bind_udp(self.args.bind or "127.0.0.1", 0)
        self.port = self.sock.getsockname()[1]
        self.watch(self.sock, self.on_readable)
        self.event("moved", port=self.port)

    def end(self):
        left = [p for p in self.peers.values() if p.native and p.open and p.ended is None]
        for p in left:
            self.control_to(p, {"end": {"messages": self.sent_messages, "bytes": self.sent_bytes}})
        if left:
            self.after(0.3, self.end)

    def renew(self):
        self.own, self.sid, self.peers = [Own()], os.urandom(8), {}
        self.sign = wire.SignKeys(self.seed(self.args.identity))
        for target in self.targets:
            if not self.args.upstream:
                self.send_clear(target, self.args.hello, self.key_message())

    # -- clocks --

    def refresh(self):
        self.tell_all()
        self.after(self.scaled(self.args.lifetime / 4), self.refresh)

    def tell_all(self):
        """Not those of whom nobody knows that they are where they say, and who did not ask again."""
        for peer in self.peers.values():
            if peer.open or peer.proved or not peer.native:
                self.tell_keys(peer)

    def rekey(self):
        if not self.args.upstream:
            self.own = [Own()] + self.own[:1]
            for peer in self.peers.values():
                if peer.own not in self.own:
                    peer.own = None
            self.tell_all()
            self.event("rekeyed")
        self.after(self.scaled(self.args.lifetime), self.rekey)

    # -- receiving --

    def on_readable(self, sock):
        while self.sock is sock:
            try:
                data, source = sock.recvfrom(65536)
            except BlockingIOError:
                return
            except OSError:
                continue
            self.counts["datagrams"] += 1
            try:
                self.take(data, source[:2])
            except Bad as e:
                self.drop(str(e), source="%s:%d" % source[:2])

    def take(self, data, source):
        for peer in list(self.peers.values()):
            for theirs in peer.sessions:
                for own in self.own:
                    try:
                        inner, when, plain = wire.unseal(data, wire.shared_of(theirs.enc, own.box.secret))
                    except Bad:
                        continue
                    return self.take_box(data, source, peer, theirs, own, inner, when, plain)
        try:
            fields = wire.unpack_map(data)
        except Bad:
            raise Bad("junk") from None
        return self.take_clear(fields, data, source)

    def take_clear(self, fields, data, source):
        raw = fields.get("k") or fields.get("c")
        control = wire.control_of(raw) if raw else {}
        if fields.get("p") or not wire.is_key_message(control):
            self.violation("clear", size=len(data))
            raise Bad("clear text")
        if fields.get("k") and not wire.is_native(control):
            raise Bad("a first contact that is not native")
        self.take_keys(control, source, None)

    def take_box(self, data, source, peer, theirs, own, inner, when, plain):
        fields = wire.unpack_map(plain)
        self.last = (data, source, fields)
        if not wire.fresh(when, self.clock(), MAX_AGE, FUTURE):
            raise Bad("time")
        if inner in theirs.nonces:
            raise Bad("replay")
        theirs.nonces.add(inner)
        if peer.native:
            self.check_native_box(data, peer, theirs, fields, len(plain))
        if peer.own is not own and (peer.own is None or own.born > peer.own.born):
            peer.own = own
            self.event("open", peer=to_text("vk1", peer.sign))
        if peer.native and source != peer.address:
            self.event("roamed", to="%s:%d" % source)
            peer.address = source
        if fields.get("k"):
            self.take_keys(wire.control_of(fields["k"]), source, peer)
        if fields.get("c"):
            self.take_control(wire.control_of(fields["c"]), peer, source, fields, len(data))
        if fields.get("p"):
            text = wire.decompress(fields["p"])
            self.deliver(text, source, True)
            if self.args.echo:
                self.transmit(self.box_to(peer, p=wire.compress(text)), peer.address)
        waiting, self.waiting = self.waiting, []
        for text in waiting:
            self.say(text)

    def check_native_box(self, data, peer, theirs, fields, size):
        s, d = fields.get("s"), fields.get("d")
        if not isinstance(s, int) or isinstance(s, bool) or s < 0:
            self.violation("no sequence number", got=repr(s))
            raise Bad("no sequence number")
        wanted = 0 if peer.sign < self.sign.public else 1
        if isinstance(d, bytes):
            d = d[0] if len(d) == 1 else None
        if d != wanted:
            raise Bad("direction")
        if not peer.windows["messages" if fields.get("p") else "controls"].is_new(s):
            raise Bad("replay")
        prefix, count = data[:16], int.from_bytes(data[16:24], "big")
        if theirs.outer and theirs.outer[0] != prefix:
            self.violation("the nonce's prefix changed")
        if theirs.outer and count <= theirs.outer[1] and self.args.strict_order:
            self.violation("the nonce does not count")
        theirs.outer = (prefix, max(count, theirs.outer[1] if theirs.outer else 0))
        probing = b"probe" in fields.get("c", b"")
        if size < LEAST and not self.args.no_padding and not probing:
            self.violation("not padded", size=size)

    def take_control(self, control, peer, source, fields, size):
        if wire.is_key_message(control):
            self.take_keys(control, source, peer)
        elif "ping" in control:
            self.event("ping", n=control["ping"])
            self.control_to(peer, {"pong": control["ping"]})
        elif "probe" in control:
            self.event("probe", size=size, says=control.get("size"))
            self.control_to(peer, {"probed": control["probe"], "size": control.get("size")})
        elif "end" in control:
            self.event("end", said=control["end"])
            got = {"messages": self.counts["boxed"], "bytes": self.counts["bytes"]}
            self.control_to(peer, {"ended": got})
        elif "ended" in control:
            peer.ended = control["ended"]
            self.event("ended", said=control["ended"])
        else:
            self.event("control", said=control)

    def report(self):
        return {**self.counts, "missing": sum(p.missing() for p in self.peers.values())}

    def deliver(self, text, source, boxed):
        self.counts["bytes"] += len(text)
        super().deliver(text, source, boxed)

    # -- keys --

    def take_keys(self, control, source, boxed_by):
        enc, sign = wire.check_keys(control)
        native = wire.is_native(control)
        if not native and not self.args.upstream:
            raise Bad("not a native key message")
        if sign == self.sign.public:
            raise Bad("our own key message")
        if boxed_by and boxed_by.sign != sign:
            raise Bad("keys of somebody else")
        if self.pins and sign not in self.pins:
            self.event("refused", key=to_text("vk1", sign))
            raise Bad("not a pinned key")
        known = self.peers.get(sign)
        if known and known.native and not native:
            raise Bad("a native peer does not turn back")
        ts, sid, to = 0, b"", b""
        if native:
            ts, sid, to, _ = wire.check_native(control)
            if abs(self.clock() * 1000 - ts) > MAX_AGE * 1000:
                raise Bad("key message: time")
            if known and ts <= known.ts:
                raise Bad("key message: not newer")
            if to not in (b"", self.sign.public):
                raise Bad("key message: to somebody else")
            if not to and known and known.sessions:
                self.answer(known, source)
                raise Bad("key message: to nobody, from a peer that we know")
        peer = known or self.peers.setdefault(sign, Peer(sign, native))
        peer.ts = ts
        self.learn(peer, enc, sid, source if native else (source[0], control["port"]), to, boxed_by is not None)

    def learn(self, peer, enc, sid, address, to, boxed):
        new = not any(t.enc == enc for t in peer.sessions)
        if new:
            peer.sessions = [Theirs(enc, time.monotonic())] + peer.sessions[:1]
        if peer.sid != sid:
            peer.begin(sid)
        peer.address = peer.address if boxed and peer.address else address
        peer.proved = peer.proved or bool(to) or boxed
        self.event("keys", peer=to_text("vk1", peer.sign), new=new, boxed=boxed, native=peer.native, key=enc.hex())
        if not peer.native and not boxed:
            peer.own = None  # Python talks in clear: it has no key of ours, or not any more
        if peer.told != self.own[0] or not to or (not peer.native and not boxed):
            self.tell_keys(peer)
        if peer.native and new and (to or boxed):
            # Not at once: a stranger gets one answer, not two. Python shows by a box that it has our key.
            self.control_to(peer, {"ping": 1}, own=self.own[0])

    def answer(self, peer, source):
        """A restarted peer does not know us: it may have our key, which says whom we mean. At most one a second."""
        if time.monotonic() - peer.answered > 1:
            peer.answered = time.monotonic()
            self.send_clear(source, self.args.hello, self.key_message(peer.sign))


def main():
    args = options().parse_args()
    args.strict_order = False
    node = Native(args)
    node.main(node.port)


if __name__ == "__main__":
    main()
