"""vault/1 records: the whole session of an honest side, in one select loop."""

import os
import select
import stat
import struct
import time

import msgpack
import zstandard

import units
from vault1_keys import identity_fits
from vault1_wire import (BODY_MAX, CLOSE, DATA, EOF, NAMES, OPEN, PART, PING, PONG, READY, RECEIPT,
                         REKEY, REKEY_BYTES, REKEY_RECORDS, STOP, ZDATA, Framer, PeerError)

MAP_MAX = 1024
PLAIN_MAX = 256 * 1024
ONE_WAY = 1  # detail of STOP
DRAIN = 5.0
CLOSE_STATUS = {1: 5, 2: 3, 3: 6, 4: 8, 5: 7, 6: 4, 7: 6}
OUTBOX_ENOUGH = 256 * 1024


class Options:
    """What a run is to do; the command line fills it in."""

    def __init__(self, **given):
        self.source = self.sink = None  # file descriptors, or None
        self.compress = self.probe = self.messages = False
        self.units = False  # source and sink are u32 units, each of them a message
        self.send_only = self.recv_only = False
        self.rekey_every = 0
        self.extra_type = None
        self.record_size = 60000
        self.ping_every = 15.0
        self.timeout = 60.0
        self.stop_after = None  # STOP after so many bytes were taken
        self.receipt = (0, 0)
        self.greet_act = self.act = None  # misbehaviour instead of / after the greeting
        for name, value in given.items():
            if not hasattr(self, name):
                raise TypeError(name)
            setattr(self, name, value)


class Session:
    def __init__(self, transport, keyed, identity, initiator, options):
        self.t, self.o, self.initiator = transport, options, initiator
        self.keyed, self.identity = keyed, identity
        self.framer = Framer(keyed, initiator)
        self.outbox = bytearray(keyed.pending)
        self.peer_map = None
        self.counts = {}
        self.sent = self.received = 0
        self.unread = self.partial = b""  # of a unit, of a message
        self.eof_sent = self.eof_got = False
        self.receipt_sent = self.receipt_got = None
        self.stop_sent = self.stop_got = self.stop_written = None
        self.closed = self.shut = self.fin = False
        self.broken = None
        self.ping_out = None
        self.rtt = None
        self.heard = time.monotonic()
        self.deadline = self.heard + options.timeout
        self.squash = self.unsquash = None
        self.failure = None  # our own output failed

    # ---- sending ----

    def record(self, kind, body=b""):
        self.outbox += self.framer.seal(kind, body)
        every = self.o.rekey_every
        if kind != REKEY and ((every and self.framer.tx_records >= every) or
                              self.framer.tx_records >= REKEY_RECORDS - 1 or
                              self.framer.tx_bytes >= REKEY_BYTES - 2 * BODY_MAX):
            self.rekey()

    def rekey(self):
        self.outbox += self.framer.seal(REKEY)
        self.framer.rekeyed()

    def greeting(self):
        o, out = self.o, {"n": "vault1_peer.py", "k": int(self.o.ping_every)}
        out["z"] = o.compress if self.initiator else self.agreed("z", o.compress)
        out["f"] = o.messages if self.initiator else self.agreed("f", o.messages)
        out["t"] = self.identity.throwaway
        if o.probe:
            out["p"] = True
        if self.identity.ed and not self.identity.throwaway and self.keyed.own_static:
            out["i"] = self.identity.ed
        return msgpack.packb(out)

    def agreed(self, key, own):
        return bool(own and self.peer_map and self.peer_map.get(key))

    def greet(self):
        if self.o.greet_act:
            self.o.greet_act(self)
        else:
            self.record(OPEN if self.initiator else READY, self.greeting())
        if self.o.act:
            self.o.act(self)
        if self.o.extra_type is not None:
            self.record(self.o.extra_type, b"nothing that matters")
        if self.o.send_only:
            self.stop(0, ONE_WAY)
        if self.o.recv_only or self.o.probe or self.o.source is None:
            self.end()

    def data(self, plain):
        self.sent += len(plain)
        if self.squash:
            self.record(ZDATA, self.squash.compress(plain) +
                        self.squash.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK))
        else:
            self.record(DATA, plain)

    def message(self, plain):
        """As one, in parts where it is longer than a record."""
        while len(plain) > self.o.record_size:
            part, plain = plain[:self.o.record_size], plain[self.o.record_size:]
            self.sent += len(part)
            self.record(PART, part)
        self.data(plain)

    def end(self):
        if not self.eof_sent:
            self.eof_sent = True
            self.record(EOF, struct.pack(">Q", self.sent))

    def stop(self, status, detail=0):
        if self.stop_sent is None and self.receipt_sent is None:
            self.stop_sent = (status, detail)
            self.record(STOP, struct.pack(">QBB", self.received, status, detail))

    def close(self, code, text=""):
        if not self.closed:
            self.closed = True
            self.record(CLOSE, struct.pack(">H", code) + text.encode())

    # ---- receiving ----

    def handle(self, kind, body):
        self.counts[kind] = self.counts.get(kind, 0) + 1
        if self.peer_map is None and kind not in (OPEN, READY, CLOSE, PING, PONG, REKEY) and kind < 64:
            raise self.wrong("%s before the start" % NAMES.get(kind, kind))
        handler = {
            DATA: self.on_data, ZDATA: self.on_zdata, PART: self.on_part, EOF: self.on_eof,
            CLOSE: self.on_close, PING: self.on_ping, PONG: self.on_pong, REKEY: self.on_rekey,
            RECEIPT: self.on_receipt, STOP: self.on_stop, READY: self.on_start, OPEN: self.on_start,
        }.get(kind)
        if handler:
            handler(*([kind, body] if handler == self.on_start else [body]))
        elif kind < 64:
            raise self.wrong("record type %d" % kind)

    @staticmethod
    def wrong(text):
        return PeerError(8, text, close=4)

    def fields(self, layout, body, name):
        if len(body) != struct.calcsize(layout):
            raise self.wrong("%s of %d bytes" % (name, len(body)))
        return struct.unpack(layout, body)

    def on_start(self, kind, body):
        if self.peer_map is not None or kind != (READY if self.initiator else OPEN):
            raise self.wrong("%s out of place" % NAMES[kind])
        if len(body) > MAP_MAX:
            raise self.wrong("map of %d bytes" % len(body))
        try:
            got = msgpack.unpackb(body, strict_map_key=False)
        except Exception as e:
            raise self.wrong("map: %s" % e) from e
        if not isinstance(got, dict):
            raise self.wrong("not a map")
        ed = got.get("i")
        if ed is not None and self.keyed.remote and not identity_fits(ed, self.keyed.remote):
            raise self.wrong("identity does not fit the Noise key")
        self.peer_map = got
        if got.get("p"):
            self.o.source = None
        if self.agreed("z", self.o.compress):
            parameters = zstandard.ZstdCompressionParameters.from_level(3, window_log=20)
            self.squash = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
            self.unsquash = zstandard.ZstdDecompressor(max_window_size=1 << 20).decompressobj()
        if not self.initiator:
            self.greet()
        elif (got.get("z") and not self.o.compress) or (got.get("f") and not self.o.messages):
            raise self.wrong("READY chooses what was not offered")
        if self.o.units and not self.agreed("f", True):
            raise PeerError(8, "no message framing was agreed", close=7)

    def on_data(self, body, more=False):
        if self.eof_got:
            raise self.wrong("data after EOF")
        self.received += len(body)
        if self.o.units:
            self.partial += body
            if more:
                return
            body, self.partial = units.unit("u32", self.partial), b""
        if self.stop_sent is None:
            self.deliver(body)

    def on_part(self, body):
        if not self.agreed("f", self.o.messages):
            raise self.wrong("PART without message framing")
        self.on_data(body, more=True)

    def on_zdata(self, body):
        if self.unsquash is None:
            raise self.wrong("ZDATA was not agreed")
        plain = b""
        for at in range(0, len(body), 64):  # small steps bound what a bomb can take
            try:
                plain += self.unsquash.decompress(body[at:at + 64])
            except zstandard.ZstdError as e:
                raise self.wrong("ZDATA: %s" % e) from e
            if len(plain) > PLAIN_MAX:
                raise self.wrong("ZDATA of more than %d bytes" % PLAIN_MAX)
        self.on_data(plain)

    def deliver(self, plain):
        if self.o.sink is None:
            return
        limit = self.o.stop_after
        if limit is not None and self.received >= limit:
            plain = plain[:len(plain) - (self.received - limit)]
        try:
            while plain:
                plain = plain[os.write(self.o.sink, plain):]
        except OSError as e:
            self.failure = "output: %s" % e
            self.stop(1)
        if limit is not None and self.received >= limit:
            self.stop(0)

    def on_eof(self, body):
        (total,) = self.fields(">Q", body, "EOF")
        if self.partial:
            raise self.wrong("EOF in the middle of a message")
        if self.eof_got or total != self.received:
            raise self.wrong("EOF at %d of %d bytes" % (self.received, total))
        self.eof_got = True
        if self.stop_sent is None:
            if self.o.sink is not None and stat.S_ISREG(os.fstat(self.o.sink).st_mode):
                os.fsync(self.o.sink)
            self.receipt_sent = self.o.receipt
            self.record(RECEIPT, struct.pack(">QBB", total, *self.o.receipt))

    def on_close(self, body):
        if len(body) < 2:
            raise PeerError(8, "CLOSE of %d bytes" % len(body))
        (code,) = struct.unpack(">H", body[:2])
        text = body[2:].decode("utf-8", "replace")
        raise PeerError(CLOSE_STATUS.get(code, 8), "peer closed, code %d: %r" % (code, text))

    def on_ping(self, body):
        self.fields(">Q", body, "PING")
        if not self.shut and not self.said_all():
            self.record(PONG, body)

    def on_pong(self, body):
        self.fields(">Q", body, "PONG")
        if self.ping_out is None:
            raise self.wrong("PONG without PING")
        self.rtt, self.ping_out = time.monotonic() - self.ping_out, None

    def on_rekey(self, body):
        if body:
            raise self.wrong("REKEY with a body")
        self.framer.rx.rekey()

    def on_receipt(self, body):
        total, status, detail = self.fields(">QBB", body, "RECEIPT")
        if not self.eof_sent or self.receipt_got or self.stop_got:
            raise self.wrong("RECEIPT out of place")
        if total != self.sent:
            raise self.wrong("RECEIPT for %d of %d bytes" % (total, self.sent))
        self.receipt_got = (status, detail)

    def on_stop(self, body):
        written, status, detail = self.fields(">QBB", body, "STOP")
        if self.receipt_got or self.stop_got:
            raise self.wrong("STOP out of place")
        if written > self.sent:
            raise self.wrong("STOP at %d of %d bytes" % (written, self.sent))
        self.stop_got, self.stop_written = (status, detail), written
        self.end()

    # ---- the end ----

    def said_all(self):
        """Our last record is the later of our EOF and our RECEIPT (or the peer's EOF after our STOP)."""
        return self.eof_sent and self.eof_got and bool(self.receipt_sent or self.stop_sent)

    def finished(self):
        return self.said_all() and bool(self.receipt_got or self.stop_got)

    def verdict(self):
        """The exit status of a session that ran to its end, and a text."""
        if self.failure:
            return 1, self.failure
        if self.receipt_got:
            status = self.receipt_got[0]
            return (0, "complete") if status == 0 else (7, "peer: receipt %d %d" % self.receipt_got)
        if self.stop_got == (0, ONE_WAY) and (self.o.recv_only or self.sent == 0):
            return 0, "complete, one way"
        return 7, "peer: stop %d %d" % self.stop_got

    # ---- the loop ----

    def run(self):
        """(status, text)."""
        try:
            if self.initiator:
                self.greet()
            while not self.finished():
                self.turn(True)
            self.drain()
            return self.verdict()
        except PeerError as e:
            if e.close:
                try:
                    self.close(e.close, str(e))
                    self.drain()
                except (PeerError, OSError):
                    pass
            return e.status, str(e)

    def readers(self, take_input):
        fds = [] if self.fin else [self.t.sock]
        if take_input and self.wants_input():
            fds.append(self.o.source)
        return fds

    def wants_input(self):
        o = self.o
        greeted = self.initiator or self.peer_map is not None
        waits = self.initiator and (o.compress or o.messages) and self.peer_map is None
        return (o.source is not None and greeted and not waits and not self.eof_sent and
                len(self.outbox) < OUTBOX_ENOUGH)

    def turn(self, take_input):
        now = time.monotonic()
        if now > self.deadline:
            raise PeerError(4, "timeout", close=6)
        self.keep_alive(now)
        if self.fin and self.shut:
            raise PeerError(6, "the other side left")
        if self.said_all() and not self.outbox and not self.shut:
            self.shut_down()
        readable, writable, _ = select.select(
            self.readers(take_input), [self.t.sock] if self.outbox else [], [], 0.2)
        if writable:
            self.flush()
        if self.t.sock in readable:
            self.receive()
        elif self.broken:
            raise PeerError(6, "connection broke: %s" % self.broken)
        if self.o.source in readable and not self.eof_sent:
            self.take_input()

    def flush(self):
        try:
            del self.outbox[:self.t.send_some(self.outbox[:65536])]
        except BlockingIOError:
            pass
        except OSError as e:
            self.outbox.clear()
            self.broken = e  # what the peer said before may still be read

    def receive(self):
        try:
            part = self.t.sock.recv(65536)
        except BlockingIOError:
            return
        except OSError as e:
            raise PeerError(6, "connection broke: %s" % e) from e
        self.heard = time.monotonic()
        self.t.received += len(part)
        self.framer.inbox += part
        while True:
            record = self.framer.take()
            if record is None:
                break
            self.handle(*record)
        if not part:
            self.fin = True
            if not (self.eof_got and (self.receipt_got or self.stop_got)):
                raise PeerError(6, "truncated: the connection ended before the session did")

    def take_input(self):
        piece = os.read(self.o.source, self.o.record_size)
        if piece and self.o.units:
            self.unread += piece
            while (one := units.take("u32", self.unread)) is not None:
                self.message(one[0])
                self.unread = one[1]
        elif piece:
            self.data(piece)
        else:
            self.end()

    def keep_alive(self, now):
        if self.peer_map is None or self.said_all():
            return
        if now - self.heard > 3 * self.o.ping_every:
            raise PeerError(4, "peer is silent", close=6)
        if now - self.heard > self.o.ping_every and self.ping_out is None:
            self.ping_out = now
            self.record(PING, struct.pack(">Q", int(now * 1000)))

    def shut_down(self):
        self.shut = True
        try:
            self.t.sock.shutdown(1)
        except OSError:
            pass

    def drain(self):
        """Send what is left, shut down, then read and discard until the peer's end, for DRAIN at most."""
        end = time.monotonic() + DRAIN
        while time.monotonic() < end and not (self.fin and not self.outbox):
            if not self.outbox and not self.shut:
                self.shut_down()
            readable, writable, _ = select.select(
                [] if self.fin else [self.t.sock], [self.t.sock] if self.outbox else [], [], 0.1)
            if writable:
                self.flush()
            if readable:
                try:
                    self.fin = not self.t.sock.recv(65536)
                except OSError:
                    return
        if not self.shut:
            self.shut_down()
