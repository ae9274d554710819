#!/usr/bin/python3
"""An independent Noise Protocol Framework, revision 34, for tests.

Written from the specification, to be compared with lib/crypto; slow, and not meant for
secrets. Needs python3-cryptography and nothing else.

    from noise_ref import Handshake, keypair

    hs = Handshake("Noise_XX_25519_ChaChaPoly_BLAKE2b", initiator=True, s=secret)
    while not hs.done:
        if hs.my_turn:
            send(hs.write_message(b""))
        else:
            payload = hs.read_message(receive())
    tx, rx = hs.split()
    send(tx.encrypt(b"hello"))

Run as a program, it checks vector files in the cacophony form:  noise_ref.py FILE...
"""

import hashlib
import hmac
import os
import re
import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.x448 import X448PrivateKey, X448PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

MAX_MESSAGE = 65535
MAX_NONCE = 2**64 - 1
TAG = 16

# Sections 7.4, 7.5 and appendix 18.1: '>' initiator to responder, '<' the other way;
# what stands before '...' is known before the start.
PATTERNS = {
    "N": "< s ... > e es",
    "K": "> s < s ... > e es ss",
    "X": "< s ... > e es s ss",
    "NN": "> e < e ee",
    "NK": "< s ... > e es < e ee",
    "NX": "> e < e ee s es",
    "XN": "> e < e ee > s se",
    "XK": "< s ... > e es < e ee > s se",
    "XX": "> e < e ee s es > s se",
    "KN": "> s ... > e < e ee se",
    "KK": "> s < s ... > e es ss < e ee se",
    "KX": "> s ... > e < e ee se s es",
    "IN": "> e s < e ee se",
    "IK": "< s ... > e es s ss < e ee se",
    "IX": "> e s < e ee se s es",
    "NK1": "< s ... > e < e ee es",
    "NX1": "> e < e ee s > es",
    "X1N": "> e < e ee > s < se",
    "X1K": "< s ... > e es < e ee > s < se",
    "XK1": "< s ... > e < e ee es > s se",
    "X1K1": "< s ... > e < e ee es > s < se",
    "X1X": "> e < e ee s es > s < se",
    "XX1": "> e < e ee s > es s se",
    "X1X1": "> e < e ee s > es s < se",
    "K1N": "> s ... > e < e ee > se",
    "K1K": "> s < s ... > e es < e ee > se",
    "KK1": "> s < s ... > e < e ee se es",
    "K1K1": "> s < s ... > e < e ee es > se",
    "K1X": "> s ... > e < e ee s es > se",
    "KX1": "> s ... > e < e ee se s > es",
    "K1X1": "> s ... > e < e ee s > se es",
    "I1N": "> e s < e ee > se",
    "I1K": "< s ... > e es s < e ee > se",
    "IK1": "< s ... > e s < e ee se es",
    "I1K1": "< s ... > e s < e ee es > se",
    "I1X": "> e s < e ee s es > se",
    "IX1": "> e s < e ee se s > es",
    "I1X1": "> e s < e ee s > se es",
}
ONE_WAY = ("N", "K", "X")


class NoiseError(Exception):
    pass


class Dh25519:
    size = 32
    private, public = X25519PrivateKey, X25519PublicKey


class Dh448:
    size = 56
    private, public = X448PrivateKey, X448PublicKey


DHS = {"25519": Dh25519, "448": Dh448}
CIPHERS = {
    # name: (class, layout of the counter behind 32 zero bits)
    "ChaChaPoly": (ChaCha20Poly1305, "<Q"),
    "AESGCM": (AESGCM, ">Q"),
}
HASHES = {
    "SHA256": hashlib.sha256,
    "SHA512": hashlib.sha512,
    "BLAKE2s": hashlib.blake2s,
    "BLAKE2b": hashlib.blake2b,
}


def public_of(dh, secret):
    """The public key of a secret key, both bytes; dh is '25519' or '448'."""
    key = DHS[dh].private.from_private_bytes(secret)
    return key.public_key().public_bytes(
        serialization.Encoding.Raw, serialization.PublicFormat.Raw
    )


def keypair(dh="25519", random=os.urandom):
    """A fresh (secret, public) pair as bytes."""
    secret = random(DHS[dh].size)
    return secret, public_of(dh, secret)


def shared_of(dh, secret, public):
    key = DHS[dh].private.from_private_bytes(secret)
    try:
        out = key.exchange(DHS[dh].public.from_public_bytes(public))
    except ValueError as e:
        raise NoiseError("low-order public key") from e
    if out == bytes(len(out)):
        raise NoiseError("low-order public key")
    return out


class Name:
    """A protocol name taken apart; raises NoiseError if it is none of ours."""

    def __init__(self, name):
        parts = name.split("_")
        if len(name) > 255 or len(parts) != 5 or parts[0] != "Noise":
            raise NoiseError("not a protocol name: %r" % name)
        m = re.fullmatch(r"((?:[NKXI]1?){1,2})((?:psk[0-9])?(?:\+psk[0-9])*)", parts[1])
        if not m or m[1] not in PATTERNS or m[2].startswith("+"):
            raise NoiseError("unknown pattern: %r" % parts[1])
        self.name, self.base = name, m[1]
        self.psks = [int(x[3:]) for x in m[2].split("+")] if m[2] else []
        self.dh, self.cipher, self.hash = parts[2:]
        if self.dh not in DHS or self.cipher not in CIPHERS or self.hash not in HASHES:
            raise NoiseError("unknown algorithm: %r" % name)
        self._lay_out()

    def _lay_out(self):
        """pre: {side: tokens}; messages: [(side, [token, ...]), ...]; side '>' or '<'."""
        text = PATTERNS[self.base]
        before, found, after = text.partition(" ... ")
        if not found:
            before, after = "", text
        self.pre = {side: tokens for side, tokens in _turns(before)}
        self.messages = list(_turns(after))
        if self.psks != sorted(set(self.psks)):
            raise NoiseError("modifiers out of order: %r" % self.name)
        for i in self.psks:
            if i > len(self.messages):
                raise NoiseError("no message %d for psk%d: %r" % (i, i, self.name))
            if i == 0:
                self.messages[0][1].insert(0, "psk")
            else:
                self.messages[i - 1][1].append("psk")

    @property
    def one_way(self):
        return self.base in ONE_WAY


def _turns(text):
    for side, tokens in re.findall(r"([<>])((?: [a-z]+)+)", text):
        yield side, tokens.split()


class CipherState:
    """Section 5.1. Also the transport cipher."""

    def __init__(self, cipher):
        self._class, self._counter = CIPHERS[cipher]
        self.k, self.n = None, 0

    def initialize_key(self, key):
        self.k, self.n = key, 0

    @property
    def has_key(self):
        return self.k is not None

    def _aead(self):
        return self._class(self.k)

    def _nonce(self, n):
        return bytes(4) + struct.pack(self._counter, n)

    def _check_nonce(self):
        if self.n == MAX_NONCE:
            raise NoiseError("nonces exhausted")

    def encrypt(self, plaintext, ad=b""):
        if self.k is None:
            return plaintext
        self._check_nonce()
        out = self._aead().encrypt(self._nonce(self.n), plaintext, ad)
        self.n += 1
        return out

    def decrypt(self, ciphertext, ad=b""):
        if self.k is None:
            return ciphertext
        self._check_nonce()
        try:
            out = self._aead().decrypt(self._nonce(self.n), ciphertext, ad)
        except InvalidTag as e:
            raise NoiseError("wrong tag") from e
        self.n += 1
        return out

    def rekey(self):
        """Section 4.2, the default REKEY; n is left alone."""
        self.k = self._aead().encrypt(self._nonce(MAX_NONCE), bytes(32), b"")[:32]


class SymmetricState:
    """Section 5.2."""

    def __init__(self, name):
        self._hash = HASHES[name.hash]
        self.size = self._hash().digest_size
        self._cipher_name = name.cipher
        self.cipher = CipherState(name.cipher)
        raw = name.name.encode("ascii")
        self.h = raw.ljust(self.size, b"\0") if len(raw) <= self.size else self._hash(raw).digest()
        self.ck = self.h

    def _hkdf(self, ikm, count):
        temp = hmac.new(self.ck, ikm, self._hash).digest()
        outs, last = [], b""
        for i in range(1, count + 1):
            last = hmac.new(temp, last + bytes([i]), self._hash).digest()
            outs.append(last)
        return outs

    def mix_key(self, ikm):
        self.ck, key = self._hkdf(ikm, 2)
        self.cipher.initialize_key(key[:32])

    def mix_hash(self, data):
        self.h = self._hash(self.h + data).digest()

    def mix_key_and_hash(self, ikm):
        self.ck, extra, key = self._hkdf(ikm, 3)
        self.mix_hash(extra)
        self.cipher.initialize_key(key[:32])

    def encrypt_and_hash(self, plaintext):
        out = self.cipher.encrypt(plaintext, self.h)
        self.mix_hash(out)
        return out

    def decrypt_and_hash(self, ciphertext):
        out = self.cipher.decrypt(ciphertext, self.h)
        self.mix_hash(ciphertext)
        return out

    def split(self):
        ciphers = []
        for key in self._hkdf(b"", 2):
            cipher = CipherState(self._cipher_name)
            cipher.initialize_key(key[:32])
            ciphers.append(cipher)
        return ciphers


class Handshake:
    """Section 5.3. All keys are bytes: s, e secret; rs public; psks a list in order of use.
    e is for replaying vectors: left out, it is made from random()."""

    def __init__(self, name, initiator, prologue=b"", s=None, rs=None, e=None, psks=(),
                 random=os.urandom):
        self.protocol = name if isinstance(name, Name) else Name(name)
        p = self.protocol
        self.initiator = initiator
        self.s, self.e, self.rs, self.re = s, None, rs, None
        self._given_e, self._random = e, random
        self._psks = list(psks)
        if len(self._psks) != len(p.psks) or any(len(x) != 32 for x in self._psks):
            raise NoiseError("%d psks of 32 bytes needed" % len(p.psks))
        self._dh_size = DHS[p.dh].size
        self._symmetric = SymmetricState(p)
        self._symmetric.mix_hash(prologue)
        for side in "><":
            if side in p.pre:
                own = (side == ">") == initiator
                key = self.s_public if own else self.rs
                if key is None:
                    raise NoiseError("a key that the pattern needs is missing")
                self._symmetric.mix_hash(key)
        if not any(side in p.pre and (side == ">") != initiator for side in "><"):
            self.rs = None
        self._left = list(p.messages)

    @property
    def s_public(self):
        return None if self.s is None else public_of(self.protocol.dh, self.s)

    @property
    def done(self):
        return not self._left

    @property
    def my_turn(self):
        return bool(self._left) and (self._left[0][0] == ">") == self.initiator

    @property
    def handshake_hash(self):
        return self._symmetric.h

    @property
    def remote_static(self):
        return self.rs

    @property
    def chaining_key(self):
        return self._symmetric.ck

    def _take_turn(self, mine):
        if not self._left or self.my_turn != mine:
            raise NoiseError("not our turn")
        return self._left.pop(0)[1]

    def _dh(self, token):
        """es, se: the first letter is the initiator's key."""
        local, remote = token if self.initiator else reversed(token)
        secret = self.e if local == "e" else self.s
        public = self.re if remote == "e" else self.rs
        if secret is None or public is None:
            raise NoiseError("a key that the pattern needs is missing")
        self._symmetric.mix_key(shared_of(self.protocol.dh, secret, public))

    def _common_token(self, token):
        if token == "psk":
            self._symmetric.mix_key_and_hash(self._psks.pop(0))
        else:
            self._dh(token)

    def _mix_e(self, public):
        self._symmetric.mix_hash(public)
        if self.protocol.psks:
            self._symmetric.mix_key(public)

    def write_message(self, payload=b""):
        out = b""
        for token in self._take_turn(True):
            if token == "e":
                self.e = self._given_e or self._random(self._dh_size)
                public = public_of(self.protocol.dh, self.e)
                out += public
                self._mix_e(public)
            elif token == "s":
                if self.s is None:
                    raise NoiseError("a key that the pattern needs is missing")
                out += self._symmetric.encrypt_and_hash(self.s_public)
            else:
                self._common_token(token)
        out += self._symmetric.encrypt_and_hash(payload)
        if len(out) > MAX_MESSAGE:
            raise NoiseError("message too long")
        return out

    def read_message(self, message):
        if len(message) > MAX_MESSAGE:
            raise NoiseError("message too long")
        rest = message

        def take(size):
            nonlocal rest
            if len(rest) < size:
                raise NoiseError("message too short")
            head, rest = rest[:size], rest[size:]
            return head

        for token in self._take_turn(False):
            if token == "e":
                self.re = take(self._dh_size)
                self._mix_e(self.re)
            elif token == "s":
                sealed = TAG if self._symmetric.cipher.has_key else 0
                self.rs = self._symmetric.decrypt_and_hash(take(self._dh_size + sealed))
            else:
                self._common_token(token)
        return self._symmetric.decrypt_and_hash(rest)

    def split(self):
        """(tx, rx) for this side; the unused one of a one-way pattern is None."""
        if self._left:
            raise NoiseError("handshake not finished")
        first, second = self._symmetric.split()
        if self.protocol.one_way:
            second = None
        return (first, second) if self.initiator else (second, first)


def check_vector(v):
    """Replay one vector in both roles; raises on any difference."""
    name = v["protocol_name"]

    def side(prefix):
        def get(field):
            value = v.get(prefix + field)
            return bytes.fromhex(value) if value else None

        return Handshake(
            name, prefix == "init_", prologue=get("prologue") or b"", s=get("static"),
            rs=get("remote_static"), e=get("ephemeral"),
            psks=[bytes.fromhex(x) for x in v.get(prefix + "psks", [])],
        )

    initiator, responder = side("init_"), side("resp_")
    pairs = None
    for i, message in enumerate(v["messages"]):
        payload, wire = (bytes.fromhex(message[x]) for x in ("payload", "ciphertext"))
        if not initiator.done:
            a, b = (initiator, responder) if initiator.my_turn else (responder, initiator)
            sent, got = a.write_message(payload), b.read_message(wire)
        else:
            if pairs is None:
                (tx, back), (back2, rx) = initiator.split(), responder.split()
                pairs = [(tx, rx)] * 2 if initiator.protocol.one_way else [(tx, rx), (back2, back)]
            a, b = pairs[i % 2]  # the turns of the handshake go on
            sent, got = a.encrypt(payload), b.decrypt(wire)
        if sent != wire or got != payload:
            raise NoiseError("message %d differs" % i)
    if "handshake_hash" in v:
        for hs in (initiator, responder):
            if hs.handshake_hash.hex() != v["handshake_hash"]:
                raise NoiseError("handshake hash differs")


def main(paths):
    import json

    passed = failed = 0
    for path in paths:
        with open(path) as f:
            vectors = json.load(f)
        for v in vectors["vectors"] if isinstance(vectors, dict) else vectors:
            try:
                check_vector(v)
                passed += 1
            except Exception as e:
                failed += 1
                print("%s: %s: %s" % (path, v.get("protocol_name"), e))
    print("%d passed, %d failed" % (passed, failed))
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    import sys

    sys.exit(main(sys.argv[1:]))
