"""Misbehaviours of vault/1 within the encryption; see vault1_misbehave.py."""

import os
import struct

import msgpack
import zstandard

import common
from vault1_acts import act
from vault1_wire import (CLOSE, DATA, EOF, FRAME_MAX, OPEN, PART, PING, PONG, READY, RECEIPT, REKEY, STOP,
                         ZDATA, PeerError)


# ---- instead of OPEN or READY: function(session) ----

def start_kind(s):
    return OPEN if s.initiator else READY


def nested(depth):
    return b"\x81\xa1x" + b"\x91" * depth + b"\xc0"


@act("map-array", "greet", "b", "8", msgpack.packb([1, 2, 3]))
@act("map-empty", "greet", "b", "8", b"")
@act("map-2000", "greet", "b", "8", msgpack.packb({"x": "y" * 2000}))
@act("map-nested", "greet", "b", "8", nested(900))
@act("map-trailing", "greet", "b", "8", msgpack.packb({"t": True}) + b"\x00")
@act("map-two", "greet", "b", "8", msgpack.packb({"t": True}) * 2)
@act("map-cut", "greet", "b", "8", msgpack.packb({"t": True, "n": "name"})[:-2])
@act("map-huge-count", "greet", "b", "8", b"\xdf\xff\xff\xff\xff\xa1x\xc0")
@act("map-huge-string", "greet", "b", "8", b"\x81\xa1n\xdb\xff\xff\xff\xff")
@act("map-wrong-type", "greet", "b", "8", msgpack.packb({"z": "yes"}))
@act("map-short-identity", "greet", "b", "8", msgpack.packb({"i": bytes(31)}))
@act("map-foreign-identity", "greet", "b", "8", msgpack.packb({"i": bytes([9] * 32)}))
@act("map-unknown-keys", "greet", "b", "0", msgpack.packb({"t": True, "x": [1, {"y": None}], "later": 1.5}))
@act("map-none", "greet", "b", "0", msgpack.packb({}))
@act("map-name-escapes", "greet", "b", "0", msgpack.packb({"t": True, "n": "\x1b]0;x\x07\x1b[31mred\nline"}))
def greet_with(s, body):
    s.record(start_kind(s), body)


@act("ready-chooses-unoffered", "greet", "r", "0|8")
def ready_chooses_unoffered(s):
    s.record(READY, msgpack.packb({"z": True, "f": True, "t": True}))


@act("greet-wrong-kind", "greet", "b", "8")
def greet_wrong_kind(s):
    s.record(READY if s.initiator else OPEN, s.greeting())


@act("data-first", "greet", "b", "8")
def data_first(s):
    s.record(DATA, b"before anything was agreed")
    s.record(start_kind(s), s.greeting())


@act("eof-first", "greet", "b", "8")
def eof_first(s):
    s.record(EOF, bytes(8))


@act("greet-never", "greet", "b", "4")
def greet_never(s):
    mute(s)


@act("garbage-frames", "greet", "b", "5|8")
def garbage_frames(s):
    s.outbox += struct.pack(">I", 300) + os.urandom(300)


@act("garbage-bytes", "greet", "b", "8")
def garbage_bytes(s):
    s.outbox += b"\xff" + os.urandom(1000)


# ---- after it ----

def mute(s):
    """From here on the session sends nothing by itself."""
    s.o.source, s.eof_sent = None, True
    s.record = lambda kind, body=b"": None
    s.said_all = lambda: False


def push(s):
    """Send all that waits."""
    while s.outbox:
        s.turn(False)


def u64(n):
    return struct.pack(">Q", n)


@act("type-7", "record", "b", "8", 7, b"")
@act("type-15", "record", "b", "8", 15, b"")
@act("type-63", "record", "b", "8", 63, b"body")
@act("type-64", "record", "b", "0", 64, b"body")
@act("type-255", "record", "b", "0", 255, b"")
@act("zdata-unasked", "record", "b", "8", ZDATA, zstandard.compress(b"hello"))
@act("part-unasked", "record", "b", "8", PART, b"part")
@act("eof-short", "record", "b", "8", EOF, bytes(7))
@act("eof-wrong-total", "record", "b", "8", EOF, u64(1))
@act("eof-huge-total", "record", "b", "8", EOF, u64(2**64 - 1))
@act("receipt-early", "record", "b", "8", RECEIPT, u64(0) + b"\0\0")
@act("receipt-short", "record", "b", "8", RECEIPT, u64(0) + b"\0")
@act("stop-beyond", "record", "b", "8", STOP, u64(2**40) + b"\0\0")
@act("stop-short", "record", "b", "8", STOP, u64(0))
@act("stop-unknown-status", "record", "b", "-", STOP, u64(0) + b"\x09\0")
@act("ping-short", "record", "b", "8", PING, bytes(7))
@act("pong-unasked", "record", "b", "-", PONG, bytes(8))
@act("close-short", "record", "b", "8", CLOSE, b"\0")
@act("data-empty", "record", "b", "0", DATA, b"")
@act("rekey-with-body", "record", "b", "8", REKEY, b"x")
@act("open-again", "record", "b", "8", OPEN, msgpack.packb({}))
@act("ready-again", "record", "b", "8", READY, msgpack.packb({}))
def one_record(s, kind, body):
    s.record(kind, body)


@act("data-after-eof", "record", "b", "8", DATA, b"late")
@act("data-empty-after-eof", "record", "b", "8", DATA, b"")
@act("eof-twice", "record", "b", "8", EOF, bytes(8))
def after_eof(s, kind, body):
    s.end()
    s.record(kind, body)


@act("rekey-forgotten", "record", "b", "8")
def rekey_forgotten(s):
    s.record(REKEY)
    s.record(DATA, b"still under the old key")


@act("rekey-storm", "record", "b", "0")
def rekey_storm(s):
    for _ in range(2000):
        s.rekey()


@act("ping-storm", "record", "b", "0")
def ping_storm(s):
    s.on_pong = lambda body: None
    for n in range(20000):
        s.record(PING, u64(n))


@act("frame-0", "record", "b", "8", 0)
@act("frame-1", "record", "b", "8", 1)
@act("frame-15", "record", "b", "8", 15)
@act("frame-65536", "record", "b", "8", FRAME_MAX + 1)
@act("frame-2g", "record", "b", "8", 0x80000000)
@act("frame-4g", "record", "b", "8", 0xffffffff)
def frame_length(s, size):
    s.outbox += struct.pack(">I", size) + os.urandom(min(size, 70000))


@act("frame-empty-plaintext", "record", "b", "8")
def frame_empty_plaintext(s):
    s.outbox += s.framer.seal_plain(b"")


@act("frame-wrong-tag", "record", "b", "8")
def frame_wrong_tag(s):
    frame = bytearray(s.framer.seal(DATA, b"data that must not come out"))
    frame[-1] ^= 1
    s.outbox += frame


@act("frame-largest", "record", "b", "0")
def frame_largest(s):
    s.data(b"\n" * (FRAME_MAX - 17))


def on_peer_eof(s, what):
    """Do something else than sending an honest RECEIPT when the peer's EOF comes."""
    def on_eof(body):
        s.eof_got, s.receipt_sent = True, (0, 0)
        what(struct.unpack(">Q", body)[0])
    s.on_eof = on_eof


@act("receipt-wrong-total", "record", "b", "8")
def receipt_wrong_total(s):
    on_peer_eof(s, lambda total: s.record(RECEIPT, u64(total + 1) + b"\0\0"))


@act("receipt-wrong-less-0", "record", "b", "8", 0, 0)
@act("receipt-wrong-less-2-0", "record", "b", "8", 2, 0)
@act("receipt-less-2-7", "record", "b", "7", 2, 7)
def receipt_of_less(s, status, detail):
    on_peer_eof(s, lambda total: s.record(RECEIPT, u64(total - 1) + bytes([status, detail])))


@act("receipt-2-0", "record", "b", "0", 2, 0)
@act("receipt-1", "record", "b", "7", 1, 0)
@act("receipt-2-7", "record", "b", "7", 2, 7)
@act("receipt-9", "record", "b", "-", 9, 0)
def receipt_status(s, status, detail):
    s.o.receipt = (status, detail)


@act("receipt-twice", "record", "b", "8")
def receipt_twice(s):
    on_peer_eof(s, lambda total: [s.record(RECEIPT, u64(total) + b"\0\0") for _ in range(2)])


@act("stop-after-receipt", "record", "b", "8")
def stop_after_receipt(s):
    on_peer_eof(s, lambda total: [s.record(RECEIPT, u64(total) + b"\0\0"),
                                  s.record(STOP, u64(total) + b"\0\0")])


@act("no-receipt-fin", "record", "b", "6")
def no_receipt_fin(s):
    def leave(total):
        s.end()
        push(s)
        s.shut_down()
        mute(s)
    on_peer_eof(s, leave)


@act("no-receipt-hang", "record", "b", "4")
def no_receipt_hang(s):
    on_peer_eof(s, lambda total: mute(s))


@act("stop-0", "record", "b", "-", 0, 0)
@act("stop-1", "record", "b", "7", 1, 0)
@act("stop-2-7", "record", "b", "7", 2, 7)
@act("stop-2-0", "record", "b", "0", 2, 0)
@act("stop-0-1", "record", "b", "-", 0, 1)
def stop_status(s, status, detail):
    s.stop(status, detail)


@act("stop-late-0", "record", "b", "7", 0, 0)
@act("stop-late-2-0", "record", "b", "0", 2, 0)
def stop_of_less(s, status, detail):
    """When all has come: one byte of it was not taken."""
    def stop(total):
        s.stop_sent = (status, detail)
        s.record(STOP, u64(total - 1) + bytes([status, detail]))
    on_peer_eof(s, stop)


@act("stop-twice", "record", "b", "8")
def stop_twice(s):
    for _ in range(2):
        s.record(STOP, u64(0) + b"\0\0")
    s.stop_sent = (0, 0)


@act("close-1", "record", "b", "5", 1, "not authorized")
@act("close-2", "record", "b", "3", 2, "too many")
@act("close-3", "record", "b", "6", 3, "shutting down")
@act("close-4", "record", "b", "8", 4, "protocol error")
@act("close-5", "record", "b", "7", 5, "disk full")
@act("close-6", "record", "b", "4", 6, "timeout")
@act("close-7", "record", "b", "6", 7, "interrupted")
@act("close-99", "record", "b", "-", 99, "no such code")
@act("close-escapes", "record", "b", "7", 5, "\x1b[2J\x1b]0;title\x07 \u202e red \x9b31m\nsecond line\r\0end")
@act("close-long", "record", "b", "7", 5, "x" * 60000)
def close_with(s, code, text):
    s.close(code, text)
    mute(s)
    push(s)
    s.shut_down()


@act("fin-without-eof", "record", "b", "6")
def fin_without_eof(s):
    s.data(b"half of a file\n")
    push(s)
    s.shut_down()
    mute(s)


@act("fin-in-frame", "record", "b", "6")
def fin_in_frame(s):
    s.data(b"half of a frame\n")
    del s.outbox[-5:]
    push(s)
    s.shut_down()
    mute(s)


@act("reset", "record", "b", "6")
def reset(s):
    s.data(b"before a reset\n")
    push(s)
    common.close_with_reset(s.t.sock)
    raise PeerError(6, "reset, as asked")


@act("hang", "record", "b", "4")
def hang(s):
    """Read all, say nothing, not even PONG."""
    mute(s)


# ---- compression; both sides must have agreed to it, so this side must run with --compress ----

def later(s, what):
    """Do it when both greetings are there."""
    if s.initiator:
        start = s.on_start

        def on_start(kind, body):
            start(kind, body)
            what()
        s.on_start = on_start
    else:
        what()


def squashed(plain, window_log=20):
    """One flushed block of a stream that goes on."""
    parameters = zstandard.ZstdCompressionParameters.from_level(3, window_log=window_log)
    squash = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    return squash.compress(plain) + squash.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)


@act("zdata-garbage", "record", "b", "8", bytes(range(1, 200)))
@act("zdata-cut", "record", "b", "-", squashed(b"cut in the middle of a block" * 9)[:-5])
@act("zdata-empty", "record", "b", "-", b"")
def zdata(s, body):
    later(s, lambda: s.record(ZDATA, body))


@act("zdata-bomb", "record", "b", "8", 64 << 20)
@act("zdata-over-limit", "record", "b", "8", 256 * 1024 + 1)
@act("zdata-at-limit", "record", "b", "0", 256 * 1024)
def zdata_of(s, size):
    def send():
        s.sent += size
        s.record(ZDATA, squashed(bytes(size)))
        s.squash = None  # the rest, if any, goes as DATA
    later(s, send)


@act("zdata-window", "record", "b", "8", 24)
@act("zdata-window-2m", "record", "b", "8", 21)
def zdata_window(s, window_log):
    later(s, lambda: s.record(ZDATA, squashed(b"far back " * 100, window_log)))


# ---- data where there is none to be: from one that only looks who is there ----

def look(s, kind, body):
    """A probe that offers compression. When it may go it writes a line to --recv, reads --send to its end, then sends."""
    source, s.o.source, s.eof_sent = s.o.source, None, True
    s.o.probe = s.o.compress = True
    s.record(OPEN, s.greeting())

    def send():
        s.squash = s.unsquash = None
        if s.o.sink is not None:
            os.write(s.o.sink, b"let in\n")
        while source is not None and os.read(source, 65536):
            pass
        s.record(kind, body)
    later(s, send)


@act("data-in-probe", "greet", "i", "8", DATA, b"data of one that only looked\n")
@act("zdata-in-probe", "greet", "i", "8", ZDATA, squashed(b"of one that only looked\n" * 10000))
def probe_sends(s, kind, body):
    look(s, kind, body)
