"""What stands around a listener, for the stories: a client of the control socket, who starts a service and hands sockets over,
who waits to be notified, readers that do not read.

hosting.py ask SOCKET LINE...           send each line, print each answer
hosting.py pile SOCKET LINE COUNT       send LINE so often without reading; print "dropped" when the connection ends
hosting.py activate SPEC... -- COMMAND  open sockets from descriptor 3 up as SPEC says, then run COMMAND in this process.
                                        SPEC: tcp, tcp6, unix:PATH, NAME=SPEC (LISTEN_FDNAMES), or what is no listening
                                        socket: dgram, connected, file. The ports are printed, one a line, on descriptor 9.
                                        --pid N gives another LISTEN_PID, --count N another LISTEN_FDS
hosting.py notified ADDRESS FILE        write each datagram as a line to FILE (newlines in it become spaces)
"""
import os
import socket
import sys


def connect(path):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(20 * int(os.environ.get("VT_SLOW", "1")))
    s.connect(path)
    return s


def ask(path, lines):
    s = connect(path)
    answers = s.makefile("rb")
    for line in lines:
        s.sendall(os.fsencode(line) + b"\n")
        answer = answers.readline()
        if not answer:
            sys.exit("no answer to: " + line)
        sys.stdout.buffer.write(answer)


def pile(path, line, count):
    s = connect(path)
    try:
        for _ in range(int(count)):
            s.sendall(os.fsencode(line) + b"\n")
        s.sendall(b"\n" * (16 << 20))
    except (BrokenPipeError, ConnectionResetError):
        print("dropped")
        return
    sys.exit("all of it was taken")


def open_socket(spec):
    kind, _, rest = spec.partition(":")
    if kind == "file":
        return open("/dev/null", "rb")
    if kind == "unix":
        s = socket.socket(socket.AF_UNIX)
        s.bind(rest)
    elif kind == "tcp6":
        s = socket.socket(socket.AF_INET6)
        s.bind(("::1", 0))
    elif kind == "dgram":
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind(("127.0.0.1", 0))
        return s
    elif kind == "connected":
        return socket.socketpair()[0]
    else:
        s = socket.socket(socket.AF_INET)
        s.bind(("127.0.0.1", 0))
    s.listen(16)
    return s


def activate(words):
    end = words.index("--")
    specs, command = words[:end], words[end + 1:]
    given = {"LISTEN_PID": str(os.getpid())}
    while specs[0].startswith("--"):
        given["LISTEN_PID" if specs[0] == "--pid" else "LISTEN_FDS"] = specs[1]
        specs = specs[2:]
    names, opened = [], []
    for spec in specs:
        name, equals, what = spec.partition("=")
        names.append(name if equals else "unknown")
        opened.append(open_socket(what if equals else spec))
        if "tcp" in spec:
            os.write(9, b"%d\n" % opened[-1].getsockname()[1])
    os.close(9)
    # First out of the way of the numbers that they shall have.
    high = [os.dup2(o.fileno(), 100 + i) for i, o in enumerate(opened)]
    for i, fd in enumerate(high):
        os.dup2(fd, 3 + i, inheritable=True)
        os.close(fd)
    os.environ.update({"LISTEN_FDS": str(len(opened)), "LISTEN_FDNAMES": ":".join(names), **given})
    os.execvp(command[0], command)


def notified(address, path):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.bind("\0" + address[1:] if address.startswith("@") else address)
    with open(path, "ab", buffering=0) as out:
        while True:
            out.write(s.recv(4096).replace(b"\n", b" ") + b"\n")


def main():
    verb, words = sys.argv[1], sys.argv[2:]
    if verb == "ask":
        ask(words[0], words[1:])
    elif verb == "pile":
        pile(*words)
    elif verb == "activate":
        activate(words)
    elif verb == "notified":
        notified(*words)
    else:
        sys.exit(__doc__)


main()
