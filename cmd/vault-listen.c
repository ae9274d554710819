/* vault-listen: wait for a client, then standard input and output through an encrypted session. */
#include <string.h>

#include "code_args.h"
#include "common.h"
#include "exec_args.h"
#include "listen_help.h"
#include "proto/handshake.h"
#include "protocol_args.h"
#include "run/exec.h"
#include "run/forward.h"
#include "run/keyfile.h"
#include "run/listener.h"
#include "run/log.h"
#include "run/protocol.h"
#include "run/spawner.h"
#include "run/switchboard.h"
#include "run/workers.h"
#include "stream_args.h"

#define PROG "vault-listen"
#define DRAIN_MS 5000

/* What was asked for; not changed after options_check(). */
struct opts {
	struct stream_args args;
	struct listener_options listener;
	const char *authorized_keys;
	struct code_args code;
	struct exec_args exec;
};

/* ---- options ---- */

enum {
	OPT_MAX_FAILURES = CODE_OWN,
	OPT_ACCEPT_TIMEOUT,
	OPT_DRAIN,
	OPT_READY_FD,
	OPT_HUB,
	OPT_ECHO,
	OPT_TAG,
	OPT_SLOW,
	OPT_FORWARD,
	OPT_CONTROL,
	OPT_EVENTS,
	OPT_EVENT_MESSAGES,
	OPT_USER,
	OPT_CHROOT,
	OPT_MAX_PER_IP,
	OPT_HANDSHAKE_RATE,
	OPT_WORKERS,
};

static const struct option longs[] = {
    ARGS_LONGS,
    CODE_LONGS,
    {"authorized-keys", required_argument, NULL, 'a'},
    {"keep-open", no_argument, NULL, 'k'},
    {"hub", no_argument, NULL, OPT_HUB},
    {"echo", no_argument, NULL, OPT_ECHO},
    {"tag", no_argument, NULL, OPT_TAG},
    {"slow", required_argument, NULL, OPT_SLOW},
    {"exec", required_argument, NULL, 'e'},
    {"sh-exec", required_argument, NULL, 'c'},
    {"forward", required_argument, NULL, OPT_FORWARD},
    {"control", required_argument, NULL, OPT_CONTROL},
    {"events", required_argument, NULL, OPT_EVENTS},
    {"event-messages", no_argument, NULL, OPT_EVENT_MESSAGES},
    {"user", required_argument, NULL, OPT_USER},
    {"chroot", required_argument, NULL, OPT_CHROOT},
    {"max-clients", required_argument, NULL, 'm'},
    {"max-per-ip", required_argument, NULL, OPT_MAX_PER_IP},
    {"handshake-rate", required_argument, NULL, OPT_HANDSHAKE_RATE},
    {"workers", required_argument, NULL, OPT_WORKERS},
    {"max-failures", required_argument, NULL, OPT_MAX_FAILURES},
    {"accept-timeout", required_argument, NULL, OPT_ACCEPT_TIMEOUT},
    {"drain", required_argument, NULL, OPT_DRAIN},
    {"ready-fd", required_argument, NULL, OPT_READY_FD},
    {NULL, 0, NULL, 0},
};

static const int repeatable[] = {'v', ARGS_PROTOCOL, 0};

static int take_slow(struct opts *o, const struct common_args *a)
{
	static const char *const names[] = {[SLOW_BLOCK] = "block", [SLOW_DROP] = "drop", [SLOW_CLOSE] = "close"};

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strcmp(a->value, names[i]) == 0) {
			o->listener.slow = (enum slow_policy)i;
			return 0;
		}
	return common_usage(PROG, "--slow: '%s' is none of block, drop, close", a->value);
}

static int take_forward(struct opts *o, const struct common_args *a)
{
	struct address *to = &o->listener.forward;
	struct error e = {0};

	if (forward_address(to, a->value, &e) < 0)
		return common_usage(PROG, "--forward: %s", e.text);
	o->listener.keep_open = o->listener.forwards = true;
	return 0;
}

static int take_workers(struct opts *o, const struct common_args *a)
{
	if (strcmp(a->value, "auto") != 0)
		return common_opt_int(a, &o->listener.workers, 1, WORKERS_MAX);
	o->listener.workers = workers_auto();
	return 0;
}

/* How the listener is run, as opposed to what it serves. */
static int take_hosting(struct opts *o, int option, const struct common_args *a)
{
	int code = code_args_take(&o->code, option, a);

	if (code >= 0)
		return code;
	switch (option) {
	case OPT_CONTROL:
		o->listener.control = a->value;
		return 0;
	case OPT_EVENTS:
		o->listener.events = a->value;
		return 0;
	case OPT_EVENT_MESSAGES:
		o->listener.event_messages = true;
		return 0;
	case OPT_USER:
		o->listener.user = a->value;
		return 0;
	case OPT_CHROOT:
		o->listener.root = a->value;
		return 0;
	default:
		return stream_args_take(&o->args, option, a);
	}
}

/* After all others, which may say that there will be many clients. */
static int options_hosting(const struct opts *o)
{
	const struct listener_options *l = &o->listener;

	if (l->control && !l->keep_open)
		return common_usage(PROG, "--control needs -k: one client alone is controlled by signals");
	if (l->event_messages && !l->events)
		return common_usage(PROG, "--event-messages needs --events");
	if (l->root && !l->user)
		return common_usage(PROG, "--chroot needs --user: root can leave any directory");
	if (l->root && l->root[0] != '/')
		return common_usage(PROG, "--chroot %s: give the whole path, from / on", l->root);
	if (l->root && o->args.stream.output)
		return common_conflict(PROG, "--chroot", "--output");
	return 0;
}

static int take_own(struct opts *o, int option, const struct common_args *a)
{
	switch (option) {
	case 'a':
		o->authorized_keys = a->value;
		return 0;
	case 'k':
		o->listener.keep_open = true;
		return 0;
	case OPT_HUB:
		o->listener.keep_open = o->listener.hub = true;
		return 0;
	case OPT_ECHO:
		o->listener.keep_open = o->listener.echo = true;
		return 0;
	case OPT_TAG:
		o->listener.tag = true;
		return 0;
	case OPT_SLOW:
		return take_slow(o, a);
	case 'e':
	case 'c':
		return exec_args_take(&o->exec, option, a);
	case OPT_FORWARD:
		return take_forward(o, a);
	case 'm':
		return common_opt_int(a, &o->listener.max_clients, 1, 1000000);
	case OPT_MAX_PER_IP:
		return common_opt_int(a, &o->listener.max_per_ip, 1, 1000000);
	case OPT_HANDSHAKE_RATE:
		return common_opt_int(a, &o->listener.handshake_rate, 1, 1000000);
	case OPT_WORKERS:
		return take_workers(o, a);
	case OPT_MAX_FAILURES:
		return common_opt_int(a, &o->listener.max_failures, 1, 1000000000);
	case OPT_ACCEPT_TIMEOUT:
		return common_opt_duration(a, &o->listener.accept_ms);
	case OPT_DRAIN:
		return common_opt_duration(a, &o->listener.drain_ms);
	case OPT_READY_FD:
		return common_opt_fd(a, &o->listener.ready_fd);
	default:
		return take_hosting(o, option, a);
	}
}

static int options_address(struct opts *o, const struct common_args *a)
{
	struct error e = {0};
	struct address *at = &o->listener.at;

	if (a->noperands > 2)
		return common_usage(PROG, "unexpected argument '%s'", a->operands[2]);
	if (address_parse(at, a->noperands > 0 ? a->operands[0] : NULL, a->noperands > 1 ? a->operands[1] : NULL, true,
		&e) < 0)
		return common_usage(PROG, "%s", e.text);
	o->listener.at_given = a->noperands > 0;
	if (!at->is_unix && !at->has_port)
		at->port = HANDSHAKE_DEFAULT_PORT;
	return 0;
}

/* What clients of the raw wire speak: the one --protocol, which native clients may speak as well. */
static int options_raw(struct opts *o)
{
	struct error e = {0};

	if (o->listener.wire == &wire_vault1)
		return 0;
	if (o->args.protocol_count > 1)
		return common_usage(PROG, "--wire %s: only one --protocol, nothing in that wire says which one is meant", o->args.wire);
	if (protocol_parse_raw(&o->listener.raw_protocol, o->args.protocol_count > 0 ? o->args.protocols[0] : NULL, &e) < 0)
		return common_usage(PROG, "--protocol: %s", e.text);
	return 0;
}

struct named {
	int option;
	const char *name;
};

/* The first of them that was given; the list ends with a name of NULL, which is what there is if none was. */
static const char *given(const struct common_args *a, const struct named *list)
{
	while (list->name && !common_given(a, list->option))
		list++;
	return list->name;
}

/* With a command or --forward, neither standard input nor output is used. */
static const struct named of_stdio[] = {{OPT_HUB, "--hub"}, {OPT_ECHO, "--echo"}, {ARGS_FRAMING, "--framing"}, {OPT_TAG, "--tag"},
    {OPT_SLOW, "--slow"}, {'o', "--output"}, {ARGS_SEND_ONLY, "--send-only"}, {ARGS_RECV_ONLY, "--recv-only"},
    {ARGS_PROGRESS, "--progress"}, {0, NULL}};
static const struct named of_one[] = {{OPT_MAX_FAILURES, "--max-failures"}, {OPT_ACCEPT_TIMEOUT, "--accept-timeout"}, {0, NULL}};
static const struct named of_many[] = {
    {'m', "--max-clients"}, {OPT_MAX_PER_IP, "--max-per-ip"}, {OPT_HANDSHAKE_RATE, "--handshake-rate"},
    {OPT_WORKERS, "--workers"}, {0, NULL}};

static int options_exec(const struct opts *o, const struct common_args *a)
{
	const char *name = exec_args_name(&o->exec), *other = given(a, of_stdio);

	if (o->listener.forwards)
		return common_conflict(PROG, name, "--forward");
	if (other)
		return common_conflict(PROG, name, other);
	if (o->listener.keep_open)
		return common_conflict(PROG, given(a, of_one), "--keep-open");
	other = given(a, of_many);
	return other ? common_usage(PROG, "%s needs --keep-open", other) : 0;
}

static int options_forward(const struct common_args *a)
{
	const char *other = given(a, of_stdio);

	return common_conflict(PROG, "--forward", other ? other : given(a, of_one));
}

/* What only many clients can have, and what only one can. */
static int options_many(const struct opts *o, const struct common_args *a)
{
	static const struct named board[] = {{OPT_TAG, "--tag"}, {OPT_SLOW, "--slow"}, {0, NULL}},
	  stdio[] = {{'o', "--output"}, {ARGS_PROGRESS, "--progress"}, {ARGS_RATE_LIMIT, "--rate-limit"}, {0, NULL}};
	const char *other;

	if (exec_args_given(&o->exec, a))
		return options_exec(o, a);
	if (o->listener.forwards)
		return options_forward(a);
	if (!o->listener.keep_open) {
		other = given(a, board);
		other = other ? other : given(a, of_many);
		return other ? common_usage(PROG, "%s needs --keep-open", other) : 0;
	}
	if (o->listener.hub && o->listener.echo)
		return common_conflict(PROG, "--hub", "--echo");
	other = given(a, stdio);
	return common_conflict(PROG, other ? other : given(a, of_one), "--keep-open");
}

static int options_check(struct opts *o, const struct common_args *a)
{
	struct error e = {0};

	if (stream_args_check(a) || options_many(o, a))
		return COMMON_USAGE;
	if (o->args.anonymous && o->authorized_keys)
		return common_conflict(PROG, "--anonymous", "--authorized-keys");
	o->args.many = o->listener.keep_open && !o->listener.forwards && !exec_args_given(&o->exec, a);
	o->listener.wire = protocol_wire(o->args.wire, true, &e);
	if (!o->listener.wire)
		return common_usage(PROG, "--wire: %s", e.text);
	if (stream_args_wire(&o->args, a, o->listener.wire) || options_raw(o))
		return COMMON_USAGE;
	if (options_hosting(o) || protocol_args_check(&o->args, PROG))
		return COMMON_USAGE;
	if (code_args_check_listen(&o->code, a, o->authorized_keys, o->listener.keep_open || o->listener.forwards,
		o->listener.user != NULL, OPT_ACCEPT_TIMEOUT, &o->listener.accept_ms))
		return COMMON_USAGE;
	return options_address(o, a);
}

/* ---- set-up ---- */

static int load_authorized(struct opts *o, char path[KEYFILE_PATH_MAX], struct error *e)
{
	struct judge_client *j = &o->listener.judge;
	int rc;

	j->serves = o->listener.forwards ? RULE_BACKENDS : o->exec.command ? RULE_COMMANDS : RULE_STDIO;
	o->args.stream.spare_output = j->serves != RULE_STDIO;
	j->everyone = true;
	if (o->args.anonymous || (o->code.code && !o->code.remember && !o->listener.keep_open))
		return 0;
	j->path = o->authorized_keys;
	if (!j->path) {
		struct error no_home = {0};

		if (keyfile_path(path, "authorized_keys", &no_home) < 0)
			return o->code.code ? keyfile_path(path, "authorized_keys", e) : 0;
		j->path = path;
	}
	if (o->code.code && !o->listener.keep_open) /* who may connect is for the code to say; the file is only written to */
		return 0;
	rc = trust_authorized_load(&j->list, j->path, e);
	if (rc == 1 && o->authorized_keys && !o->code.remember)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "--authorized-keys %s: no such file", j->path);
	j->everyone = rc == 1 && !o->code.code;
	return rc < 0 ? -1 : 0;
}

/* While this process has no secrets yet. */
static int start_spawner(struct opts *o, struct error *e)
{
	const struct judge_client *j = &o->listener.judge;
	const struct spawner_options options = {
	    .command = o->exec.command, .keys = &j->list, .keys_path = j->everyone ? NULL : j->path, .user = o->listener.user,
	    .root = o->listener.root};

	if (!o->exec.command)
		return 0;
	o->listener.spawner = spawner_start(&options, e);
	return o->listener.spawner ? 0 : -1;
}

static int setup(struct opts *o, char path[KEYFILE_PATH_MAX], struct error *e)
{
	static const char *const plain[] = {"XX", "IK"}, *const with_psk[] = {"XXpsk3"}, *const with_code[] = {"XXpsk0", "XX", "IK"};
	struct listener_options *l = &o->listener;

	if (load_authorized(o, path, e) < 0)
		return -1;
	l->open_warning = l->judge.everyone && !o->args.psk_file && !o->args.anonymous && !o->code.code;
	if (l->open_warning && (l->forwards || o->exec.command))
		return error_set(e, ERROR_SAFETY, BLAME_LOCAL, "%s: nothing says who may connect: give --authorized-keys or "
		    "--psk-file (or --anonymous, if anyone may)", l->forwards ? "--forward" : "a command for clients");
	if (start_spawner(o, e) < 0 || stream_args_load(&o->args, false, e) < 0)
		return -1;
	if (code_args_identity(&o->code, &o->args, e) < 0 || protocol_args_psks(&o->args, e) < 0)
		return -1;
	if (o->code.code && !(o->args.stream.code = code_new()))
		return error_set(e, ERROR_IO, BLAME_LOCAL, "no memory for the code");
	l->stream = o->args.stream;
	l->remember = o->code.remember;
	l->judge.psk_path = o->args.psk_file;
	l->max_message = o->args.stream.max_message > 0 ? o->args.stream.max_message : STREAM_MAX_MESSAGE;
	/* (Otherwise a longer one would be cut in two.) */
	if (l->wire == &wire_vaulttcp && l->stream.framing != FRAMING_RAW && l->max_message > SESSION_RAW_MESSAGEMAX)
		l->max_message = SESSION_RAW_MESSAGEMAX;
	l->socket = o->args.socket;
	l->allowed = o->code.code ? with_code : o->args.psks ? with_psk : plain;
	l->allowed_count = o->args.psks || (o->code.code && !l->keep_open) ? 1 : o->code.code ? 3 : 2;
	l->stream.code_beside = o->code.code && l->keep_open;
	if (o->args.protocol_count > 0) {
		l->allowed = o->args.protocols;
		l->allowed_count = o->args.protocol_count;
	}
	return 0;
}

static int run(struct listener_options *l)
{
	if (l->forwards)
		return service_run(l, &forward_kind);
	if (l->spawner && l->keep_open)
		return service_run(l, &exec_kind);
	return l->keep_open ? service_run(l, &switchboard_kind) : listener_run(l);
}

int main(int argc, char **argv)
{
	struct common_args a = {.prog = PROG, .shorts = ARGS_SHORTS "a:km:e:c:", .longs = longs, .repeatable = repeatable,
	    .argc = argc, .argv = argv};
	struct opts o = {.listener = {.ready_fd = -1, .drain_ms = DRAIN_MS}, .code = {.source = {.fd = -1}}};
	char path[KEYFILE_PATH_MAX];
	struct error e = {0};
	int option, status;

	if (common_init(PROG))
		return error_status(ERROR_IO);
	stream_args_init(&o.args);
	while ((option = common_next(&a)) > 0) {
		if (option == 'h')
			return common_help(PROG, listen_help);
		if (option == 'V')
			return stream_args_version(PROG);
		if (take_own(&o, option, &a))
			return COMMON_USAGE;
	}
	if (option < 0 || options_check(&o, &a) || exec_args_command(&o.exec, &a))
		return COMMON_USAGE;
	log_setup(PROG, o.args.verbosity, o.args.quiet);
	if (o.args.stream.log_json)
		log_as_json();
	if (setup(&o, path, &e) < 0) {
		log_error("%s", e.text);
		status = error_status(e.code);
	} else
		status = run(&o.listener);
	spawner_free(o.listener.spawner);
	trust_free(&o.listener.judge.list);
	stream_args_free(&o.args);
	exec_args_free(&o.exec);
	if (!o.args.stream.log_json)
		common_try(PROG, status);
	return common_exit(status);
}
