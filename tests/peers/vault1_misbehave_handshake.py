"""Misbehaviours of vault/1 before the first record; see vault1_misbehave.py."""

import os
import socket
import time

from noise_ref import Name
from vault1_acts import act
from vault1_wire import BUSY, PeerError, hello, initiate, read_hello, read_message, respond, u16


# ---- instead of the handshake: function(transport, keys, initiator, name) -> (status, text) ----

def watch(t, limit=30.0):
    """Say nothing more; tell what the other side does, and when."""
    begin, got = time.monotonic(), b""
    t.deadline = begin + limit
    try:
        while len(got) < 65536:
            got += t.recv_exact(1)
    except PeerError as e:
        return 6, "after %.1f s and %d bytes (%s): %s" % (
            time.monotonic() - begin, len(got), got[:8].hex(), e)
    return 8, "the other side talks on"


def send_and_watch(t, data):
    t.send_all(data)
    return watch(t)


def first_message(keys, name):
    return keys.handshake(Name(name), True).write_message(b"")


@act("hello-no-name", "raw", "i", "5", "")
@act("hello-unknown-protocol", "raw", "i", "5", "Noise_ZZ_25519_ChaChaPoly_SHA512")
@act("hello-unknown-cipher", "raw", "i", "5", "Noise_XX_25519_ROT13_SHA512")
@act("hello-not-noise", "raw", "i", "5", "plain text please")
@act("hello-one-way", "raw", "i", "5", "Noise_N_25519_ChaChaPoly_SHA512")
@act("hello-name-255", "raw", "i", "5", "Noise_" + "X" * 249)
@act("hello-name-escapes", "raw", "i", "5", "Noise_\x1b[2J\x07\n_25519_ChaChaPoly_SHA512")
def hello_named(t, keys, initiator, name, other):
    return send_and_watch(t, hello(other, bytes(range(32))))


@act("hello-wrong-magic", "raw", "i", "8")
def hello_wrong_magic(t, keys, initiator, name):
    return send_and_watch(t, b"VLT2" + hello(name, first_message(keys, name))[4:])


@act("hello-http", "raw", "i", "8")
def hello_http(t, keys, initiator, name):
    return send_and_watch(t, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")


@act("hello-4097", "raw", "i", "8", 4097)
@act("hello-65535", "raw", "i", "8", 65535)
@act("hello-no-message", "raw", "i", "8", 0)
@act("hello-short-message", "raw", "i", "8", 31)
def hello_sized(t, keys, initiator, name, size):
    return send_and_watch(t, hello(name, os.urandom(size)))


@act("hello-payload", "raw", "i", "8")
def hello_payload(t, keys, initiator, name):
    message = keys.handshake(Name(name), True).write_message(b"early")
    return send_and_watch(t, hello(name, message))


@act("message-payload", "raw", "b", "8")
def message_payload(t, keys, initiator, name):
    """A payload in the first message under encryption (XX)."""
    if initiator:
        hs = keys.handshake(Name(name), True)
        t.send_all(hello(name, hs.write_message(b"")))
        hs.read_message(read_message(t))
        message = hs.write_message(b"early")
    else:
        raw, first = read_hello(t)
        hs = keys.handshake(Name(raw.decode()), False)
        hs.read_message(first)
        message = hs.write_message(b"early")
    return send_and_watch(t, u16(len(message)) + message)


@act("hello-cut", "raw", "i", "3")
def hello_cut(t, keys, initiator, name):
    whole = hello(name, first_message(keys, name))
    t.send_all(whole[:len(whole) - 7])
    t.sock.shutdown(socket.SHUT_WR)
    return watch(t)


@act("low-order", "raw", "b", "8")
def low_order(t, keys, initiator, name):
    if initiator:
        return send_and_watch(t, hello(name, bytes(32)))
    read_hello(t)
    return send_and_watch(t, u16(96) + bytes(96))


@act("garbage-message", "raw", "r", "5|8", 96)
@act("message-4097", "raw", "r", "8", 4097)
@act("message-1", "raw", "r", "8", 1)
def garbage_message(t, keys, initiator, name, size):
    read_hello(t)
    return send_and_watch(t, u16(size) + os.urandom(size))


@act("message-cut", "raw", "r", "3")
def message_cut(t, keys, initiator, name):
    read_hello(t)
    t.send_all(u16(96) + os.urandom(50))
    t.sock.shutdown(socket.SHUT_WR)
    return watch(t)


@act("http-answer", "raw", "r", "8")
def http_answer(t, keys, initiator, name):
    read_hello(t)
    return send_and_watch(t, b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


@act("refuse-1", "raw", "r", "5", 1)
@act("refuse-2", "raw", "r", "5", 2)
@act("refuse-3", "raw", "r", "3", BUSY)
@act("refuse-4", "raw", "r", "5", 4)
@act("refuse-9", "raw", "r", "3|5", 9)
def refuse_with(t, keys, initiator, name, code):
    read_hello(t)
    return send_and_watch(t, u16(0) + bytes([code]))


@act("refuse-frame-4", "raw", "r", "5", 4)
@act("refuse-frame-3", "raw", "r", "3", BUSY)
def refuse_frame(t, keys, initiator, name, code):
    """After an initiator-last handshake, in place of the first frame."""
    respond(t, keys)
    return send_and_watch(t, bytes(4) + bytes([code]))


@act("silent", "raw", "b", "4")
def silent(t, keys, initiator, name):
    return watch(t)


@act("silent-in-hello", "raw", "i", "4")
def silent_in_hello(t, keys, initiator, name):
    return send_and_watch(t, hello(name, first_message(keys, name))[:20])


@act("silent-after-hello", "raw", "b", "4")
def silent_after_hello(t, keys, initiator, name):
    if initiator:
        return send_and_watch(t, hello(name, first_message(keys, name)))
    read_hello(t)
    return watch(t)


@act("silent-after-handshake", "raw", "b", "4")
def silent_after_handshake(t, keys, initiator, name):
    if initiator:
        t.send_all(initiate(t, name, keys).pending)
    else:
        respond(t, keys)
    return watch(t)


@act("fin-at-once", "raw", "b", "3")
def fin_at_once(t, keys, initiator, name):
    t.sock.shutdown(socket.SHUT_WR)
    return watch(t)


@act("fin-after-handshake", "raw", "b", "-")
def fin_after_handshake(t, keys, initiator, name):
    if initiator:
        t.send_all(initiate(t, name, keys).pending)
    else:
        respond(t, keys)
    t.sock.shutdown(socket.SHUT_WR)
    return watch(t)
