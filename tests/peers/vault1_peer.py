#!/usr/bin/python3
"""An independent vault/1 peer for tests, both roles, honest or misbehaving on demand.

    vault1_peer.py connect HOST PORT | /PATH [options]
    vault1_peer.py listen [HOST [PORT]] [--unix /PATH] [options]
    vault1_peer.py selftest
    vault1_peer.py misbehaviours          (list them)

Exit statuses are those of the tools. With --json (or --json FILE) one line tells how it ended.
"""

import argparse
import os
import socket
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import common  # noqa: E402
import vault1_code  # noqa: E402
import vault1_misbehave  # noqa: E402
from vault1_keys import Identity, KeyProblem, read_psk, to_text, x_public  # noqa: E402
from vault1_session import Options, Session  # noqa: E402
from vault1_wire import NAMES, Keys, PeerError, Transport, initiate, respond  # noqa: E402

SUITE = "25519_ChaChaPoly_SHA512"


def full_name(name):
    return name if name.startswith("Noise_") else "Noise_%s_%s" % (name, SUITE)


def default_protocol(args):
    if args.protocol:
        return full_name(args.protocol[0])
    if args.code_file:
        return full_name("XXpsk0")
    if args.psk_file:
        return full_name("XXpsk3")
    return full_name("IK" if args.remote_key else "XX")


def open_ends(args):
    """(source, sink) as file descriptors or None."""
    source = sink = None
    if args.send != "none":
        source = 0 if args.send == "-" else os.open(args.send, os.O_RDONLY)
    if args.recv != "none":
        sink = 1 if args.recv == "-" else os.open(args.recv, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    return source, sink


def options_of(args):
    source, sink = open_ends(args)
    receipt = tuple(int(x) for x in args.receipt.split(",")) if args.receipt else (0, 0)
    return Options(
        source=source, sink=sink, compress=args.compress, messages=args.messages or args.units, units=args.units, probe=args.probe,
        send_only=args.send_only, recv_only=args.recv_only, rekey_every=args.rekey_every,
        extra_type=args.extra_type, record_size=args.record_size, ping_every=args.ping_every,
        timeout=args.timeout, stop_after=args.stop_after, receipt=receipt,
        greet_act=vault1_misbehave.find(args.misbehave, "greet"),
        act=vault1_misbehave.find(args.misbehave, "record"))


def describe(session):
    peer = {k if isinstance(k, str) else repr(k): v.hex() if isinstance(v, bytes) else v
            for k, v in (session.peer_map or {}).items()}
    return {
        "bytes_sent": session.sent, "bytes_received": session.received, "protocol": session.keyed.name,
        "peer_key": to_text("vx1", session.keyed.remote) if session.keyed.remote else None,
        "peer_map": peer, "receipt": session.receipt_got, "stop": session.stop_got,
        "stop_written": session.stop_written,
        "records": {NAMES.get(k, str(k)): n for k, n in sorted(session.counts.items())},
    }


def serve(args, sock, keys, initiator):
    """One connection from the handshake to its end; the exit status."""
    outcome = {"event": "ended", "role": "initiator" if initiator else "responder"}
    t = Transport(sock, args.handshake_timeout, args.dribble)
    try:
        raw = vault1_misbehave.find(args.misbehave, "raw")
        if raw:
            status, text = raw(t, keys, initiator, default_protocol(args))
        else:
            keyed = (initiate(t, default_protocol(args), keys) if initiator
                     else respond(t, keys, args.protocol, args.busy))
            session = Session(t, keyed, keys.identity, initiator, options_of(args))
            status, text = session.run()
            outcome.update(describe(session))
    except PeerError as e:
        status, text = e.status, str(e)
    except OSError as e:
        status, text = 1, str(e)
    finally:
        sock.close()
    outcome.update(status=status, text=text)
    common.report(args.json, outcome, sys.stderr)
    if status and not args.quiet:
        print("vault1_peer: %s" % text, file=sys.stderr)
    return status


def connect(args, keys):
    try:
        if args.host.startswith("/"):
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(args.host)
        else:
            sock = socket.create_connection((args.host, args.port), args.handshake_timeout)
    except OSError as e:
        print("vault1_peer: %s: %s" % (args.host, e), file=sys.stderr)
        return 3
    return serve(args, sock, keys, True)


def listen(args, keys):
    if args.unix:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(args.unix)
        listener.listen(16)
        where = {"path": args.unix}
    else:
        listener = socket.create_server((args.host, args.port))
        where = {"address": args.host, "port": listener.getsockname()[1]}
    common.listening(args.ready_fd, **where, key=keys.identity.text)
    status = 0
    for _ in range(args.count):
        sock = common.come(listener, args.timeout)
        if sock is None:
            print("vault1_peer: nobody came", file=sys.stderr)
            return 4
        status = serve(args, sock, keys, False) or status
    return status


def add_common(p):
    add = p.add_argument
    add("--identity", "-i", metavar="FILE")
    add("--remote-key", "-r", metavar="KEY", help="the peer's key must be this one")
    add("--psk-file", metavar="FILE")
    add("--code-file", metavar="FILE", help="a one-time code")
    add("--protocol", action="append", metavar="NAME", help="a full name or a bare pattern")
    add("--send", default="-", metavar="FILE", help="'-' standard input, 'none' nothing")
    add("--recv", default="-", metavar="FILE", help="'-' standard output, 'none' nowhere")
    add("--json", nargs="?", const="-", metavar="FILE", help="report to standard error, or append to FILE")
    add("--compress", action="store_true")
    add("--messages", action="store_true", help="offer or agree to message framing")
    add("--units", action="store_true", help="the same; what is sent and received is a file of u32 units")
    add("--probe", action="store_true")
    add("--send-only", action="store_true")
    add("--recv-only", action="store_true")
    add("--rekey-every", type=int, default=0, metavar="RECORDS")
    add("--extra-type", type=int, metavar="N", help="send one record of this unknown type (64 and up)")
    add("--record-size", type=int, default=60000)
    add("--ping-every", type=float, default=15.0)
    add("--stop-after", type=int, metavar="BYTES", help="send STOP 0 when so much was received")
    add("--receipt", metavar="STATUS,DETAIL")
    add("--dribble", type=float, default=0.0, nargs="?", const=0.0001, metavar="SECONDS",
        help="one byte a send, this far apart")
    add("--handshake-timeout", type=float, default=10.0)
    add("--timeout", type=float, default=60.0, help="for the whole session")
    add("--misbehave", metavar="NAME", help="see 'vault1_peer.py misbehaviours'")
    add("--quiet", action="store_true")
    add("--busy", action="store_true", help="responder: refuse as busy")


def parse(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sub = parser.add_subparsers(dest="command", required=True)
    p = sub.add_parser("connect")
    p.add_argument("host")
    p.add_argument("port", type=int, nargs="?", default=5004)
    add_common(p)
    p = sub.add_parser("listen")
    p.add_argument("host", nargs="?", default="127.0.0.1")
    p.add_argument("port", type=int, nargs="?", default=0)
    p.add_argument("--unix", metavar="PATH")
    p.add_argument("--ready-fd", type=int, default=2)
    p.add_argument("--count", type=int, default=1)
    add_common(p)
    sub.add_parser("selftest")
    sub.add_parser("misbehaviours")
    return parser.parse_args(argv)


def main(argv):
    args = parse(argv)
    if args.command == "misbehaviours":
        vault1_misbehave.describe(sys.stdout)
        return 0
    if args.command == "selftest":
        import vault1_selftest
        return vault1_selftest.run()
    if args.misbehave and not vault1_misbehave.known(args.misbehave):
        print("vault1_peer: --misbehave %s: unknown" % args.misbehave, file=sys.stderr)
        return 2
    try:
        keys = Keys(Identity(args.identity), read_psk(args.psk_file) if args.psk_file else None,
                    x_public(args.remote_key) if args.remote_key else None,
                    vault1_code.read(args.code_file) if args.code_file else None)
    except (KeyProblem, OSError, ValueError) as e:
        print("vault1_peer: %s" % e, file=sys.stderr)
        return 2
    return connect(args, keys) if args.command == "connect" else listen(args, keys)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
