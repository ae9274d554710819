#!/usr/bin/python3
"""A peer of Vault TCP's wire, for tests: a Noise handshake without framing, then u32 frames.

Written from a description of that wire and on noise_ref, not from lib/proto. By default it has the habits
of Vault TCP in Python: each handshake message is read with ONE recv(4096), whatever that returns; an end
of the other side closes both directions; a client that is not allowed is closed without a word; an XX client
does not look at the server's key; what is wrong in a frame closes silently. Options add faults.

    vaulttcp_peer.py listen [HOST] [PORT] OPTIONS    a JSON line with address, port and key on --ready-fd
    vaulttcp_peer.py connect HOST PORT OPTIONS       HOST '-': lines 'HOST PORT' from standard input, a session each
    vaulttcp_peer.py vectors                         handshakes and frames with fixed keys, as JSON
    vaulttcp_peer.py selftest                        both roles against each other, every pattern

A JSON line about each session goes to --json FILE ('-': standard output): status ("ok", or what went wrong), end
("fin" or "rst": how the other side ended), sent, received (bytes), messages, sizes (of the first 20), first
(how many bytes of frames came in the recv of the last handshake message).
"""

import argparse
import ctypes
import json
import os
import socket
import struct
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import common  # noqa: E402
import units  # noqa: E402
from noise_ref import DHS, Handshake, Name, NoiseError, public_of  # noqa: E402
from vault1_keys import Identity, read_file, to_text, x_public  # noqa: E402

TAG = 16
FRAME_MAX = 65535
ONE_RECV = 4096


class Ended(Exception):
    """The session is over: how (a word for the report)."""


def reset(sock):
    """connect() to no address is how Linux resets a connection at once, whoever waits in recv()."""
    ctypes.CDLL(None).connect(sock.fileno(), struct.pack("H14x", socket.AF_UNSPEC), 16)


# ---- keys ----

def secret_of(text, dh):
    """A static secret: 64 (112) digits of hex, a key file of vault-keygen, or None for a new one."""
    if text is None:
        return os.urandom(DHS[dh].size)
    if len(text) == 2 * DHS[dh].size and not os.path.exists(text):
        return bytes.fromhex(text)
    return Identity(text).secret


def public_from(text):
    """A public key: hex, or vk1.../vx1... text, or @FILE of it."""
    if text.startswith("@"):
        form, key = read_file(text[1:])
        text = to_text(form, key)
    return x_public(text) if text.startswith("v") else bytes.fromhex(text)


# ---- one session ----

class Session:
    def __init__(self, sock, args, initiator, secret):
        self.sock, self.args, self.initiator = sock, args, initiator
        self.sent = self.received = self.messages = self.first = 0
        self.sizes = []
        self.end = None
        self.heard = threading.Event()  # a frame of the other side
        self.over = threading.Event()   # its end
        self.trouble = None
        self.sink = open(args.recv, "ab") if args.recv else None
        name = Name(args.protocol)
        knows = name.pre.get("<" if initiator else ">")
        remote = public_from(args.remote) if args.remote and knows else None
        self.hs = Handshake(name, initiator, s=secret, rs=remote)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    # -- handshake --

    def put(self, data, dribble):
        if not dribble:
            self.sock.sendall(data)
            return
        for i in range(len(data)):
            self.sock.sendall(data[i:i + 1])
            time.sleep(self.args.dribble_delay)

    def read_handshake(self, size):
        """One message. As it is expected of a Noise library it must be exactly that long."""
        self.sock.settimeout(self.args.handshake_timeout)
        if self.args.stream:
            data = b""
            while len(data) < size:
                part = self.sock.recv(size - len(data))
                if not part:
                    raise Ended("closed in the handshake")
                data += part
            return data
        data = self.sock.recv(ONE_RECV)
        if not data:
            raise Ended("closed in the handshake")
        self.first = max(0, len(data) - size)
        return data

    def shake(self):
        sizes = message_sizes(self.hs.protocol)
        while not self.hs.done:
            i = len(sizes) - len(self.hs._left)
            if self.hs.my_turn:
                self.put(self.hs.write_message(self.args.payload), self.args.dribble)
            else:
                payload = self.hs.read_message(self.read_handshake(sizes[i]))
                if payload and self.first:
                    raise Ended("%d bytes too many in the recv of a handshake message" % self.first)
        allowed = self.args.allow
        if allowed and (self.hs.remote_static is None or self.hs.remote_static not in allowed):
            raise Ended("not allowed")
        self.tx, self.rx = self.hs.split()

    # -- frames --

    def frame(self, plain):
        body = self.tx.encrypt(plain)
        return struct.pack(">I", len(body)) + body

    def say(self, plain):
        self.put(self.frame(plain), self.args.dribble_frames)
        self.sent += len(plain)

    def receive_exactly(self, size, idle):
        """Bytes of a frame; None at an end before the first of them."""
        data = b""
        while len(data) < size:
            self.sock.settimeout(self.args.idle_timeout if idle and not data else self.args.message_timeout)
            try:
                part = self.sock.recv(size - len(data))
            except ConnectionError:
                self.end = "rst"
                raise Ended("reset") from None
            except TimeoutError:
                raise Ended("idle timeout" if idle and not data else "message timeout") from None
            if not part:
                self.end = "fin"
                if data or not idle:
                    raise Ended("cut inside a frame")
                return None
            data += part
            if self.args.read_rate:
                time.sleep(len(part) / self.args.read_rate)
        return data

    def take(self):
        """One message, or None at the end between two frames."""
        header = self.receive_exactly(4, True)
        if header is None:
            return None
        size = struct.unpack(">I", header)[0]
        if not TAG <= size <= FRAME_MAX:
            raise Ended("a frame of impossible length %d" % size)
        return self.rx.decrypt(self.receive_exactly(size, False))

    def read_all(self):
        while True:
            message = self.take()
            if message is None:
                return
            self.received += len(message)
            self.messages += 1
            if len(self.sizes) < 20:
                self.sizes.append(len(message))
            if self.sink:
                self.sink.write(units.unit("u32", message) if self.args.units else message)
            self.heard.set()
            if self.args.echo:
                self.say(message)
            if self.args.leave_after and self.received >= self.args.leave_after:
                raise Ended("ok")

    # -- what this side sends --

    def pieces(self):
        """The messages of --send, cut to --sizes in turn."""
        sizes = self.args.sizes or [65519]
        if self.args.messages:
            for size in self.args.messages:
                yield bytes(i & 255 for i in range(size))
        if not self.args.send:
            return
        with open(self.args.send, "rb") as f:
            if self.args.units:
                yield from units.split("u32", f.read())
            i = 0
            while True:
                size = sizes[i % len(sizes)]
                part = f.read(size)
                if size and not part:
                    return
                yield part
                i += 1

    def write_all(self):
        try:
            if self.args.when == "first":
                self.heard.wait()
            elif self.args.when == "eof":
                self.over.wait()
            time.sleep(self.args.pause)
            for piece in self.pieces():
                self.say(piece)
            ACTS[self.args.act[0]](self, *self.args.act[1:])
        except OSError as e:
            self.trouble = "could not send all: %s" % e

    def run(self):
        """The report of the session."""
        status = "ok"
        writer = threading.Thread(target=self.write_all, daemon=True)
        try:
            self.shake()
            writer.start()
            self.read_all()
        except (NoiseError, TimeoutError, ConnectionError, Ended) as e:
            status = str(e) or type(e).__name__
        if self.end == "fin" and (self.args.half_close or self.args.when == "eof"):
            self.over.set()
            writer.join(self.args.idle_timeout)
        elif writer.is_alive() and self.args.linger:
            writer.join(self.args.linger)
        self.close(status)
        if status == "ok" and self.trouble:
            status = self.trouble
        if self.sink:
            self.sink.close()
        return {
            "status": status, "end": self.end, "sent": self.sent, "received": self.received,
            "messages": self.messages, "sizes": self.sizes, "first": self.first, "protocol": self.args.protocol,
            "remote": self.hs.remote_static.hex() if self.hs.remote_static else None,
        }

    def close(self, status):
        try:
            if status == "ok" and self.args.close == "rst":
                reset(self.sock)
            else:
                self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()


# ---- what a side does when it has sent all; the reader goes on ----

def act_keep(session):
    """Nothing: the other side has to end."""


def act_half(session):
    session.sock.shutdown(socket.SHUT_WR)


def act_fin(session):
    """What close() of Vault TCP does: both directions."""
    session.sock.shutdown(socket.SHUT_RDWR)


def act_rst(session):
    time.sleep(0.05)
    reset(session.sock)


def act_cut(session, count, how="fin"):
    """So many bytes of one more frame, then the end."""
    session.sock.sendall(session.frame(b"x" * 1000)[:int(count)])
    if how == "rst":
        act_rst(session)
    else:
        session.sock.shutdown(socket.SHUT_WR)


def act_claim(session, length):
    """A header that claims so much, and a little of it."""
    session.sock.sendall(struct.pack(">I", int(length)) + bytes(min(int(length), 100000)))


def act_badtag(session):
    frame = bytearray(session.frame(b"forged"))
    frame[-1] ^= 1
    session.sock.sendall(frame)


def act_replay(session):
    frame = session.frame(b"again")
    session.sock.sendall(frame + frame)


def act_stall(session, count):
    """So many bytes of one more frame, then silence."""
    session.sock.sendall(session.frame(b"x" * 1000)[:int(count)])


def act_coalesce(session):
    """Several messages in one segment."""
    session.sock.sendall(b"".join(session.frame(x) for x in (b"one ", b"", b"two ", b"three")))
    session.sent += 13
    session.sock.shutdown(socket.SHUT_WR)


ACTS = {name[4:]: f for name, f in list(globals().items()) if name.startswith("act_")}


# ---- vectors ----

def message_sizes(name):
    """Bytes of each handshake message with an empty payload."""
    sizes, keyed, dh = [], False, DHS[name.dh].size
    for _, tokens in name.messages:
        size = 0
        for token in tokens:
            if token == "e":
                size += dh
            elif token == "s":
                size += dh + (TAG if keyed else 0)
            else:
                keyed = True
        sizes.append(size + (TAG if keyed else 0))
    return sizes


VECTOR_NAMES = [
    "Noise_%s_25519_%s" % (pattern, rest)
    for pattern, rest in (
        ("NN", "AESGCM_SHA512"), ("NX", "ChaChaPoly_SHA256"), ("NK", "AESGCM_BLAKE2b"), ("XX", "ChaChaPoly_BLAKE2s"),
        ("XK", "AESGCM_SHA256"), ("IK", "ChaChaPoly_SHA512"), ("XN", "AESGCM_SHA512"), ("IX", "ChaChaPoly_BLAKE2b"))
] + ["Noise_NN_448_AESGCM_SHA512"]


def vector(text):
    name = Name(text)
    size = DHS[name.dh].size
    keys = {k: bytes((17 * i + j) & 255 for j in range(size)) for i, k in
            enumerate(("e_init", "e_resp", "s_init", "s_resp"), 1)}
    sides = {}
    for role in ("init", "resp"):
        other = "resp" if role == "init" else "init"
        knows = ("<" if role == "init" else ">") in name.pre
        sides[role] = Handshake(name, role == "init", s=keys["s_" + role], e=keys["e_" + role],
                                rs=public_of(name.dh, keys["s_" + other]) if knows else None)
    handshake = []
    while not sides["init"].done:
        a, b = ("init", "resp") if sides["init"].my_turn else ("resp", "init")
        message = sides[a].write_message(b"")
        sides[b].read_message(message)
        handshake.append(message.hex())
    if [len(m) // 2 for m in handshake] != message_sizes(name):
        raise SystemExit("%s: lengths" % text)
    ciphers = {"initiator": sides["init"].split()[0], "responder": sides["resp"].split()[0]}
    frames = []
    for who, plain in (("initiator", b"first"), ("responder", b"an answer"), ("initiator", b""), ("initiator", b"z" * 300),
                       ("responder", b"")):
        body = ciphers[who].encrypt(plain)
        frames.append({"from_": who, "plaintext": plain.hex(), "frame": (struct.pack(">I", len(body)) + body).hex()})
    return {"name": text, **{k: v.hex() for k, v in keys.items()}, "handshake": handshake,
            "handshake_hash": sides["init"].handshake_hash.hex(), "frames": frames}


def vectors():
    print('{"tcp":[')
    print(",\n".join(json.dumps(vector(n), separators=(",", ":")) for n in VECTOR_NAMES))
    print("]}")
    return 0


# ---- the program ----

def connect_once(args, host, port, secret):
    try:
        sock = socket.create_connection((host, int(port)), args.handshake_timeout)
    except OSError as e:
        common.report(args.json, {"status": "cannot connect: %s" % e})
        return 1
    outcome = Session(sock, args, True, secret).run()
    common.report(args.json, outcome)
    return 0 if outcome["status"] == "ok" else 1


def connect(args, secret):
    if args.host != "-":
        return connect_once(args, args.host, args.port, secret)
    status = 0
    for line in iter(sys.stdin.readline, ""):
        status = connect_once(args, *line.split(), secret) or status
    return status


def listen(args, secret):
    listener = socket.create_server((args.host, args.port), backlog=5)
    public = public_of(Name(args.protocol).dh, secret)
    common.listening(args.ready_fd, address=args.host, port=listener.getsockname()[1],
                     key=to_text("vx1", public) if len(public) == 32 else public.hex())
    status = 0
    for _ in range(args.count):
        sock = common.come(listener, args.accept_timeout)
        if sock is None:
            common.report(args.json, {"status": "nobody came"})
            return 1
        outcome = Session(sock, args, False, secret).run()
        common.report(args.json, outcome)
        status = status or (0 if outcome["status"] == "ok" else 1)
    return status


def selftest():
    """Both roles in one process."""
    bad = 0
    for pattern in ("NN", "NX", "NK", "XX", "XK", "IK"):
        name = "Noise_%s_25519_AESGCM_SHA512" % pattern
        secret = {True: os.urandom(32), False: os.urandom(32)}
        a, b = socket.socketpair()
        outcomes = {}

        def side(sock, initiator, name=name, secret=secret, outcomes=outcomes):
            other = public_of("25519", secret[not initiator]).hex()
            args = parse(["connect", "x", "1", "--protocol", name, "--remote", other, "--stream", "--messages",
                          "0,1,65519,5", "--when", "start" if initiator else "first", "--act", "half", "--half-close"])
            outcomes[initiator] = Session(Plain(sock), args, initiator, secret[initiator]).run()

        threads = [threading.Thread(target=side, args=(s, i)) for s, i in ((a, True), (b, False))]
        for t in threads:
            t.start()
        for t in threads:
            t.join(20)
        fine = all(o["status"] == "ok" and o["sizes"] == [0, 1, 65519, 5] for o in outcomes.values()) and len(outcomes) == 2
        print("%s %s" % ("ok" if fine else "FAILED", name))
        if not fine:
            print(outcomes)
        bad += not fine
    print("%d passed, %d failed" % (6 - bad, bad))
    return 1 if bad else 0


class Plain:
    """A socket that knows no TCP options."""

    def __init__(self, sock):
        self._sock = sock

    def setsockopt(self, *_):
        pass

    def __getattr__(self, name):
        return getattr(self._sock, name)


def numbers(text):
    return [int(x) for x in text.split(",")]


def add_options(p):
    add = p.add_argument
    add("--protocol", default="Noise_NN_25519_AESGCM_SHA512")
    add("--static", metavar="KEY", help="own secret key: hex, or a key file")
    add("--remote", metavar="KEY", help="the other side's key, where the pattern wants it before the start")
    add("--allow", metavar="KEY", action="append", type=public_from, help="listen: only these clients")
    add("--send", metavar="FILE")
    add("--sizes", type=numbers, metavar="N,N", help="of the messages that --send is cut to, in turn")
    add("--units", action="store_true", help="--send and --recv are u32 units, each of them a message")
    add("--messages", type=numbers, metavar="N,N", help="send messages of these sizes first")
    add("--when", choices=("start", "first", "eof"), default="start", help="when to begin to send")
    add("--pause", type=float, default=0.0, metavar="SECONDS", help="before the first frame")
    add("--recv", metavar="FILE", help="append what is received")
    add("--read-rate", type=float, default=0, metavar="BYTES/S")
    add("--leave-after", type=int, default=0, metavar="BYTES", help="close when so much was received")
    add("--echo", action="store_true")
    add("--act", type=lambda t: t.split(":"), default=["keep"], metavar="ACT[:X]", help=", ".join(ACTS))
    add("--close", choices=("fin", "rst"), default="fin")
    add("--half-close", action="store_true", help="go on sending when the other side has ended")
    add("--linger", type=float, default=0, metavar="SECONDS", help="let the writer finish before closing")
    add("--stream", action="store_true", help="read handshake messages by their length, not with one recv()")
    add("--dribble", action="store_true", help="handshake messages byte by byte")
    add("--dribble-frames", action="store_true", help="frames, too")
    add("--dribble-delay", type=float, default=0.0005)
    add("--payload", type=bytes.fromhex, default=b"", metavar="HEX", help="in every handshake message")
    add("--handshake-timeout", type=float, default=10.0)
    add("--message-timeout", type=float, default=30.0)
    add("--idle-timeout", type=float, default=300.0)
    add("--json", nargs="?", const="-", metavar="FILE")


def parse(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sub = parser.add_subparsers(dest="command", required=True)
    p = sub.add_parser("connect")
    p.add_argument("host")
    p.add_argument("port", type=int, nargs="?", default=5004)
    add_options(p)
    p = sub.add_parser("listen")
    p.add_argument("host", nargs="?", default="127.0.0.1")
    p.add_argument("port", type=int, nargs="?", default=0)
    p.add_argument("--ready-fd", type=int, default=2)
    p.add_argument("--count", type=int, default=1)
    p.add_argument("--accept-timeout", type=float, default=60.0)
    add_options(p)
    sub.add_parser("vectors")
    sub.add_parser("selftest")
    args = parser.parse_args(argv)
    if "act" in args and args.act[0] not in ACTS:
        parser.error("--act %s: unknown" % args.act[0])
    return args


def main(argv):
    args = parse(argv)
    if args.command == "vectors":
        return vectors()
    if args.command == "selftest":
        return selftest()
    secret = secret_of(args.static, Name(args.protocol).dh)
    return connect(args, secret) if args.command == "connect" else listen(args, secret)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
