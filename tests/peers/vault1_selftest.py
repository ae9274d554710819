"""Initiator against responder over a socketpair: every pattern, compression, rekey, one way, failures."""

import os
import random
import socket
import tempfile
import threading

from vault1_keys import Identity, from_text, to_text
from vault1_misbehave import find
from vault1_session import Options, Session
from vault1_wire import Keys, PeerError, Transport, initiate, respond

PSK = bytes(range(1, 33))


def pipe_from(data):
    f = tempfile.TemporaryFile()
    f.write(data)
    f.seek(0)
    return f


def side(sock, keys, initiator, name, options, out, allowed=None):
    try:
        t = Transport(sock)
        keyed = initiate(t, name, keys) if initiator else respond(t, keys, allowed)
        session = Session(t, keyed, keys.identity, initiator, options)
        out[initiator] = (*session.run(), session)
    except PeerError as e:
        out[initiator] = (e.status, str(e), None)
    finally:
        sock.close()


def pair(name, up=b"", down=b"", psks=(PSK, PSK), allowed=None, first=None, second=None):
    """Run both; returns {True: initiator's, False: responder's} and what each received."""
    a, b = socket.socketpair()
    responder = Identity(seed=os.urandom(32))
    pattern = name.split("_")[1]
    psk = "psk" in pattern
    keys = (Keys(Identity(), psks[0] if psk else None, responder.public if pattern[:2] in ("IK", "NK", "XK") else None),
            Keys(responder, psks[1] if psk else None))
    files = [pipe_from(up), pipe_from(down), tempfile.TemporaryFile(), tempfile.TemporaryFile()]
    options = [Options(source=files[0].fileno(), sink=files[2].fileno(), timeout=20, **(first or {})),
               Options(source=files[1].fileno(), sink=files[3].fileno(), timeout=20, **(second or {}))]
    out = {}
    threads = [threading.Thread(target=side, args=(a, keys[0], True, name, options[0], out)),
               threading.Thread(target=side, args=(b, keys[1], False, name, options[1], out, allowed))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for f in files[2:]:
        f.seek(0)
    got_first, got_second = files[2].read(), files[3].read()
    for f in files:
        f.close()
    return out, got_first, got_second


class Checks:
    def __init__(self):
        self.passed = self.failed = 0

    def check(self, what, good, more=""):
        self.passed += bool(good)
        self.failed += not good
        if not good:
            print("FAILED %s %s" % (what, more))


def check_pairs(c, up, down):
    suites = ["25519_ChaChaPoly_SHA512", "25519_AESGCM_SHA256", "25519_ChaChaPoly_BLAKE2b"]
    both = {"compress": True}
    variants = {"plain": ({}, {}), "compressed": (both, both), "one offers": (both, {}),
                "frames": ({"squash_frame": 2, **both}, {"squash_frame": 1, "squash_cut": 100, **both}), "rekey": ({"rekey_every": 3}, {"rekey_every": 5}),
                "rekey compressed": ({"rekey_every": 2, **both}, {"rekey_every": 2, **both}),
                "extra types": ({"extra_type": 64}, {"extra_type": 200})}
    for pattern in ("XX", "IK", "NN", "XXpsk3", "NK", "X1X1", "IKpsk2", "NNpsk0"):
        for what, (first, second) in variants.items():
            name = "Noise_%s_%s" % (pattern, suites[len(pattern) % len(suites)])
            out, got_down, got_up = pair(name, up, down, first=first, second=second)
            good = out[True][0] == out[False][0] == 0 and got_up == up and got_down == down
            c.check("%s %s" % (pattern, what), good, out)
            z = out[True][2] and out[True][2].squash is not None
            c.check("%s %s: compression" % (pattern, what), z == ("compress" in first and "compress" in second))


def check_ends(c, up, down):
    xx = "Noise_XX_25519_ChaChaPoly_SHA512"
    out, got_down, got_up = pair(xx, b"", down, first={"recv_only": True}, second={"send_only": True})
    c.check("one way", out[True][0] == out[False][0] == 0 and got_down == down and got_up == b"", out)
    out, _, got_up = pair(xx, up, b"", second={"stop_after": 100})
    c.check("STOP", out[True][0] == 7 and got_up == up[:100], out)
    out, _, _ = pair(xx, up, b"", second={"receipt": (2, 7)})
    c.check("RECEIPT 2 7", out[True][:2] == (7, "peer: receipt 2 7"), out)
    out, _, _ = pair(xx.replace("XX", "XXpsk3"), psks=(PSK, bytes(32)))
    c.check("wrong psk", out[True][0] == out[False][0] == 5, out)
    out, _, _ = pair(xx, allowed=["IK"])
    c.check("not allowed", out[True][0] == out[False][0] == 5, out)


def check_acts(c):
    xx = "Noise_XX_25519_ChaChaPoly_SHA512"
    for name, status in (("eof-wrong-total", 8), ("data-after-eof", 8), ("type-15", 8), ("type-64", 0),
                         ("frame-wrong-tag", 8), ("fin-without-eof", 6), ("close-1", 5), ("reset", 6),
                         ("receipt-1", 7), ("rekey-storm", 0), ("rekey-forgotten", 8)):
        for initiator in (True, False):
            bad = {"act": find(name, "record")}
            out, _, _ = pair(xx, b"up", b"down", first=bad if initiator else {}, second={} if initiator else bad)
            c.check("%s by initiator=%s" % (name, initiator), out[not initiator][0] == status, out)
    both = {"compress": True}
    for name in ("zdata-garbage", "zdata-bomb", "zdata-over-limit", "zdata-window"):
        out, _, _ = pair(xx, b"up", b"down", first={"act": find(name, "record"), **both}, second=both)
        c.check(name, out[False][0] == 8, out)


def check_keys(c):
    for form in ("vk1", "vs1", "vp1", "vx1", "vxs1"):
        text = to_text(form, PSK)
        c.check("text %s" % form, from_text(text) == (form, PSK))


def run():
    c = Checks()
    up = random.Random(1).randbytes(500000)
    down = b"a line that compresses\n" * 20000
    check_keys(c)
    check_pairs(c, up, down)
    check_ends(c, up, down)
    check_acts(c)
    print("%d passed, %d failed" % (c.passed, c.failed))
    return 1 if c.failed else 0
