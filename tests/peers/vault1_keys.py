"""Keys of vault/1, section 0: text forms, files, and what Noise makes of them. For tests."""

import base64
import hashlib
import os

from nacl import bindings

FORMS = ("vxs1", "vx1", "vk1", "vs1", "vp1")


class KeyProblem(Exception):
    pass


def checksum(form, key):
    return hashlib.blake2b(form.encode() + key, digest_size=32).digest()[:3]


def to_text(form, key):
    return form + base64.urlsafe_b64encode(key + checksum(form, key)).rstrip(b"=").decode()


def from_text(text):
    """(form, 32 bytes), or KeyProblem."""
    form = next((f for f in FORMS if text.startswith(f)), None)
    if form is None:
        raise KeyProblem("unknown form")
    body = text[len(form):]
    try:
        raw = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
    except ValueError as e:
        raise KeyProblem("not base64url") from e
    if len(raw) != 35:
        raise KeyProblem("wrong length")
    if to_text(form, raw[:32]) != text:
        raise KeyProblem("wrong checksum")
    return form, raw[:32]


def read_file(path):
    """The key in a key file: the one line that is neither blank nor a '#' line."""
    with open(path, encoding="utf-8") as f:
        lines = [x.split()[0] for x in f if x.strip() and not x.startswith("#")]
    if len(lines) != 1:
        raise KeyProblem("%s: %d keys, not one" % (path, len(lines)))
    return from_text(lines[0])


def read_psk(path):
    with open(path, "rb") as f:
        raw = f.read()
    if len(raw) == 32:
        return raw
    text = raw.decode().strip()
    if len(text) == 64:
        return bytes.fromhex(text)
    form, key = read_file(path)
    if form != "vp1":
        raise KeyProblem("not a psk but %s" % form)
    return key


def x_public(text):
    """The Noise static key of a vk1 or vx1 text."""
    form, key = from_text(text)
    if form == "vk1":
        return bindings.crypto_sign_ed25519_pk_to_curve25519(key)
    if form == "vx1":
        return key
    raise KeyProblem("not a public key but %s" % form)


class Identity:
    """secret, public: the Noise static pair. ed: the Ed25519 public key, or None (X25519 only)."""

    def __init__(self, path=None, seed=None):
        self.throwaway = path is None and seed is None
        form, key = ("vs1", seed or os.urandom(32)) if path is None else read_file(path)
        if form == "vxs1":
            self.secret, self.ed = key, None
        elif form == "vs1":
            self.ed, signing = bindings.crypto_sign_seed_keypair(key)
            self.secret = bindings.crypto_sign_ed25519_sk_to_curve25519(signing)
        else:
            raise KeyProblem("not a secret key but %s" % form)
        self.public = bindings.crypto_scalarmult_base(self.secret)

    @property
    def text(self):
        return to_text("vk1", self.ed) if self.ed else to_text("vx1", self.public)


def identity_fits(ed, x):
    """Does this Ed25519 public key convert to that Noise static key?"""
    try:
        return bindings.crypto_sign_ed25519_pk_to_curve25519(ed) == x
    except Exception:  # libsodium refused the point
        return False
