"""vault/1 below the records: hello, handshake, refusals, frames. Written from the protocol text alone.

Everything blocks, bounded by one deadline, until the handshake is done.
"""

import os
import select
import socket
import struct
import time

import vault1_code
from noise_ref import Handshake, Name, NoiseError

MAGIC = b"VLT1"
HANDSHAKE_MAX = 4096
FRAME_MIN, FRAME_MAX = 17, 65535
BODY_MAX = FRAME_MAX - 16 - 1

(DATA, ZDATA, EOF, CLOSE, PING, PONG, REKEY) = range(7)
RECEIPT, STOP, READY, OPEN, PART = 10, 11, 12, 13, 14
NAMES = {DATA: "data", ZDATA: "zdata", EOF: "eof", CLOSE: "close", PING: "ping", PONG: "pong",
         REKEY: "rekey", RECEIPT: "receipt", STOP: "stop", READY: "ready", OPEN: "open", PART: "part"}

UNKNOWN_PROTOCOL, NOT_ALLOWED, BUSY, WRONG_PSK = 1, 2, 3, 4
REFUSALS = {UNKNOWN_PROTOCOL: (5, "protocol unknown to the peer"),
            NOT_ALLOWED: (5, "protocol not allowed by the peer"),
            BUSY: (3, "peer is busy"), WRONG_PSK: (5, "wrong psk")}

REKEY_BYTES, REKEY_RECORDS = 2**32, 2**20


class PeerError(Exception):
    """The end of a run: the exit status of cli.md and a text."""

    def __init__(self, status, text, close=None):
        super().__init__(text)
        self.status, self.close = status, close


class Transport:
    """A socket with a deadline for blocking calls; dribble sends one byte at a time."""

    def __init__(self, sock, timeout=10.0, dribble=0.0):
        self.sock, self.dribble = sock, dribble
        self.deadline = time.monotonic() + timeout
        self.sent = self.received = 0
        sock.setblocking(False)
        if dribble and sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _wait(self, read):
        left = self.deadline - time.monotonic()
        fds = ([self.sock], []) if read else ([], [self.sock])
        if left <= 0 or not any(select.select(*fds, [], left)):
            raise PeerError(4, "timeout in the handshake")

    def recv_exact(self, n):
        out = b""
        while len(out) < n:
            self._wait(True)
            try:
                part = self.sock.recv(n - len(out))
            except BlockingIOError:
                continue
            except OSError as e:
                raise PeerError(3, "connection broke in the handshake: %s" % e) from e
            if not part:
                raise PeerError(3, "peer closed in the handshake after %d of %d bytes" % (len(out), n))
            out += part
        self.received += n
        return out

    def send_some(self, data):
        """Send what fits now; returns how many bytes."""
        if self.dribble:
            time.sleep(self.dribble)
            data = data[:1]
        n = self.sock.send(data)
        self.sent += n
        return n

    def send_all(self, data):
        view = memoryview(data)
        while view:
            self._wait(False)
            try:
                view = view[self.send_some(view):]
            except BlockingIOError:
                continue
            except OSError as e:
                raise PeerError(3, "connection broke in the handshake: %s" % e) from e


    def leave(self):
        """Close so that no reset destroys what is in flight: FIN, then read up to the peer's."""
        try:
            self.sock.shutdown(socket.SHUT_WR)
            end = time.monotonic() + 5
            while time.monotonic() < end:
                if select.select([self.sock], [], [], 0.1)[0] and not self.sock.recv(65536):
                    return
        except OSError:
            pass


def u16(n):
    return struct.pack(">H", n)


def hello(name, message):
    raw = name.encode("ascii")
    return MAGIC + bytes([len(raw)]) + raw + u16(len(message)) + message


def prologue(name):
    raw = name.encode("ascii")
    return MAGIC + bytes([len(raw)]) + raw


def refusal_error(code):
    status, text = REFUSALS.get(code, (8, "unknown refusal code %d" % code))
    return PeerError(status, text)


def read_message(t):
    """A handshake message behind its length; a refusal raises."""
    (n,) = struct.unpack(">H", t.recv_exact(2))
    if n == 0:
        raise refusal_error(t.recv_exact(1)[0])
    if n > HANDSHAKE_MAX:
        raise PeerError(8, "handshake message of %d bytes" % n)
    return t.recv_exact(n)


class Keys:
    """What a side brings to the handshake; ${expect} is the peer's Noise key, if it must be that."""

    def __init__(self, identity, psk=None, expect=None, code=None):
        self.identity, self.psk, self.expect, self.code = identity, psk, expect, code

    def handshake(self, name, initiator, agreed=None):
        """${agreed}: prologue and psk of a code's exchange."""
        start, psk = agreed or (prologue(name.name), self.psk)
        if name.psks and psk is None:
            raise PeerError(5, "the protocol needs a psk")
        return Handshake(name, initiator, start, s=self.identity.secret, rs=self.expect,
                         psks=[psk] * len(name.psks))


class Keyed:
    """The result: ciphers, the peer's key, and bytes that must go out with the first record."""

    def __init__(self, hs, pending=b""):
        self.tx, self.rx = hs.split()
        self.remote, self.name = hs.remote_static, hs.protocol.name
        own = ">" if hs.initiator else "<"
        self.own_static = own in hs.protocol.pre or any(
            side == own and "s" in tokens for side, tokens in hs.protocol.messages)
        self.pending = pending


def _read(hs, message, psk_text):
    try:
        if hs.read_message(message) != b"":
            raise PeerError(8, "handshake message with a payload")
    except NoiseError as e:
        psk = bool(hs.protocol.psks)
        raise PeerError(5 if psk else 8, psk_text if psk else "handshake: %s" % e) from e


def _check_expected(hs, keys):
    if keys.expect is not None and hs.remote_static is not None and hs.remote_static != keys.expect:
        raise PeerError(5, "the peer's key is not the expected one")


def agree(exchange, unit, share_a, share_b):
    agreed = exchange.finish(unit, share_a, share_b)
    if agreed is None:
        raise PeerError(8, "the peer's share is none")
    return agreed


def exchange_first(t, name, keys):
    """Initiator: the code's exchange."""
    sid = os.urandom(vault1_code.SID)
    exchange = vault1_code.Exchange(keys.code, sid)
    unit = vault1_code.unit_of(prologue(name), sid, exchange.share)
    t.send_all(unit)
    return agree(exchange, unit, exchange.share, read_message(t))


def exchange_second(t, raw, keys):
    """Responder: the hello was read up to its u16 0."""
    if t.recv_exact(1) != bytes([vault1_code.KIND]):
        raise PeerError(8, "an unknown kind of exchange")
    sid, share = t.recv_exact(vault1_code.SID), t.recv_exact(vault1_code.SHARE)
    exchange = vault1_code.Exchange(keys.code, sid)
    agreed = agree(exchange, vault1_code.unit_of(prologue(raw.decode("ascii")), sid, share), share, exchange.share)
    t.send_all(u16(len(exchange.share)) + exchange.share)
    return agreed


def initiate(t, name, keys):
    if keys.code is not None:
        hs = keys.handshake(Name(name), True, exchange_first(t, name, keys))
        message = hs.write_message(b"")
        pending = u16(len(message)) + message
    else:
        hs = keys.handshake(Name(name), True)
        pending = hello(name, hs.write_message(b""))
    while not hs.done:
        if hs.my_turn:
            _check_expected(hs, keys)  # before our last message, as the text asks
            message = hs.write_message(b"")
            pending = u16(len(message)) + message
        else:
            t.send_all(pending)
            pending = b""
            _read(hs, read_message(t), "wrong psk")
    _check_expected(hs, keys)
    return Keyed(hs, pending)


def refuse(t, code, framed=False):
    """Refuse instead of the next message; after an initiator-last pattern, of the first frame."""
    t.send_all((bytes(4) if framed else bytes(2)) + bytes([code]))
    t.leave()
    raise PeerError(*REFUSALS[code])


def read_hello(t):
    head = t.recv_exact(5)
    if head[:4] != MAGIC:
        raise PeerError(8, "not a vault/1 hello")
    name = t.recv_exact(head[4])
    (n,) = struct.unpack(">H", t.recv_exact(2))
    if n > HANDSHAKE_MAX:
        raise PeerError(8, "handshake message of %d bytes" % n)
    return name, t.recv_exact(n)


def respond(t, keys, allowed=None, busy=False):
    raw, message = read_hello(t)
    if busy:
        refuse(t, BUSY)
    try:
        name = Name(raw.decode("ascii"))
        if name.one_way:
            raise NoiseError("one-way")
    except (NoiseError, UnicodeDecodeError):
        refuse(t, UNKNOWN_PROTOCOL)
    bare = name.name.split("_")[1]
    if allowed and name.name not in allowed and bare not in allowed:
        refuse(t, NOT_ALLOWED)
    if bool(name.psks) != (keys.psk is not None or keys.code is not None) or (message == b"") != (keys.code is not None):
        refuse(t, NOT_ALLOWED)
    agreed = None
    if keys.code is not None:
        agreed = exchange_second(t, raw, keys)
        message = None
    hs = keys.handshake(name, False, agreed)
    while not hs.done:
        if hs.my_turn:
            out = hs.write_message(b"")
            t.send_all(u16(len(out)) + out)
            continue
        if message is None:
            message = read_message(t)
        try:
            _read(hs, message, "wrong psk")
        except PeerError:
            if name.psks:
                refuse(t, WRONG_PSK, framed=hs.done)
            raise
        message = None
    _check_expected(hs, keys)
    return Keyed(hs)


class Framer:
    """Ciphertext frames, both ways: seals records, and takes whole ones out of what came in."""

    def __init__(self, keyed, initiator):
        self.tx, self.rx = keyed.tx, keyed.rx
        self.initiator = initiator
        self.inbox = bytearray()
        self.opened = 0
        self.tx_bytes = self.tx_records = 0

    def seal(self, kind, body=b""):
        if len(body) > BODY_MAX:
            raise ValueError("record too long")
        return self.seal_plain(bytes([kind]) + body)

    def seal_plain(self, plaintext):
        out = self.tx.encrypt(plaintext)
        self.tx_records += 1
        self.tx_bytes += len(plaintext)
        return struct.pack(">I", len(out)) + out

    def rekeyed(self):
        """After a REKEY record was sealed."""
        self.tx.rekey()
        self.tx_bytes = self.tx_records = 0

    def take(self):
        """The next record as (type, body), or None when more bytes are needed."""
        if len(self.inbox) < 4:
            return None
        (n,) = struct.unpack(">I", self.inbox[:4])
        if n == 0 and self.initiator and self.opened == 0:
            if len(self.inbox) < 5:
                return None
            raise refusal_error(self.inbox[4])
        if not FRAME_MIN <= n <= FRAME_MAX:
            raise PeerError(8, "frame of %d bytes" % n, close=4)
        if len(self.inbox) < 4 + n:
            return None
        frame = bytes(self.inbox[4:4 + n])
        del self.inbox[:4 + n]
        try:
            plain = self.rx.decrypt(frame)
        except NoiseError as e:
            raise PeerError(8, "forged frame: %s" % e, close=4) from e
        self.opened += 1
        return plain[0], plain[1:]
