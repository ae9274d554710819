#include "listen_help.h"

#include "code_args.h"
#include "stream_args.h"

const char *const listen_help[] = {
    "Usage: vault-listen [OPTION...] [HOST] [PORT]\n"
    "       vault-listen [OPTION...] HOST:PORT | /unix/path\n"
    "       vault-listen [OPTION...] [ADDRESS] -- COMMAND [ARGUMENT...]\n"
    "Wait for one vault-connect; send standard input to it and what it sends to standard output,\n"
    "encrypted. Exit status 0 means that every byte was delivered, and the peer said so.\n"
    "Without HOST on all addresses, without PORT on 5004; port 0 lets the system choose.\n"
    "\n"
    "  -k, --keep-open             many clients at once: what they send goes to standard output, standard\n"
    "                              input to all of them\n"
    "      --hub                   and what a client sends to the other clients, too\n"
    "      --echo                  send each client back what it sends, and nothing else\n"
    "      --framing HOW           what a message is: raw (what came at once; the default), lines, nul,\n"
    "                              u32 (length first); standard output gets only whole messages\n"
    "      --tag                   put the client's number and a tab before each message\n"
    "      --slow HOW              a client that does not take what is sent to all: block (all wait; the\n"
    "                              default), drop (it misses messages), close (it is sent away)\n"
    "  -e, --exec COMMAND          run this for each client, split at blanks, with the client at its standard\n"
    "                              input and output; how it ends is told to the client\n"
    "  -c, --sh-exec LINE          the same for a line of shell; behind --, a command word by word\n"
    "      --forward ADDR          connect each client, once it has authenticated, to this server behind:\n"
    "                              HOST:PORT, PORT on this machine, or /unix/path\n"
    "      --control PATH          make a Unix socket to ask and command the listener by: list, stats,\n"
    "                              send, broadcast, close, ... (with -k and the like)\n"
    "      --events FILE           append what happens to FILE (or fd:N), one JSON line for each event\n"
    "      --event-messages        with --events: an event for each message, too\n"
    "  -m, --max-clients N         with -k: more get 'busy', as over the next two limits\n"
    "      --max-per-ip N          with -k: connections from one IPv4 address or IPv6 /64 network\n"
    "      --handshake-rate N      with -k: connections a second that may begin a handshake\n"
    "      --workers N             with -k: threads for handshakes (default 1: none); auto: one a processor\n"
    "  -a, --authorized-keys FILE  who may connect, one public key a line\n"
    "                              (default: ~/.config/vault-tools/authorized_keys, if it exists)\n"
    "      --anonymous             let anyone connect, without a warning\n",
    CODE_HELP_LISTEN,
    ARGS_HELP_KEYS,
    "      --protocol NAME         allow this Noise protocol or pattern, may be repeated (default: XX\n"
    "                              and IK, or XXpsk3 with a pre-shared key)\n"
    "      --max-failures N        give up after N clients that failed to authenticate\n"
    "      --accept-timeout T      give up if no client came within T (default 0: never)\n"
    "      --drain T               after a signal let the session finish for T (default 5s)\n"
    "      --user NAME             started as root: become this user once the sockets are open\n"
    "      --chroot DIR            with --user: see only the files below DIR from then on\n"
    "      --ready-fd N            write one JSON line with address, port and key to descriptor N\n"
    "                              when clients can connect\n"
    "      --wire NAME             vault1 (default); vault-tcp for clients that are Vault TCP in Python:\n"
    "                              nothing confirms delivery there; auto: both, told apart\n",
    ARGS_HELP_NETWORK,
    ARGS_HELP_DATA,
    ARGS_HELP_REST,
    NULL,
};
