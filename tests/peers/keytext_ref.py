#!/usr/bin/env python3
"""Keys as text, a second time and from the specifications alone (RFC 8032, RFC 7748, vault/1 section 0).

    keytext_ref.py > tests/vectors/keytext.json     make the vectors
    keytext_ref.py --check FILE                     say whether FILE is what would be made

Uses the standard library only, so that it shares no code with libsodium.
"""

import base64
import hashlib
import json
import sys

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)  # of -1


def recover_x(y, sign):
    """The x of a point, or None if there is none."""
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    return P - x if x & 1 != sign else x


def add(a, b):
    (x1, y1), (x2, y2) = a, b
    t = D * x1 * x2 * y1 * y2
    x = (x1 * y2 + x2 * y1) * pow(1 + t, P - 2, P) % P
    y = (y1 * y2 + x1 * x2) * pow(1 - t, P - 2, P) % P
    return x, y


def multiply(n, point):
    result = (0, 1)
    while n:
        if n & 1:
            result = add(result, point)
        point = add(point, point)
        n >>= 1
    return result


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE = (recover_x(BASE_Y, 0), BASE_Y)


def encode_point(point):
    x, y = point
    return (y | (x & 1) << 255).to_bytes(32, "little")


def clamp(secret):
    n = int.from_bytes(secret, "little")
    return (n & ~7 & (2**255 - 1)) | 2**254


def montgomery(y):
    return (1 + y) * pow(1 - y, P - 2, P) % P


def identity(seed):
    """All that follows from a seed."""
    scalar = clamp(hashlib.sha512(seed).digest()[:32])
    point = multiply(scalar, BASE)
    return {
        "seed": seed,
        "ed25519_public": encode_point(point),
        "x25519_secret": scalar.to_bytes(32, "little"),
        "x25519_public": montgomery(point[1]).to_bytes(32, "little"),
    }


def body(form, key, checksum_of=None):
    digest = hashlib.blake2b((checksum_of or form).encode() + key, digest_size=32).digest()
    return base64.urlsafe_b64encode(key + digest[:3]).decode().rstrip("=")


def text(form, key, checksum_of=None):
    return form + body(form, key, checksum_of)


def fingerprint(x25519_public):
    digest = hashlib.blake2b(b"vault-tools fingerprint" + x25519_public, digest_size=32).digest()
    letters = base64.b32encode(digest[:15]).decode().lower()
    return "-".join(letters[i : i + 4] for i in range(0, 24, 4))


def number(n):
    return n.to_bytes(32, "little")


def seeds():
    yield bytes(range(32))
    yield bytes([255] * 32)
    yield bytes([0] * 31 + [1])
    for i in range(13):
        yield hashlib.sha256(b"keytext vector %d" % i).digest()


def torsion():
    """The eight points whose order divides 8."""
    for y in range(2, 1000):
        x = recover_x(y, 0)
        if x is None:
            continue
        generator = multiply(L, (x, y))
        points = [multiply(i, generator) for i in range(8)]
        if len(set(points)) == 8:
            return points
    raise AssertionError("no point of order 8")


def off_curve():
    return next(y for y in range(2, 100) if recover_x(y, 0) is None)


def bad_points():
    """Keys whose text is in order and that must be refused all the same."""
    small = torsion()
    for point in small:
        yield "vk1", encode_point(point), "Ed25519, order divides 8"
        if point != (0, 1):
            yield "vx1", number(montgomery(point[1])), "X25519, order divides 8"
    yield "vk1", encode_point(add(multiply(12345, BASE), small[1])), "Ed25519, not in the prime-order group"
    yield "vk1", number(off_curve()), "Ed25519, not on the curve"
    for y in range(P, 2**255):
        yield "vk1", number(y), "Ed25519, not below p"
        yield "vx1", number(y), "X25519, not below p"
    nine = number(9)
    yield "vx1", nine[:31] + bytes([nine[31] | 0x80]), "X25519, bit 255 set"
    for n in (0, 1, P - 1):
        yield "vx1", number(n), "X25519, low order"


def bad_texts(good):
    vk, vs, vx = good["vk1"], good["vs1"], good["vx1"]
    key = good["ed25519_public"]
    yield "", "form", "empty"
    yield "v", "form", "cut prefix"
    yield "vk", "form", "cut prefix"
    yield "vz1" + vk[3:], "form", "unknown form"
    yield "vk2" + vk[3:], "form", "unknown version"
    yield "VK1" + vk[3:], "form", "capital prefix"
    yield " " + vk, "form", "leading blank"
    yield vk[3:], "form", "no prefix"
    yield "vxk1" + vk[3:], "form", "unknown form"
    yield "vk1", "length", "prefix only"
    yield vk[:-1], "length", "a character is missing"
    yield vk + "A", "length", "a character too many"
    yield vk + vk[3:], "length", "twice"
    yield vk + "=", "encoding", "padding"
    yield vk + " ", "encoding", "trailing blank"
    yield vk + "\n", "encoding", "trailing newline"
    yield vk + " comment", "encoding", "trailing words"
    yield vk[:10] + "+" + vk[11:], "encoding", "a character of plain base64"
    yield vk[:10] + "/" + vk[11:], "encoding", "a character of plain base64"
    yield vk[:10] + "\u00e9" + vk[12:], "encoding", "not ASCII"
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = alphabet.index(vk[-1])
    for spare in (1, 2, 3):
        yield vk[:-1] + alphabet[last | spare], "encoding", "spare bits are not zero"
    for at in (3, 20, 45, 48):
        other = "A" if vk[at] != "A" else "B"
        yield vk[:at] + other + vk[at + 1 :], "checksum", "a character changed"
    yield vk[:20] + vk[21] + vk[20] + vk[22:], "checksum", "two characters swapped"
    yield "vs1" + vk[3:], "checksum", "another form's text"
    yield "vx1" + vk[3:], "checksum", "another form's text"
    yield "vk1" + vs[3:], "checksum", "another form's text"
    yield "vxs1" + vx[3:], "checksum", "another form's text"
    yield text("vk1", key, "vk"), "checksum", "checksum over a shorter form"


def make():
    identities = []
    for seed in seeds():
        facts = identity(seed)
        entry = {name: value.hex() for name, value in facts.items()}
        entry["vs1"] = text("vs1", seed)
        entry["vk1"] = text("vk1", facts["ed25519_public"])
        entry["vxs1"] = text("vxs1", facts["x25519_secret"])
        entry["vx1"] = text("vx1", facts["x25519_public"])
        entry["fingerprint"] = fingerprint(facts["x25519_public"])
        identities.append(entry)
    psks = [{"bytes": seed.hex(), "vp1": text("vp1", seed)} for seed in seeds()]
    first = dict(identities[3], ed25519_public=bytes.fromhex(identities[3]["ed25519_public"]))
    bad = [{"text": t, "error": e, "why": w} for t, e, w in bad_texts(first)]
    bad += [{"text": text(form, key), "error": "key", "why": why} for form, key, why in bad_points()]
    return {"made_by": "tests/peers/keytext_ref.py", "identities": identities, "psks": psks, "bad": bad}


def main():
    made = json.dumps(make(), indent=1) + "\n"
    if sys.argv[1:2] == ["--check"] and len(sys.argv) == 3:
        with open(sys.argv[2], encoding="ascii") as file:
            sys.exit(0 if file.read() == made else f"{sys.argv[2]} is not what {sys.argv[0]} makes")
    if sys.argv[1:]:
        sys.exit(__doc__)
    sys.stdout.write(made)


if __name__ == "__main__":
    main()
