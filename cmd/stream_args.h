/*
 * stream_args: the options that vault-listen and vault-connect share (cli.md), and what they stand for.
 */
#ifndef STREAM_ARGS_H
#define STREAM_ARGS_H

#include "common.h"
#include "run/passphrase.h"
#include "run/socket.h"
#include "run/stream.h"

/* Values of long options without a letter; a tool's own begin at ARGS_OWN. */
enum {
	ARGS_MESSAGE_TIMEOUT = 256,
	ARGS_IDLE_TIMEOUT,
	ARGS_KEEP_ALIVE,
	ARGS_PSK_FILE,
	ARGS_PROTOCOL,
	ARGS_ANONYMOUS,
	ARGS_SEND_ONLY,
	ARGS_RECV_ONLY,
	ARGS_COMPRESS,
	ARGS_PROGRESS,
	ARGS_NO_PROGRESS,
	ARGS_QUIET,
	ARGS_WIRE,
	ARGS_STATS,
	ARGS_LOG_JSON,
	ARGS_RATE_LIMIT,
	ARGS_MAX_MESSAGE,
	ARGS_FRAMING,
	ARGS_SANDBOX,
	ARGS_PASSPHRASE_FILE,
	ARGS_PASSPHRASE_FD,
	ARGS_OWN,
};

#define ARGS_SHORTS "46nw:i:o:vhV"
#define ARGS_LONGS \
	{"handshake-timeout", required_argument, NULL, 'w'}, \
	    {"message-timeout", required_argument, NULL, ARGS_MESSAGE_TIMEOUT}, \
	    {"idle-timeout", required_argument, NULL, ARGS_IDLE_TIMEOUT}, \
	    {"keep-alive", required_argument, NULL, ARGS_KEEP_ALIVE}, \
	    {"identity", required_argument, NULL, 'i'}, {"psk-file", required_argument, NULL, ARGS_PSK_FILE}, \
	    {"protocol", required_argument, NULL, ARGS_PROTOCOL}, \
	    {"anonymous", no_argument, NULL, ARGS_ANONYMOUS}, {"send-only", no_argument, NULL, ARGS_SEND_ONLY}, \
	    {"recv-only", no_argument, NULL, ARGS_RECV_ONLY}, {"output", required_argument, NULL, 'o'}, \
	    {"compress", optional_argument, NULL, ARGS_COMPRESS}, \
	    {"progress", no_argument, NULL, ARGS_PROGRESS}, {"no-progress", no_argument, NULL, ARGS_NO_PROGRESS}, \
	    {"wire", required_argument, NULL, ARGS_WIRE}, \
	    {"stats", optional_argument, NULL, ARGS_STATS}, {"log-json", no_argument, NULL, ARGS_LOG_JSON}, \
	    {"rate-limit", required_argument, NULL, ARGS_RATE_LIMIT}, \
	    {"max-message-size", required_argument, NULL, ARGS_MAX_MESSAGE}, \
	    {"framing", required_argument, NULL, ARGS_FRAMING}, \
	    {"verbose", no_argument, NULL, 'v'}, {"quiet", no_argument, NULL, ARGS_QUIET}, \
	    {"passphrase-file", required_argument, NULL, ARGS_PASSPHRASE_FILE}, \
	    {"passphrase-fd", required_argument, NULL, ARGS_PASSPHRASE_FD}, \
	    {"sandbox", required_argument, NULL, ARGS_SANDBOX}, {"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'V'}

#define ARGS_HELP_NETWORK \
	"  -4                          IPv4 only\n" \
	"  -6                          IPv6 only\n" \
	"  -n                          numeric addresses only, no name look-ups\n" \
	"  -w, --handshake-timeout T   connect and handshake within T (default 10s)\n" \
	"      --message-timeout T     a record begun must be complete within T (default 30s)\n" \
	"      --idle-timeout T        end after T without data either way (default 0: never)\n" \
	"      --keep-alive T          ask a silent peer every T, give it up after three (default 15s)\n"
#define ARGS_HELP_KEYS \
	"  -i, --identity FILE         own secret key (default: ~/.config/vault-tools/identity, if it\n" \
	"                              exists; otherwise a throw-away one)\n" \
	"      --psk-file FILE         pre-shared key that the peer must have, too\n" \
	"      --passphrase-file FILE  the first line of FILE unlocks these keys, if they are locked\n" \
	"                              (otherwise it is asked for on the terminal)\n" \
	"      --passphrase-fd N       the same from descriptor N\n"
#define ARGS_HELP_WIRE \
	"      --wire NAME             vault1 (default), or vault-tcp to talk to Vault TCP in Python:\n" \
	"                              nothing confirms delivery there\n"
#define ARGS_HELP_DATA \
	"      --send-only             only send; nothing is taken from the peer\n" \
	"      --recv-only             only receive; nothing is read from standard input\n" \
	"  -o, --output FILE           write what is received to FILE, which appears only when complete\n" \
	"      --compress[=LEVEL]      compress with zstd if the peer agrees (level 1 to 19;\n" \
	"                              without one it follows the link, from 1 to 6)\n" \
	"      --rate-limit BYTES      send at most so many bytes a second (K, M, G)\n" \
	"      --max-message-size N    of --framing and --wire vault-tcp: refuse longer messages (default 64K)\n" \
	"      --progress              show progress even where it would not be by default\n" \
	"      --no-progress           never show progress\n"
#define ARGS_HELP_REST \
	"      --stats[=FORM]          print figures at the end: text or json (SIGUSR1: any time)\n" \
	"      --log-json              messages as JSON, one object a line\n" \
	"  -v, --verbose               say more (repeat for still more)\n" \
	"      --quiet                 no warnings, only errors\n" \
	"      --sandbox MODE          give up files and system calls once all is set up: auto (as far as\n" \
	"                              the system can, the default), require (or fail), off\n" \
	"  -h, --help                  this text\n" \
	"  -V, --version               version and features\n"

#define ARGS_PROTOCOLS_MAX 16

struct stream_args {
	struct stream_options stream;
	struct socket_options socket;
	const char *identity_file, *psk_file;
	const char *protocols[ARGS_PROTOCOLS_MAX];
	size_t protocol_count;
	const char *wire; /* as it was given, or NULL */
	bool anonymous, quiet;
	bool many; /* a listener for many clients, whose messages are limited */
	int verbosity;
	struct passphrase from;
	struct key *identity;	     /* guarded memory, owned */
	struct handshake_psks *psks; /* the same */
};

/* -V: the version and what this build can do. Returns the exit status. */
int stream_args_version(const char *prog);

/* The defaults. */
void stream_args_init(struct stream_args *s);

/* Take one of the shared options. 0, or COMMON_USAGE after the error was printed. */
int stream_args_take(struct stream_args *s, int option, const struct common_args *a);

/* Conflicts between shared options. 0 or COMMON_USAGE. */
int stream_args_check(const struct common_args *a);

/* What a raw wire cannot have, and its own defaults. 0 or COMMON_USAGE. */
int stream_args_wire(struct stream_args *s, const struct common_args *a, const struct wire *wire);

/* Read the keys: ${throwaway} asks for a throw-away identity whatever exists. 0 or -1. */
int stream_args_load(struct stream_args *s, bool throwaway, struct error *e);

/* Wipe the keys. */
void stream_args_free(struct stream_args *s);

#endif
