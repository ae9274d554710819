#!/usr/bin/python3
"""Write tests/vectors/noise-own.json: Noise vectors in the cacophony form, made by noise_ref.py.

    make_noise_vectors.py > noise-own.json
    make_noise_vectors.py --constants       what test_noise.c quotes

Everything comes from a fixed seed, so a second run writes the same file. Every pattern appears,
with and without psk modifiers, and every combination of DH, cipher and hash several times.
"""

import hashlib
import itertools
import json
import sys

from noise_ref import CIPHERS, DHS, HASHES, PATTERNS, CipherState, Handshake, Name, public_of

SEED = b"vault-tools noise vectors 1"
MULTI = {
    "N": ["psk0+psk1"],
    "NN": ["psk0+psk1", "psk1+psk2", "psk0+psk1+psk2"],
    "XX": ["psk0+psk3", "psk1+psk2", "psk0+psk1+psk2+psk3"],
    "IK": ["psk0+psk1", "psk1+psk2"],
    "KX": ["psk0+psk2"],
    "X1X1": ["psk0+psk4", "psk1+psk3", "psk0+psk1+psk2+psk3+psk4"],
    "I1K1": ["psk1+psk3"],
}


class Stream:
    """Bytes from a label, always the same."""

    def __init__(self, label):
        self._label, self._count = label.encode(), 0

    def __call__(self, n):
        self._count += 1
        seed = SEED + b"|" + self._label + b"|%d" % self._count
        return hashlib.shake_256(seed).digest(n)


def names():
    """Each pattern bare and with every single psk; then several psks."""
    shapes = []
    for base in PATTERNS:
        count = len(Name("Noise_%s_25519_AESGCM_SHA256" % base).messages)
        shapes += [base] + ["%spsk%d" % (base, i) for i in range(count + 1)]
    for base, modifiers in MULTI.items():
        shapes += [base + m for m in modifiers]
    suites = itertools.cycle(itertools.product(HASHES, DHS, CIPHERS))
    return ["Noise_%s_%s" % (shape, "_".join((dh, cipher, hash_)))
            for shape, (hash_, dh, cipher) in zip(shapes, suites)]


def needs_remote(name, initiator):
    return ("<" if initiator else ">") in name.pre


def uses_static(name, side):
    return side in name.pre or any("s" in tokens for at, tokens in name.messages if at == side)


def make_side(prefix, name, secrets, random):
    initiator = prefix == "init_"
    side, other = (">", "<") if initiator else ("<", ">")
    fields = {"prologue": random(5 + len(name.name) % 7), "psks": None}
    if uses_static(name, side):
        fields["static"] = secrets[side]
    if any(at == side for at, _ in name.messages):
        fields["ephemeral"] = random(DHS[name.dh].size)
    if needs_remote(name, initiator):
        fields["remote_static"] = public_of(name.dh, secrets[other])
    return fields


def store(v, prefix, fields):
    for field, value in fields.items():
        if field == "psks":
            v[prefix + field] = [x.hex() for x in value]
        else:
            v[prefix + field] = value.hex()


def start(name, initiator, fields):
    return Handshake(name, initiator, prologue=fields["prologue"], s=fields.get("static"),
                     rs=fields.get("remote_static"), e=fields.get("ephemeral"),
                     psks=fields["psks"])


def make_vector(text):
    random, name = Stream(text), Name(text)
    secrets = {side: random(DHS[name.dh].size) for side in "><"}
    psks = [random(32) for _ in name.psks]
    sides = {}
    v = {"protocol_name": text}
    for prefix in ("init_", "resp_"):
        sides[prefix] = make_side(prefix, name, secrets, random)
        sides[prefix]["psks"] = psks
    sides["resp_"]["prologue"] = sides["init_"]["prologue"]
    for prefix, fields in sides.items():
        store(v, prefix, fields)
    initiator = start(name, True, sides["init_"])
    responder = start(name, False, sides["resp_"])
    messages = []
    while not initiator.done:
        a, b = (initiator, responder) if initiator.my_turn else (responder, initiator)
        payload = random(len(messages) * 3 % 8)
        wire = a.write_message(payload)
        if b.read_message(wire) != payload:
            raise SystemExit("%s: the two sides differ" % text)
        messages.append((payload, wire))
    v["handshake_hash"] = initiator.handshake_hash.hex()
    (tx, rx), (back, forth) = initiator.split(), responder.split()
    for _ in range(2):
        to_responder = rx is None or len(messages) % 2 == 0
        payload = random(4)
        wire = (tx if to_responder else back).encrypt(payload)
        if (forth if to_responder else rx).decrypt(wire) != payload:
            raise SystemExit("%s: the two sides differ" % text)
        messages.append((payload, wire))
    v["messages"] = [{"payload": p.hex(), "ciphertext": c.hex()} for p, c in messages]
    return v


def constants():
    """Rekey: the key is 00 01 .. 1f; two records, rekey, two records; the counter goes on."""
    for cipher in CIPHERS:
        c = CipherState(cipher)
        c.initialize_key(bytes(range(32)))
        for i in range(4):
            if i == 2:
                c.rekey()
            print(cipher, i, c.encrypt(b"record %d" % i).hex())


def main():
    if sys.argv[1:] == ["--constants"]:
        return constants()
    vectors = [make_vector(name) for name in names()]
    print('{"vectors":[')
    print(",\n".join(json.dumps(v, separators=(",", ":")) for v in vectors))
    print("]}")


if __name__ == "__main__":
    main()
