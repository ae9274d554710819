"""What can be done wrong toward a Vault UDP peer, by name. Used by udp_misbehave.py.

An act is a function of a Stage (see there): it may fire() datagrams from a stranger's socket, or send() them as the
peer that the other side knows. What it must not achieve is the same for all of them: that anything is delivered,
that the honest messages before and after are lost or doubled, that somebody gets more bytes than he sent.
"""

import json
import random
import socket
import struct

import msgpack
import zstandard

import udp_wire as wire

ACTS = {}


def act(*names):
    def add(f):
        for n in names or (f.__name__.replace("_", "-"),):
            ACTS[n] = f if not names else (lambda stage, n=n: f(stage, n))
        return f
    return add


def acts(prefix, table):
    """One act for each entry: what to do with the value is told by the prefix."""
    def add(f):
        for name, value in table.items():
            ACTS["%s-%s" % (prefix, name)] = lambda stage, v=value: f(stage, v)
        return f
    return add


# ---- key messages of a stranger, in clear ----

CHANGED = {
    "31-bytes": {"enc_key": wire.b64(bytes(range(31)))}, "no-key": {"enc_key": None}, "dash": {"enc_key": "-"},
    "number": {"enc_key": 5}, "sign-31": {"sign_key": wire.b64(bytes(range(31)))}, "sign-none": {"sign_key": None},
    "sign-zeros": {"sign_key": wire.b64(bytes(32))}, "no-signature": {"signature": None},
    "signature-list": {"signature": []},
    "signature-empty": {"signature": ""}, "detached": {"signature": wire.b64(bytes(64))},
    "sig2-zeros": {"sig2": wire.b64(bytes(64))}, "sig2-short": {"sig2": wire.b64(bytes(63))},
    "sig2-null": {"sig2": None},
    "sig2-number": {"sig2": 1}, "port-text": {"port": "2000"}, "port-negative": {"port": -1},
    "port-70000": {"port": 70000},
    "port-float": {"port": 2000.5}, "port-huge": {"port": 1 << 80}, "port-list": {"port": [2000]},
    "ts-float": {"ts": 1.5}, "ts-text": {"ts": "now"}, "ts-negative": {"ts": -1}, "ts-huge": {"ts": 1 << 70},
    "ts-true": {"ts": True}, "sid-short": {"sid": wire.b64(bytes(7))}, "sid-long": {"sid": wire.b64(bytes(4000))},
    "sid-number": {"sid": 5}, "to-short": {"to": wire.b64(bytes(31))}, "to-null": {"to": None},
    "caps-text": {"caps": "native"},
    "caps-numbers": {"caps": [1, 2]}, "caps-nested": {"caps": [["native"]]}, "caps-many": {"caps": ["x"] * 9000},
    "caps-long": {"caps": ["x" * 30000]}, "caps-map": {"caps": {"native": True}},
}


@acts("key", CHANGED)
def key_changed(stage, change):
    fields = {**stage.stranger_keys(), **change}
    stage.fire_keys(fields)
    # Without sig2 it would be a good message of Python's.
    if change != {"sig2": None}:
        stage.fire_keys({k: v for k, v in fields.items() if v is not None})


@act("key-tampered")
def key_tampered(stage, _):
    """Good but for one thing that only sig2 covers."""
    fields = stage.stranger_keys()
    for change in ({"port": 4444}, {"ts": fields["ts"] + 1}, {"sid": wire.b64(b"tampered")}, {"caps": ["native",
        "more"]},
                   {"to": wire.b64(stage.peer.sign)}):
        stage.fire_keys({**fields, **change})


@acts("key-low-order", {str(i): p for i, p in enumerate(wire.LOW_ORDER)})
def key_low_order(stage, point):
    for high in (0, 128):
        stage.fire_keys(stage.stranger_keys(enc=point[:31] + bytes([point[31] | high])))


@acts("key-upstream-low-order", {str(i): p for i, p in enumerate(wire.LOW_ORDER[:3])})
def key_upstream_low_order(stage, point):
    stage.fire_keys(wire.key_fields(point, stage.someone, stage.stranger_port))


@act("key-other-text")
def key_other_text(stage, _):
    for text in (b"", b"hello", b"x" * 88):
        stage.fire_keys({**stage.stranger_keys(), "signature": wire.b64(stage.someone.sign_whole(text))})


@act("key-of-the-peer")
def key_of_the_peer(stage, _):
    """Somebody else's keys with our own signature, or the reverse."""
    mine, theirs = stage.stranger_keys(), stage.node.key_message()
    for key in ("enc_key", "sign_key", "signature", "sig2"):
        stage.fire_keys({**theirs, key: mine[key]})


@act("key-old", "key-future", "key-ts-0")
def key_time(stage, name):
    now = int(stage.node.clock() * 1000)
    ts = {"key-old": now - 3600000, "key-future": now + 3600000, "key-ts-0": 0}[name]
    stage.fire_keys(stage.stranger_keys(ts=ts))


@act("key-to-other")
def key_to_other(stage, _):
    stage.fire_keys(stage.stranger_keys(to=wire.SignKeys().public))


@act("key-replayed")
def key_replayed(stage, _):
    """An old key message of the peer, seen on the wire, sent again from elsewhere: it must not draw the session there."""
    for data in stage.old_key_messages:
        stage.fire(data)


@act("key-returned")
def key_returned(stage, _):
    """Its own key messages."""
    for data in stage.from_tool[:20]:
        stage.fire(data)


@act("key-downgrade")
def key_downgrade(stage, _):
    """The native peer's identity with a message as Python sends them: no time, no sequence, any address."""
    node = stage.node
    stage.fire_keys(wire.key_fields(node.own[0].box.public, node.sign, node.port))
    stage.fire_keys(wire.key_fields(wire.BoxKeys().public, node.sign, stage.stranger_port))


@act("key-spoofed-port")
def key_spoofed_port(stage, _):
    """A stranger says that he is at the peer's port."""
    keys = wire.key_fields(wire.BoxKeys().public, stage.someone, stage.node.port)
    stage.fire_keys({**keys, "signature": wire.b64(bytes(64))})
    stage.fire_keys({"enc_key": "-", "sign_key": "-", "port": stage.node.port})


JSON_JUNK = {
    "deep": b"[" * 40000, "deep-map": b'{"a":' * 8000, "array": b"[1,2]", "null": b"null", "number": b"1e999",
    "not-utf8": b'{"enc_key":"\xff\xfe"}', "nul": b'{"enc_key":"a\x00b"}', "nul-escape": b'{"enc_key":"a\\u0000b"}',
    "surrogate": b'{"enc_key":"\\ud800"}', "cut": b'{"enc_key":', "empty-key": b'{"":1}',
    "huge-number": b'{"port":' + b"9" * 30000 + b"}",
    "infinity": b'{"enc_key":Infinity}', "blank": b" " * 40000,
}


@acts("json", JSON_JUNK)
def json_junk(stage, raw):
    for where in ("c", "k"):
        stage.fire(msgpack.packb({"v": 2, where: raw}))
    stage.send(c=raw, size=0)


@act("twice-json")
def twice_json(stage, _):
    text = json.dumps(stage.stranger_keys())
    stage.fire(wire.pack_map(c=('{"enc_key":"-",' + text[1:]).encode(), size=stage.node.size))


# ---- maps of a stranger, in clear ----

GOOD = {"v": 2, "p": wire.compress(b"in clear"), "c": b"", "g": b""}
MAPS = {
    "clear-text": msgpack.packb(GOOD), "trailing": msgpack.packb(GOOD) + b"x", "array": msgpack.packb([2, GOOD["p"]]),
    "bin-keys": msgpack.packb({k.encode(): v for k, v in GOOD.items()}), "v-3": msgpack.packb({**GOOD, "v": 3}),
    "p-text": msgpack.packb({**GOOD, "p": "text"}), "v-text": msgpack.packb({**GOOD, "v": "2"}),
    "float-v": msgpack.packb({**GOOD, "v": 2.0}), "deep-array": b"\x91" * 45000, "deep-map": b"\x81\xa1v" * 15000,
    "deep-in-value": b"\x82\xa1v\x02\xa1x" + b"\x91" * 45000,
    "deep-closed": b"\x82\xa1v\x02\xa1x" + b"\x91" * 45000 + b"\x01",
    "array32": b"\xdd\xff\xff\xff\xff", "map32": b"\xdf\xff\xff\xff\xff",
    "bin32": b"\x82\xa1v\x02\xa1p\xc6\xff\xff\xff\xff",
    "str32": b"\x82\xa1v\x02\xa1p\xdb\xff\xff\xff\xff", "array16-nested": b"\xdc\xff\xff" * 15000,
    "map32-nested": b"\xdf\xff\xff\xff\xff\x01" * 7000,
    "ext": b"\x82\xa1v\x02\xa1p\xc9\xff\xff\xff\xff\x01", "never-used": b"\xc1", "empty": b"", "many-keys":
    msgpack.packb({"k%d" % i: i for i in range(4000)}), "same-key": b"\x84" + (b"\xa1v\x02" * 4), "nil": b"\xc0",
}


@acts("map", MAPS)
def map_junk(stage, data):
    stage.fire(data)
    stage.send_plain(data)


@act("bytes-one")
def bytes_one(stage, _):
    for i in range(256):
        stage.fire(bytes([i]))


@act("bytes-random")
def bytes_random(stage, _):
    r = random.Random(7)
    for n in (1, 23, 24, 39, 40, 41, 63, 64, 65, 1394, 1458, 1459, 9000):
        for _ in range(4):
            stage.fire(r.randbytes(n))
            stage.transmit(r.randbytes(n))


@act("bytes-large")
def bytes_large(stage, _):
    for n in (47999, 48000, 48001, 65507):
        stage.fire(bytes(n))
        stage.fire(msgpack.packb({"v": 2, "c": bytes(n - 20)}))
        stage.transmit(bytes(n))


# ---- boxes of the peer ----

@acts("time", {"nan": float("nan"), "inf": float("inf"), "minus-inf": float("-inf"), "zero": 0.0, "minus": -1e300,
    "huge": 1e300,
               "tiny": 5e-324})
def box_time(stage, when):
    stage.send(now=when)


@acts("time", {"old": -3600, "future": 3600})
def box_shifted(stage, by):
    stage.send(now=stage.node.clock() + by)


@acts("s", {"none": None, "float": 1.5, "negative": -1, "text": "1", "bin": b"12345678", "true": True, "list": [1],
    "float-whole": 1e6})
def box_sequence(stage, s):
    stage.send(s=s)


@act("s-same")
def box_same(stage, _):
    """Fresh nonces, an old number."""
    n = stage.peer.next["messages"] - 1
    stage.send(s=n)
    stage.send(s=0)


@acts("d", {"none": None, "other": "other", "2": 2, "text": "0", "bin": b"", "list": [0], "256": 256, "negative": -1})
def box_direction(stage, d):
    if d == "other":
        d = 1 if stage.node.sign.public < stage.peer.sign else 0
    stage.send(d=d)


@act("box-replayed")
def box_replayed(stage, _):
    data = stage.last_said
    stage.transmit(data)
    stage.transmit(data)
    stage.fire(data)


@act("box-reflected")
def box_reflected(stage, _):
    """The tool's own boxes, from the peer's address and from elsewhere."""
    for data in stage.boxes_from_tool[-20:]:
        stage.transmit(data)
        stage.fire(data)


@act("box-short")
def box_short(stage, _):
    own = stage.peer.own
    for n in (0, 1, 23):
        inner, outer = own.nonces()
        data = wire.seal(b"", stage.shared(), 0, inner, outer)
        stage.transmit(data[:40 + n])
        stage.transmit(outer + wire.bindings.crypto_box_afternm(bytes(n), outer, stage.shared()))


@acts("p", {"raw": b"not zstd", "cut": wire.compress(b"cut here")[:-2],
    "junk": wire.compress(b"junk follows") + b"x", "text": "text",
            "magic": b"\x28\xb5\x2f\xfd", "skippable-cut": b"\x50\x2a\x4d\x18\xff\xff\xff\xff", "map": {"a": 1},
            "number": 5})
def box_payload(stage, p):
    stage.send(p=p)


def bomb(mib):
    return zstandard.ZstdCompressor(level=19).compress(bytes(mib << 20))


@act("p-bomb", "p-bomb-nameless", "p-bomb-many", "p-bomb-window")
def box_bomb(stage, name):
    if name == "p-bomb-nameless":
        c = zstandard.ZstdCompressor(level=19, write_content_size=False).compressobj()
        stage.send(p=c.compress(bytes(32 << 20)) + c.flush(), size=0)
    elif name == "p-bomb-window":
        params = zstandard.ZstdCompressionParameters.from_level(3, window_log=27)
        stage.send(p=zstandard.ZstdCompressor(compression_params=params).compress(b"wide" * 10000000)[:40000], size=0)
    else:
        for _ in range(40 if name == "p-bomb-many" else 1):
            stage.send(p=bomb(8 if name == "p-bomb-many" else 32), size=0)


@acts("control", {
    "ping-text": {"ping": "x"}, "ping-huge": {"ping": 1 << 200}, "ping-list": {"ping": [[]]},
    "ping-float": {"ping": 1.5},
    "pong-unasked": {"pong": 12345}, "pong-text": {"pong": "x"}, "probe-huge": {"probe": 1, "size": 1 << 40},
    "probe-negative": {"probe": 1, "size": -5}, "probe-text": {"probe": 1, "size": "x"}, "probe-none": {"probe": 1},
    "probed-unasked": {"probed": 99, "size": 65000}, "probed-huge": {"probed": 1, "size": 1 << 63},
    "probed-zero": {"probed": 1, "size": 0},
    "end-text": {"end": "x"}, "end-list": {"end": [1]}, "end-nothing": {"end": {}},
    "end-negative": {"end": {"messages": -1, "bytes": -1}},
    "end-huge": {"end": {"messages": 1 << 70, "bytes": 1}}, "end-float": {"end": {"messages": 1.5, "bytes": 2.5}},
    "ended-unasked": {"ended": {"messages": 5, "bytes": 5}}, "ended-text": {"ended": "x"},
    "unknown": {"surprise": {"a": [1, 2]}},
    "nothing": {}, "all": {"ping": 1, "pong": 1, "probe": 1, "size": 5, "ended": {}}, "bye-number": {"bye": 5},
    "bye-list": {"bye": []},
})
def box_control(stage, control):
    stage.send(c=json.dumps(control).encode())


@act("control-keys-of-another")
def box_keys_of_another(stage, _):
    stage.send(c=json.dumps(stage.stranger_keys()).encode())
    stage.send(c=b"", k=json.dumps(stage.stranger_keys()).encode())
    stage.send(c=json.dumps(wire.key_fields(wire.BoxKeys().public, stage.someone, stage.stranger_port)).encode())


@act("control-keys-bad")
def box_keys_bad(stage, _):
    """The peer's own next keys, wrong in one thing each."""
    for change in CHANGED.values():
        fields = {**stage.node.key_message(stage.peer.sign), **change}
        raw = json.dumps({k: v for k, v in fields.items() if v is not None}).encode()
        stage.send(c=raw, size=max(stage.node.size, len(raw) + 100))
        stage.send(c=b"", k=raw, size=max(stage.node.size, len(raw) + 100))


@act("control-keys-low-order")
def box_keys_low_order(stage, _):
    node = stage.node
    for point in wire.LOW_ORDER:
        node.last_ts += 1
        fields = wire.native_key_fields(point, node.sign, node.port, node.last_ts, node.sid, stage.peer.sign)
        stage.send(c=json.dumps(fields).encode())


@act("box-large")
def box_large(stage, _):
    for n in (47000, 65000):
        stage.send(p=b"", size=n, x=b"unknown")


# ---- amplification ----

@act("draw-native", "draw-upstream")
def draw(stage, name):
    """One good key message, whose source could be anybody's: it may be answered, once."""
    someone, port = wire.SignKeys(), stage.stranger_port
    if name == "draw-native":
        raw = json.dumps(wire.native_key_fields(wire.BoxKeys().public, someone, port,
            int(stage.node.clock() * 1000), b"stranger")).encode()
        stage.fire(wire.pack_map(k=raw, size=stage.node.size))
    else:
        stage.fire(wire.pack_map(c=json.dumps(wire.key_fields(wire.BoxKeys().public, someone, port)).encode(),
            size=stage.node.size))
    stage.breathe(6)


# ---- floods ----

def sources(count, address):
    for i in range(count):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((address(i), 0))
        yield sock


def flood(stage, address, make, count=1000, each=5):
    socks = list(sources(count, address))
    for i in range(each):
        for n, sock in enumerate(socks):
            sock.sendto(make(stage, n, sock), stage.to)
            stage.flooded += 1
            if stage.flooded % 40 == 0:
                stage.breathe(0.002)
    for sock in socks:
        sock.close()


def garbage(stage, n, sock):
    return stage.random.randbytes(1458)


def fresh_keys(stage, n, sock):
    keys = wire.native_key_fields(wire.BoxKeys().public, wire.SignKeys(), sock.getsockname()[1],
        int(stage.node.clock() * 1000),
                                  struct.pack(">Q", n))
    return wire.pack_map(c=json.dumps(keys).encode(), size=stage.node.size)


def home(_):
    return "127.0.0.1"


def anywhere(i):
    return "127.%d.%d.%d" % (i % 200 + 2, i // 200, i % 250 + 1)


@act("flood-ports", "flood-addresses", "flood-keys", "flood-keys-addresses")
def floods(stage, name):
    flood(stage, anywhere if "addresses" in name else home, fresh_keys if "keys" in name else garbage,
        each=1 if "keys" in name else 5)
