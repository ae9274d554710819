"""The one-time code of vault/1, written from vault-protocol(5) and the draft (CPace, ristretto255, SHA-512) alone."""

import hashlib
import hmac
import os
import struct

import ristretto_ref as group

DSI, DSI_ISK = b"CPaceRistretto255", b"CPaceRistretto255_ISK"
CI, LABEL = b"vault/1 one-time code", b"vault/1 psk of a one-time code"
KIND, SID, SHARE = 1, 16, 32


def lv(x):
    n, out = len(x), b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n]) + x


def generator(code, ci, sid):
    zeros = bytes(max(0, 128 - 1 - len(lv(code)) - len(lv(DSI))))
    return group.from_uniform(hashlib.sha512(lv(DSI) + lv(code) + lv(zeros) + lv(ci) + lv(sid)).digest())


def session_key(y, share, sid, transcript):
    """ISK, or None: the share is none."""
    point = group.decode(share)
    k = group.encode(group.multiply(y, point)) if point else bytes(32)
    if k == bytes(32):
        return None
    return hashlib.sha512(lv(DSI_ISK) + lv(sid) + lv(k) + transcript).digest()


def normal(text):
    text = "".join(c for c in text.upper() if c not in " -\r\n\t")
    return text.translate(str.maketrans("OIL", "011")).encode("ascii")


def read(path):
    with open(path, encoding="ascii") as f:
        return normal(f.readline())


class Exchange:
    """One side: ${share} goes out; finish() gives (prologue, psk) for the Noise handshake."""

    def __init__(self, code, sid):
        self.sid = sid
        self.y = int.from_bytes(os.urandom(64), "little") % group.Q
        self.share = group.encode(group.multiply(self.y, generator(code, CI, sid)))

    def finish(self, unit, share_a, share_b):
        other = share_b if self.share == share_a else share_a
        transcript = lv(share_a) + lv(b"") + lv(share_b) + lv(b"")
        isk = session_key(self.y, other, self.sid, transcript)
        if isk is None:
            return None
        name = hashlib.sha512(b"CPaceSidOutput" + transcript).digest()
        return unit + name, hmac.new(isk, LABEL, hashlib.sha512).digest()[:32]


def unit_of(head, sid, share):
    return head + struct.pack(">HB", 0, KIND) + sid + share


def selftest(vector):
    """The draft's vector, as read from the vectors' file."""
    v = {k: bytes.fromhex(x) for k, x in vector["exchange"].items()}
    point = generator(v["PRS"], v["CI"], v["sid"])
    assert group.encode(point) == v["g"]
    for own, other in (("a", "b"), ("b", "a")):
        y = int.from_bytes(v["y" + own], "little")
        assert group.encode(group.multiply(y, point)) == v["Y" + own]
        transcript = lv(v["Ya"]) + lv(v["ADa"]) + lv(v["Yb"]) + lv(v["ADb"])
        assert session_key(y, v["Y" + other], v["sid"], transcript) == v["ISK_IR"]
    for name in ("Invalid Y1", "Invalid Y2"):
        assert session_key(y, bytes.fromhex(vector["points"][name]), v["sid"], b"") is None


if __name__ == "__main__":
    import json
    import sys

    with open(sys.argv[1], encoding="ascii") as vectors:
        selftest(json.load(vectors))
    print("ok")
