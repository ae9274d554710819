/* vault-connect: standard input and output through an encrypted session to a listener. */
#include <string.h>

#include "code_args.h"
#include "common.h"
#include "proto/handshake.h"
#include "run/client.h"
#include "run/keyfile.h"
#include "run/local.h"
#include "run/log.h"
#include "run/protocol.h"
#include "run/pskfile.h"
#include "stream_args.h"

#define PROG "vault-connect"
#define RETRY_MS 5000
#define RETRY_LEAST_MS 10
#define DRAIN_MS 5000

/* What was asked for; not changed after options_check(). */
struct opts {
	struct stream_args args;
	struct client_options client;
	const char *remote_key, *known_hosts;
	struct code_args code;
};

static const char *const help[] = {
    "Usage: vault-connect [OPTION...] HOST [PORT]\n"
    "       vault-connect [OPTION...] HOST:PORT | /unix/path\n"
    "       vault-connect [OPTION...] -L [BIND:]PORT | -L /unix/path HOST [PORT]\n"
    "Send standard input to a vault-listen, and what comes back to standard output, encrypted.\n"
    "Exit status 0 means that every byte was delivered, and the peer said so.\n"
    "Without PORT it is 5004.\n"
    "\n"
    "  -r, --remote-key KEY        the server's public key must be this one (or @FILE that holds it)\n"
    "      --known-hosts FILE      remembered server keys (default: ~/.config/vault-tools/known_hosts)\n"
    "      --trust MODE            unknown server keys: new (remember, the default), strict (refuse),\n"
    "                              any (accept with a warning)\n",
    CODE_HELP_CONNECT,
    ARGS_HELP_KEYS,
    "      --anonymous             show no identity: a throw-away key\n"
    "      --protocol NAME         Noise protocol name or pattern (default: XX, IK if the server's key\n"
    "                              is known, XXpsk3 with a pre-shared key)\n"
    "  -L, --local ADDR            listen here, without encryption, on [BIND:]PORT (default: only for this\n"
    "                              machine) or /unix/path; each connection becomes a session of its own\n"
    "      --drain T               with -L: after a signal let sessions finish for T (default 5s)\n"
    "      --ready-fd N            with -L: write one JSON line with address and port to descriptor N\n"
    "      --framing HOW           keep message boundaries: each unit of standard input is one message, each\n"
    "                              message that comes one unit: lines, nul, u32 (length first); default raw\n"
    "  -s, --source ADDR           connect from this address\n"
    "  -p, --source-port PORT      and from this port\n"
    "      --retry[=N]             keep trying to connect (at most N more times)\n"
    "      --retry-delay T         first pause between tries, growing (default 5s)\n"
    "      --exec-status           exit with the status of the command that the listener ran\n"
    "  -z, --probe                 only shake hands; print the server's key, protocol, round trip\n"
    "      --json                  with -z: one JSON object\n",
    ARGS_HELP_WIRE,
    ARGS_HELP_NETWORK,
    ARGS_HELP_DATA,
    ARGS_HELP_REST,
    NULL,
};

/* ---- options ---- */

enum { OPT_KNOWN_HOSTS = CODE_OWN, OPT_TRUST, OPT_RETRY, OPT_RETRY_DELAY, OPT_JSON, OPT_DRAIN, OPT_READY_FD,
       OPT_EXEC_STATUS };

static const struct option longs[] = {
    ARGS_LONGS,
    CODE_LONGS_CONNECT,
    {"remote-key", required_argument, NULL, 'r'},
    {"known-hosts", required_argument, NULL, OPT_KNOWN_HOSTS},
    {"trust", required_argument, NULL, OPT_TRUST},
    {"local", required_argument, NULL, 'L'},
    {"drain", required_argument, NULL, OPT_DRAIN},
    {"ready-fd", required_argument, NULL, OPT_READY_FD},
    {"source", required_argument, NULL, 's'},
    {"source-port", required_argument, NULL, 'p'},
    {"retry", optional_argument, NULL, OPT_RETRY},
    {"retry-delay", required_argument, NULL, OPT_RETRY_DELAY},
    {"exec-status", no_argument, NULL, OPT_EXEC_STATUS},
    {"probe", no_argument, NULL, 'z'},
    {"json", no_argument, NULL, OPT_JSON},
    {NULL, 0, NULL, 0},
};

static const int repeatable[] = {'v', 0};

static int take_trust(struct opts *o, const struct common_args *a)
{
	static const char *const modes[] = {[JUDGE_NEW] = "new", [JUDGE_STRICT] = "strict", [JUDGE_ANY] = "any"};

	for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
		if (strcmp(a->value, modes[i]) == 0) {
			o->client.judge.trust = (enum judge_trust)i;
			return 0;
		}
	return common_usage(PROG, "--trust: '%s' is none of new, strict, any", a->value);
}

static int take_local(struct opts *o, const struct common_args *a)
{
	struct address *at = &o->client.local;
	struct error e = {0};

	if (address_parse(at, a->value, NULL, true, &e) < 0)
		return common_usage(PROG, "-L: %s", e.text);
	if (!at->is_unix && !at->has_port)
		return common_usage(PROG, "-L: '%s' is none of PORT, BIND:PORT, /unix/path (the server is an operand)", a->value);
	if (!at->is_unix && strcmp(at->host, "*") == 0)
		at->any_host = true;
	else
		at->loopback = !at->is_unix && at->any_host;
	o->client.listens = true;
	return 0;
}

static int take_own(struct opts *o, int option, const struct common_args *a)
{
	int code = code_args_take(&o->code, option, a);

	if (code >= 0)
		return code;
	switch (option) {
	case 'r':
		o->remote_key = a->value;
		return 0;
	case OPT_KNOWN_HOSTS:
		o->known_hosts = a->value;
		return 0;
	case OPT_TRUST:
		return take_trust(o, a);
	case 's':
		o->args.socket.source = a->value;
		return 0;
	case 'p':
		return common_opt_port(a, &o->args.socket.source_port, false);
	case 'L':
		return take_local(o, a);
	case OPT_DRAIN:
		return common_opt_duration(a, &o->client.drain_ms);
	case OPT_READY_FD:
		return common_opt_fd(a, &o->client.ready_fd);
	case OPT_RETRY:
		o->client.retry = true;
		return a->value ? common_opt_int(a, &o->client.retries, 0, 1000000000) : 0;
	case OPT_RETRY_DELAY:
		if (common_opt_duration(a, &o->client.retry_ms))
			return COMMON_USAGE;
		return o->client.retry_ms < RETRY_LEAST_MS ? common_bad(a, "at least 10ms") : 0;
	case OPT_EXEC_STATUS:
		o->args.stream.exec_status = true;
		return 0;
	case 'z':
		o->client.probe = true;
		return 0;
	case OPT_JSON:
		o->client.json = true;
		return 0;
	default:
		return stream_args_take(&o->args, option, a);
	}
}

/* There is no command here that could follow "--": it only ends the options. */
static void operands_behind(struct common_args *a)
{
	for (int i = 0; i < a->nrest; i++)
		a->operands[a->noperands++] = a->rest[i];
	a->nrest = 0;
}

static int options_address(struct opts *o, const struct common_args *a)
{
	struct error e = {0};

	if (a->noperands == 0)
		return common_usage(PROG, "no HOST given");
	if (a->noperands > 2)
		return common_usage(PROG, "unexpected argument '%s'", a->operands[2]);
	if (address_parse(&o->client.to, a->operands[0], a->noperands > 1 ? a->operands[1] : NULL, false, &e) < 0)
		return common_usage(PROG, "%s", e.text);
	if (!o->client.to.is_unix && o->client.to.any_host)
		return common_usage(PROG, "no HOST given");
	if (!o->client.to.is_unix && !o->client.to.has_port)
		o->client.to.port = HANDSHAKE_DEFAULT_PORT;
	if (!o->client.to.is_unix && o->client.to.port == 0)
		return common_usage(PROG, "port 0 cannot be connected to");
	return 0;
}

/* Every handshake that is begun with a code tells a server that does not know it whether one guess was right. */
static int options_code(const struct opts *o, const struct common_args *a)
{
	if (code_args_check_connect(&o->code, a))
		return COMMON_USAGE;
	if (o->code.code && common_given(a, OPT_TRUST))
		return common_conflict(PROG, "--code", "--trust");
	if (o->code.code && o->client.retry)
		return common_conflict(PROG, "--code", "--retry");
	if (o->code.code && o->client.probe)
		return common_conflict(PROG, "--code", "--probe");
	if (o->code.code && o->client.listens)
		return common_conflict(PROG, "--code", "--local");
	return 0;
}

/* What -L cannot have, and what only it can. */
static int options_local(const struct opts *o, const struct common_args *a)
{
	static const struct {
		int option;
		const char *name;
	} others[] = {{'o', "--output"}, {'z', "--probe"}, {ARGS_SEND_ONLY, "--send-only"}, {ARGS_RECV_ONLY, "--recv-only"},
	    {OPT_RETRY, "--retry"}, {'p', "--source-port"}, {ARGS_PROGRESS, "--progress"}, {ARGS_STATS, "--stats"},
	    {OPT_EXEC_STATUS, "--exec-status"}, {ARGS_FRAMING, "--framing"}};

	for (size_t i = 0; o->client.listens && i < sizeof others / sizeof others[0]; i++)
		if (common_given(a, others[i].option))
			return common_conflict(PROG, "--local", others[i].name);
	if (common_given(a, OPT_DRAIN) && !o->client.listens)
		return common_usage(PROG, "--drain needs --local");
	if (common_given(a, OPT_READY_FD) && !o->client.listens)
		return common_usage(PROG, "--ready-fd needs --local");
	return 0;
}

static int options_check(struct opts *o, const struct common_args *a)
{
	struct error e = {0};

	if (stream_args_check(a) || options_local(o, a))
		return COMMON_USAGE;
	if (o->args.anonymous && o->args.identity_file)
		return common_conflict(PROG, "--anonymous", "--identity");
	if (common_given(a, OPT_TRUST) && o->remote_key)
		return common_conflict(PROG, "--trust", "--remote-key");
	o->client.wire = protocol_wire(o->args.wire, false, &e);
	if (!o->client.wire)
		return common_usage(PROG, "--wire: %s", e.text);
	if (stream_args_wire(&o->args, a, o->client.wire))
		return COMMON_USAGE;
	if (o->args.stream.exec_status && o->client.wire != &wire_vault1)
		return common_usage(PROG, "--exec-status and --wire %s cannot be used together: nothing there carries a status",
		    o->args.wire);
	if (o->args.stream.exec_status && o->client.probe)
		return common_conflict(PROG, "--exec-status", "--probe");
	if (o->client.json && !o->client.probe)
		return common_usage(PROG, "--json needs --probe");
	if (common_given(a, ARGS_FRAMING) && o->client.probe)
		return common_conflict(PROG, "--framing", "--probe");
	if (options_code(o, a))
		return COMMON_USAGE;
	if (common_given(a, OPT_RETRY_DELAY) && !o->client.retry)
		return common_usage(PROG, "--retry-delay needs --retry");
	return options_address(o, a);
}

/* ---- set-up ---- */

/* Of several the first that has not expired. */
static int choose_psk(struct stream_args *s, struct error *e)
{
	int i = pskfile_pick(s->psks, s->psk_file, e);

	if (i < 0)
		return -1;
	s->stream.psk = s->psks->keys[i];
	s->stream.psk_about = &s->psks->about[i];
	return 0;
}

static int setup(struct opts *o, char known_hosts[KEYFILE_PATH_MAX], struct error *e)
{
	struct client_options *c = &o->client;
	struct error why = {0};

	if (o->remote_key) {
		c->judge.pinned = true;
		if (keyfile_read_public(&c->judge.pin, NULL, o->remote_key, &why) < 0)
			return error_set(e, why.code, why.blame, "--remote-key: %s", why.text);
	}
	if (stream_args_load(&o->args, o->args.anonymous, e) < 0)
		return -1;
	if (o->args.psks && choose_psk(&o->args, e) < 0)
		return -1;
	c->judge.known_hosts = o->known_hosts;
	if (!o->known_hosts) {
		if (keyfile_path(known_hosts, "known_hosts", e) < 0)
			return -1;
		c->judge.known_hosts = known_hosts;
	}
	if (code_args_identity(&o->code, &o->args, e) < 0 ||
	    (o->code.code && code_ask(&o->args.stream.code, &o->code.source, e) < 0))
		return -1;
	c->copy_id = o->code.copy_id;
	if (c->copy_id)
		o->args.stream.send_only = o->args.stream.recv_only = true;
	o->args.stream.remember = c->judge.remember = o->code.remember;
	c->judge.psk = o->args.psks != NULL;
	c->judge.code = o->code.code;
	c->stream = o->args.stream;
	c->socket = o->args.socket;
	c->protocol = o->args.protocol_count > 0 ? o->args.protocols[0] : NULL;
	return trust_name(c->judge.name, c->to.host, c->to.port, e);
}

int main(int argc, char **argv)
{
	struct common_args a = {.prog = PROG, .shorts = ARGS_SHORTS "r:s:p:zL:", .longs = longs,
	    .repeatable = repeatable, .argc = argc, .argv = argv};
	struct opts o = {.client = {.retries = -1, .retry_ms = RETRY_MS, .drain_ms = DRAIN_MS, .ready_fd = -1}, .code = {.source = {.fd = -1}}};
	char known_hosts[KEYFILE_PATH_MAX];
	struct error e = {0};
	int option, status;

	if (common_init(PROG))
		return error_status(ERROR_IO);
	stream_args_init(&o.args);
	while ((option = common_next(&a)) > 0) {
		if (option == 'h')
			return common_help(PROG, help);
		if (option == 'V')
			return stream_args_version(PROG);
		if (take_own(&o, option, &a))
			return COMMON_USAGE;
	}
	operands_behind(&a);
	if (option < 0 || options_check(&o, &a))
		return COMMON_USAGE;
	log_setup(PROG, o.args.verbosity, o.args.quiet);
	if (o.args.stream.log_json)
		log_as_json();
	if (setup(&o, known_hosts, &e) < 0) {
		log_error("%s", e.text);
		status = error_status(e.code);
	} else
		status = o.client.listens ? local_run(&o.client) : client_run(&o.client);
	stream_args_free(&o.args);
	if (!o.args.stream.log_json)
		common_try(PROG, status);
	if (o.client.of_command)
		return status;
	return common_exit(o.client.probe ? common_close_stdout(PROG, status) : status);
}
