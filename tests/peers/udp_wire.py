"""The bytes of Vault UDP, for tests: maps, boxes, key messages; v2, its native extension, and v1's sealed boxes.

Written from a description of the wire on PyNaCl, msgpack and zstandard, not from lib/proto. What is wrong in what
arrives raises Bad with the reason; the peers decide what that means.
"""

import base64
import binascii
import json
import math
import os
import struct

import msgpack
import zstandard
from nacl import bindings
from nacl.exceptions import CryptoError

BOX = 24 + 16           # nonce, tag
INNER = 16 + 8          # nonce, time
OVERHEAD = 107          # MTU of the network less the size of a map
OVERHEAD_V1 = 10
KEY_CONTEXT = b"vault-udp key 2\0"
MAX_TEXT = 1 << 20

# Points of low order: no key agreement with them is secret.
LOW_ORDER = [
    bytes(32),
    b"\1" + bytes(31),
    bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    bytes.fromhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    bytes.fromhex("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    bytes.fromhex("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
]


class Bad(Exception):
    """What arrived is not acceptable: why."""


# ---- small things ----

def b64(data):
    return base64.b64encode(data).decode()


def unb64(text, size=None):
    if not isinstance(text, str):
        raise Bad("base64 that is no string")
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as e:
        raise Bad("not base64") from e
    if size is not None and len(data) != size:
        raise Bad("%d bytes, not %d" % (len(data), size))
    return data


def compress(text, level=16):
    return zstandard.ZstdCompressor(level=level, write_checksum=False).compress(text)


def decompress(data):
    """All frames, skippable ones too; nothing may be left over or missing."""
    out = b""
    while data:
        if len(data) >= 8 and data[1:4] == b"\x2a\x4d\x18" and data[0] & 0xf0 == 0x50:
            size = struct.unpack("<I", data[4:8])[0]
            if len(data) < 8 + size:
                raise Bad("a skippable frame is cut")
            data = data[8 + size:]
            continue
        frame = zstandard.ZstdDecompressor().decompressobj()
        try:
            out += frame.decompress(data)
        except zstandard.ZstdError as e:
            raise Bad("not zstd") from e
        if not frame.eof:
            raise Bad("a zstd frame is cut")
        if len(out) > MAX_TEXT:
            raise Bad("too large when unpacked")
        data = frame.unused_data
    return out


# ---- map ----

def pack_map(p=b"", c=b"", size=0, fill=os.urandom, **more):
    """The map, padded to size as upstream does: one byte more where the padding needs a longer header."""
    fields = {"v": 2, "p": p, "c": c, "g": b"", **more}
    length = len(msgpack.packb(fields))
    if size and length > size:
        raise Bad("too large: %d bytes, %d fit" % (length, size))
    fields["g"] = fill(max(0, size - length))
    return msgpack.packb(fields)


def unpack_map(data):
    """As upstream takes it: any order, more keys, no p or c or g; not what is only similar."""
    try:
        fields = msgpack.unpackb(data, raw=False)
    except Exception as e:  # msgpack raises a dozen kinds
        raise Bad("not msgpack") from e
    if not isinstance(fields, dict):
        raise Bad("not a map")
    if fields.get("v") != 2 or isinstance(fields.get("v"), bool):
        raise Bad("not version 2")
    for key in ("p", "c"):
        if not isinstance(fields.get(key, b""), bytes):
            raise Bad("%s is not binary" % key)
    return fields


def control_of(raw):
    try:
        control = json.loads(raw.decode())
    except (ValueError, RecursionError) as e:
        raise Bad("the control is not JSON") from e
    if not isinstance(control, dict):
        raise Bad("the control is not an object")
    return control


# ---- box ----

def shared_of(public, secret):
    try:
        return bindings.crypto_box_beforenm(public, secret)
    except (CryptoError, TypeError, ValueError) as e:
        raise Bad("no key agreement with that") from e


def seal(plain, shared, now, inner=None, nonce=None):
    """inner: 16 bytes; now may be any float, even NaN."""
    inner = os.urandom(16) if inner is None else inner
    nonce = os.urandom(24) if nonce is None else nonce
    return nonce + bindings.crypto_box_afternm(inner + struct.pack(">d", now) + plain, nonce, shared)


def unseal(data, shared):
    """(inner nonce, time, map bytes), or Bad."""
    if len(data) < BOX + INNER:
        raise Bad("too short for a box")
    try:
        plain = bindings.crypto_box_open_afternm(data[24:], data[:24], shared)
    except CryptoError as e:
        raise Bad("does not open") from e
    return plain[:16], struct.unpack(">d", plain[16:24])[0], plain[24:]


# ---- keys ----

class BoxKeys:
    """A pair for boxes."""

    def __init__(self, secret=None):
        self.secret = secret or os.urandom(32)
        self.public = bindings.crypto_scalarmult_base(self.secret)


class SignKeys:
    def __init__(self, seed=None):
        self.public, self.secret = bindings.crypto_sign_seed_keypair(seed or os.urandom(32))

    def sign(self, text):
        """Detached."""
        return bindings.crypto_sign(text, self.secret)[:64]

    def sign_whole(self, text):
        """The signature and the text behind it."""
        return bindings.crypto_sign(text, self.secret)


def verify_whole(blob, public):
    """The text, or Bad."""
    try:
        return bindings.crypto_sign_open(blob, public)
    except (CryptoError, TypeError, ValueError) as e:
        raise Bad("wrong signature") from e


def key_fields(enc_public, sign, port):
    """Upstream's key message."""
    enc_text, sign_text = b64(enc_public), b64(sign.public)
    return {"enc_key": enc_text, "sign_key": sign_text,
            "signature": b64(sign.sign_whole((enc_text + sign_text).encode())), "port": port}


def native_text(enc_public, sign_public, port, ts, sid, to, caps):
    """What sig2 signs."""
    return (KEY_CONTEXT + enc_public + sign_public + struct.pack(">HQ", port, ts) + sid + (to or bytes(32)) +
            ",".join(caps).encode())


def native_key_fields(enc_public, sign, port, ts, sid, to=b"", caps=("native",)):
    fields = key_fields(enc_public, sign, port)
    fields.update(ts=ts, sid=b64(sid), to=b64(to), caps=list(caps))
    fields["sig2"] = b64(sign.sign(native_text(enc_public, sign.public, port, ts, sid, to, caps)))
    return fields


def is_key_message(control):
    return "enc_key" in control


def is_native(fields):
    return "sig2" in fields


def check_keys(fields):
    """The strict rules that hold for everyone. Returns (enc_key, sign_key)."""
    enc, sign = unb64(fields.get("enc_key"), 32), unb64(fields.get("sign_key"), 32)
    text = verify_whole(unb64(fields.get("signature")), sign)
    if text != (fields["enc_key"] + fields["sign_key"]).encode():
        raise Bad("the signature is over something else")
    # Python's own X25519 does not look; with a point of low order the agreement is zero for every secret.
    if enc[:31] + bytes([enc[31] & 127]) in LOW_ORDER:
        raise Bad("a point of low order")
    if not isinstance(fields.get("port"), int) or isinstance(fields["port"], bool) or not 0 <= fields["port"] <= 65535:
        raise Bad("not a port")
    return enc, sign


def check_native(fields):
    """The rules for native peers, but those that need a clock or memory. Returns (ts, sid, to, caps)."""
    ts, caps = fields.get("ts"), fields.get("caps")
    if not isinstance(ts, int) or isinstance(ts, bool) or not 0 <= ts < 1 << 64:
        raise Bad("not a time")
    if not isinstance(caps, list) or not all(isinstance(c, str) for c in caps):
        raise Bad("caps is not a list of strings")
    sid, to = unb64(fields.get("sid"), 8), unb64(fields.get("to"))
    if len(to) not in (0, 32):
        raise Bad("to is not a key")
    enc, sign = unb64(fields["enc_key"], 32), unb64(fields["sign_key"], 32)
    text = native_text(enc, sign, fields["port"], ts, sid, to, caps)
    verify_whole(unb64(fields.get("sig2"), 64) + text, sign)
    return ts, sid, to, caps


def fresh(time_in_box, now, past, future):
    """Not NaN, not infinite, not too old, not too far in the future."""
    return math.isfinite(time_in_box) and -future <= now - time_in_box <= past


# ---- v1: an array of compressed data and padding, in a sealed box ----

def pack_v1(data, size=0):
    body = compress(data)
    length = len(msgpack.packb([body, b""]))
    if size and length > size:
        raise Bad("too large: %d bytes, %d fit" % (length, size))
    return msgpack.packb([body, os.urandom(max(0, size - length))])


def unpack_v1(data):
    try:
        parts = msgpack.unpackb(data, raw=False)
    except Exception as e:  # as above
        raise Bad("not msgpack") from e
    if not isinstance(parts, list) or not parts or not isinstance(parts[0], bytes):
        raise Bad("not an array that begins with binary")
    return decompress(parts[0])


def seal_v1(plain, public):
    try:
        return bindings.crypto_box_seal(plain, public)
    except Exception as e:  # the key may be anything
        raise Bad("cannot seal to that key") from e


def unseal_v1(data, keys):
    try:
        return bindings.crypto_box_seal_open(data, keys.public, keys.secret)
    except Exception as e:  # too short is another kind than forged
        raise Bad("does not open") from e


def key_fields_v1(public, port):
    return {"akey": b64(public), "port": port, "ign": ""}
