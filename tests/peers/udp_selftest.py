#!/usr/bin/python3
"""The Vault UDP peers against each other and against a file of vectors: they have to be right before they judge.

    udp_selftest.py [VECTORS]      vectors with fixed keys of the unmodified programs
"""

import json
import os
import random
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import msgpack  # noqa: E402

import udp_native  # noqa: E402
import udp_upstream  # noqa: E402
import udp_wire as wire  # noqa: E402
from udp_wire import Bad  # noqa: E402

PASSED = FAILED = 0
SLOW = float(os.environ.get("VT_SLOW") or 1)
HOME = "127.0.0.1"


def check(what, good):
    global PASSED, FAILED
    if good:
        PASSED += 1
    else:
        FAILED += 1
        print("FAILED: %s" % what)


def refused(what, call, *args):
    try:
        call(*args)
    except Bad:
        check(what, True)
    else:
        check(what, False)


# ---- nodes in this process ----

class Heard(list):
    """Instead of a file for what was received."""

    def write(self, line):
        self.append(line.rstrip(b"\n"))


def upstream(cls=udp_upstream.Upstream, *options):
    args = udp_upstream.options().parse_args(["--bind", HOME, *options])
    return prepared(cls(args, commands=False))


def native(*options):
    args = udp_native.options().parse_args(["--bind", HOME, *options])
    args.strict_order = True
    return prepared(udp_native.Native(args, commands=False))


def prepared(node):
    node.sink = Heard()
    return node


def run(nodes, seconds, until):
    end = time.monotonic() + seconds * SLOW
    while not until():
        if time.monotonic() > end:
            return False
        for n in nodes:
            n.step(0.002)
    return True


def let(nodes, seconds):
    run(nodes, seconds / SLOW, lambda: False)


def meet(a, b, seconds=10):
    """b knows where a is; True when both have said that it works."""
    b.add_peer(HOME, a.port)
    return run([a, b], seconds, lambda: all(n.peers and all(p.open for p in n.peers.values()) for n in (a, b)))


def close(*nodes):
    for n in nodes:
        for name in ("sock", "inbox", "outbox"):
            if hasattr(n, name):
                getattr(n, name).close()


# ---- vectors ----

def vectors(path):
    with open(path, encoding="utf-8") as f:
        v = json.load(f)["udp_v2"]
    raw = {k: bytes.fromhex(x) for k, x in v.items() if isinstance(x, str) and k not in ("key_json", "text")}
    a, b = wire.BoxKeys(raw["a_enc_priv"]), wire.BoxKeys(raw["b_enc_priv"])
    sign = wire.SignKeys(raw["a_sign_seed"])
    check("vector: public keys", (a.public, b.public, sign.public) ==
          (raw["a_enc_pub"], raw["b_enc_pub"], raw["a_sign_pub"]))
    fields = wire.key_fields(a.public, sign, 11000)
    check("vector: key message", json.dumps(fields) == v["key_json"])
    wire.check_keys(fields)
    g = wire.unpack_map(raw["key_datagram_plain"])["g"]
    check("vector: its datagram", wire.pack_map(c=v["key_json"].encode(), size=v["mtu"], fill=lambda n: g[:n]) ==
          raw["key_datagram_plain"])
    check("vector: level and frame of the text", wire.compress(v["text"].encode()) == raw["zstd"])
    g = wire.unpack_map(raw["inner"])["g"]
    inner = wire.pack_map(p=raw["zstd"], size=v["mtu"], fill=lambda n: g[:n])
    check("vector: map", inner == raw["inner"])
    shared = wire.shared_of(b.public, a.secret)
    check("vector: datagram", wire.seal(inner, shared, v["timestamp"], raw["inner_nonce"], raw["box_nonce"]) ==
          raw["datagram_a_to_b"])
    nonce, when, plain = wire.unseal(raw["datagram_a_to_b"], wire.shared_of(a.public, b.secret))
    check("vector: opened", (nonce, when, plain) == (raw["inner_nonce"], v["timestamp"], raw["inner"]))
    check("vector: text", wire.decompress(wire.unpack_map(plain)["p"]) == v["text"].encode())


# ---- wire ----

def wire_rules():
    for n in (0, 1, 200, 255, 256, 257, 1000, 1376):
        size = len(wire.pack_map(p=bytes(n), size=1393))
        check("a map with %d bytes is padded" % n, size in (1393, 1394))
    refused("a map too large", lambda: wire.pack_map(p=bytes(1400), size=1393))
    good = {"v": 2, "p": b"", "c": b""}
    for what, thing in (("array", [1]), ("p as str", {**good, "p": "x"}), ("v 1", {**good, "v": 1}),
                        ("v '2'", {**good, "v": "2"}), ("bin keys", {b"v": 2}), ("int", 5)):
        refused("map: " + what, wire.unpack_map, msgpack.packb(thing))
    refused("map: trailing bytes", wire.unpack_map, msgpack.packb(good) + b"x")
    check("map: 2.0, more keys, none of p, c, g", wire.unpack_map(msgpack.packb({"x": 1, "v": 2.0})))
    z = wire.compress(b"hello")
    check("zstd: several frames, skippable ones",
        wire.decompress(z + b"\x50\x2a\x4d\x18\2\0\0\0ab" + z) == b"hellohello")
    check("zstd: a frame of nothing", wire.decompress(wire.compress(b"")) == b"")
    for what, data in (("junk behind", z + b"x"), ("cut", z[:-1]), ("raw", b"hello")):
        refused("zstd: " + what, wire.decompress, data)
    refused("zstd: bomb", wire.decompress, wire.compress(bytes(wire.MAX_TEXT + 1)))
    key_rules()


def key_rules():
    box, sign = wire.BoxKeys(), wire.SignKeys()
    fields = wire.native_key_fields(box.public, sign, 1500, 1700000000000, b"12345678", b"", ["a", "b"])
    check("keys", wire.check_keys(fields) == (box.public, sign.public))
    check("native keys", wire.check_native(fields) == (1700000000000, b"12345678", b"", ["a", "b"]))
    for key, value in (("port", 1501), ("ts", 1700000000001), ("sid", wire.b64(b"12345679")), ("caps", ["a"]),
                       ("to", wire.b64(bytes(31) + b"\1")), ("sig2", wire.b64(bytes(64))), ("ts", 1.5), ("caps",
                           "a,b")):
        refused("native keys with another %s" % key, wire.check_native, {**fields, key: value})
    other = wire.SignKeys()
    for what, more in (("nothing", {"signature": None}), ("junk", {"signature": "!"}),
                       ("a detached signature", {"signature": wire.b64(bytes(64))}),
                       ("other text", {"signature": wire.b64(sign.sign_whole(b"hello"))}),
                       ("other keys", {"sign_key": wire.b64(other.public)}), ("31 bytes",
                           {"enc_key": wire.b64(bytes(31))}),
                       ("port as text", {"port": "1500"})):
        refused("keys: " + what, wire.check_keys, {**fields, **more})
    for point in wire.LOW_ORDER:
        refused("keys: low order", wire.check_keys, wire.key_fields(point, sign, 1500))
    check("a NaN is not fresh", not wire.fresh(float("nan"), 1, 60, 60))


# ---- upstream's habits ----

def upstream_habits():
    a, b = upstream(), upstream()
    # Only b adds a: it is what hears the first clear key message that encrypts, and is never heard.
    b.add_peer(HOME, a.port)
    run([a, b], 5, lambda: a.knows(b.box.public))
    a.add_peer(HOME, b.port)
    for i in range(6):
        a.say(b"from a %d" % i)
        b.say(b"from b %d" % i)
    let([a, b], 0.5)
    check("upstream: one way is heard, in clear", len(a.sink) == 6 and a.counts["clear"] == 6)
    check("upstream: the other way never is", len(b.sink) == 0 and a.counts["sent boxed"] > 6)
    check("upstream: the one that answered in a box is not known", not b.keys)
    close(a, b)
    a = upstream(udp_upstream.Upstream, "--scale", "100")
    b = upstream()
    b.add_peer(HOME, a.port)
    run([a, b], 5, lambda: a.knows(b.box.public))
    check("upstream: a key expires", run([a], 5, lambda: not a.keys) and a.counts["expired"] == 1)
    close(a, b)
    upstream_limits()


def upstream_limits():
    a = upstream()
    sock = udp_upstream.bind_udp(HOME, 0)
    sent = 0
    for _ in range(150):
        sock.sendto(wire.pack_map(p=wire.compress(b"x")), (HOME, a.port))
        sent += 1
    run([a], 5, lambda: a.counts["datagrams"] == sent)
    check("upstream: 100 a second", len(a.sink) == 100)
    # Somebody who knows a key of upstream's and sends from the port that it is known under.
    mine = wire.BoxKeys()
    fields = wire.key_fields(mine.public, wire.SignKeys(), sock.getsockname()[1])
    other = udp_upstream.bind_udp(HOME, 0)
    other.sendto(wire.pack_map(c=json.dumps(fields).encode()), (HOME, a.port))
    run([a], 5, lambda: a.keys)
    a.recent.clear()
    shared, before = wire.shared_of(a.box.public, mine.secret), len(a.sink)
    plain = wire.pack_map(p=wire.compress(b"boxed"))
    good = wire.seal(plain, shared, a.clock() - 1)
    for data in (good, good, wire.seal(plain, shared, a.clock() + 30), wire.seal(plain, shared, a.clock() - 61),
                 wire.seal(plain, shared, float("nan"))):
        sock.sendto(data, (HOME, a.port))
    run([a], 5, lambda: a.counts["datagrams"] == sent + 6)
    check("upstream: a replay, the future and the past are dropped, a NaN is not", len(a.sink) - before == 2)
    other.sendto(wire.pack_map(c=b'{"enc_key":"-","port":%d}' % sock.getsockname()[1]), (HOME, a.port))
    run([a], 5, lambda: a.counts["datagrams"] == sent + 7)
    a.peers.append((HOME, sock.getsockname()[1]))
    clear = a.counts["sent clear"]
    a.say(b"secret")
    check("upstream: with an unusable key it sends in clear", a.counts["sent clear"] == clear + 1)
    close(a, sock, other)
    sock.close()
    other.close()


def v1_habits():
    a, b = upstream(udp_upstream.UpstreamV1, "--v1"), upstream(udp_upstream.UpstreamV1, "--v1")
    a.add_peer(HOME, b.port)
    b.add_peer(HOME, a.port)
    run([a, b], 5, lambda: a.knows(b.box.public) and b.knows(a.box.public))
    for i in range(6):
        a.say(b"from a %d" % i)
        b.say(b"from b %d" % i)
    a.say(b"123")
    run([a, b], 5, lambda: b.counts["lost as JSON"] or b.counts["drop: lost as JSON"])
    check("v1: sealed both ways", len(a.sink) == len(b.sink) == 6 and not a.counts["clear"] and not b.counts["clear"])
    check("v1: text that is JSON is lost", b.counts["drop: lost as JSON"] == 1)
    two = upstream()
    two.add_peer(HOME, a.port)
    two.say(b"hello")
    let([a, two], 0.3)
    check("v1: does not read v2", not any(b"hello" in m for m in a.sink) and not a.knows(two.box.public))
    close(a, b, two)


# ---- native ----

def native_pairs():
    for hello in ("c", "k"):
        a, b = native("--hello", hello), native("--hello", hello)
        check("native: they meet", meet(a, b))
        for i in range(200):
            a.say(b"a%d" % i)
            b.say(b"b%d" % i)
        run([a, b], 5, lambda: len(a.sink) == len(b.sink) == 200)
        check("native: all arrives",
            a.sink == [b"b%d" % i for i in range(200)] and b.sink == [b"a%d" % i for i in range(200)])
        check("native: no violations",
            not a.counts["violation"] and not b.counts["violation"] and not a.counts["clear"])
        native_replay(a, b)
        b.move()
        b.say(b"moved")
        check("native: roams", run([a, b], 5, lambda: a.sink[-1] == b"moved") and a.counts["roamed"] == 1)
        b.end()
        check("native: end", run([a, b], 5, lambda: b.counts["ended"]))
        close(a, b)
    a, b = native("--scale", "60"), native("--scale", "60")
    meet(a, b)
    for i in range(120):
        a.say(b"x%d" % i)
        b.say(b"x%d" % i)
        let([a, b], 0.03)
    check("native: through many keys nothing is lost", run([a, b], 5, lambda: len(a.sink) == len(b.sink) == 120))
    check("native: and there were many", a.counts["rekeyed"] >= 3)
    b.renew()
    check("native: a restart is found", run([a, b], 20, lambda: any(p.open for p in b.peers.values())))
    close(a, b)
    native_refusals()


def native_replay(a, b):
    """What a has opened, from its peer again, from elsewhere, and back to its peer."""
    data, source, _ = a.last
    drops = a.counts["drop: replay"]
    b.transmit(data, (HOME, a.port))
    check("native: replay", run([a, b], 5, lambda: a.counts["drop: replay"] == drops + 1))
    a.transmit(data, source)
    check("native: reflection", run([a, b], 5, lambda: b.counts["drop: direction"] == 1))


def native_refusals():
    a, b = native(), native("--pin", native().key)
    a.add_peer(HOME, b.port)
    check("native: pinned", run([a, b], 5, lambda: b.counts["refused"]) and not b.peers)
    old = a.key_message()
    c = native()
    a.send_clear((HOME, c.port), "c", old)
    run([a, c], 5, lambda: c.peers)
    let([a, c], 0.3)
    before = dict(c.counts)
    a.send_clear((HOME, c.port), "c", old)
    check("native: an old key message", run([a, c], 5, lambda: c.counts["drop: key message: not newer"] == 1))
    check("native: changes nothing", c.counts["keys"] == before["keys"])
    close(a, b, c)


def compatible():
    """What is said about a compatible peer holds: all of it boxed, both ways, over several lifetimes."""
    u, n = upstream(udp_upstream.Upstream, "--scale", "40"), native("--upstream", "--scale", "40")
    u.add_peer(HOME, n.port)
    n.add_peer(HOME, u.port)
    check("compatible: keys", run([u, n], 10,
        lambda: u.knows(n.own[0].box.public) and any(p.open for p in n.peers.values())))
    for i in range(60):
        u.say(b"u%d" % i)
        n.say(b"n%d" % i)
        let([u, n], 0.08)
    check("compatible: all arrived", run([u, n], 5, lambda: len(u.sink) == len(n.sink) == 60))
    check("compatible: all boxed", u.counts["boxed"] == n.counts["boxed"] == 60 and not u.counts["expired"])
    u.renew()
    u.say(b"after the restart")
    check("compatible: the other side's restart", run([u, n], 10, lambda: u.knows(n.own[0].box.public)))
    close(u, n)


def main():
    random.seed(1)
    if len(sys.argv) > 1:
        vectors(sys.argv[1])
    wire_rules()
    upstream_habits()
    v1_habits()
    native_pairs()
    compatible()
    print("%d passed, %d failed, 0 skipped" % (PASSED, FAILED))
    return 1 if FAILED else 0


if __name__ == "__main__":
    sys.exit(main())
