#include "stream.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "crypto/keytext.h"
#include "crypto/library.h"
#include "log.h"
#include "progress.h"
#include "stdstreams.h"

#define PROGRESS_SECONDS 0.25
#define PROGRESS_AUTO_AFTER_MS 1000
#define DRAIN_MS 5000
/* Measured against Vault TCP in Python on one machine: none failed at 10 ms; networks are slower. */
#define RAW_PAUSE_MS 50

/* The session wants raw keys; the secret one is released in stream_close(). */
static int load_identity(struct stream *st, struct session_config *config, struct error *e)
{
	const struct key *id = st->options->identity;
	struct key public = {0};

	config->throwaway = st->options->throwaway;
	if (!st->static_secret)
		st->static_secret = secret_alloc(KEY_BYTES);
	if (!st->static_secret)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "no memory for keys");
	if (key_x25519_secret(st->static_secret, id) != KEYTEXT_OK || key_public(&public, id) != KEYTEXT_OK ||
	    dh_public(DH_25519, st->static_public, st->static_secret) < 0)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "the identity cannot be used for TCP");
	config->handshake.static_secret = st->static_secret;
	config->handshake.static_public = st->static_public;
	if (public.form == KEY_PUBLIC) {
		memcpy(st->identity_public, public.bytes, sizeof st->identity_public);
		config->identity = st->identity_public;
	}
	return 0;
}

int stream_config(struct stream *st, struct session_config *config, struct error *e)
{
	const struct stream_options *o = st->options;

	if (load_identity(st, config, e) < 0)
		return -1;
	config->rng = config->handshake.rng = &secret_rng;
	config->handshake.psk = o->psk;
	config->handshake.psk_about = o->psk_about;
	config->handshake.psks = o->psk ? NULL : o->psks;
	config->handshake.code = o->code;
	config->handshake.code_beside = o->code_beside;
	config->remember = o->remember;
	config->software = o->software;
	config->take_nothing = o->send_only;
	config->send_nothing = o->recv_only;
	config->spare_output = o->spare_output;
	config->handshake_ms = o->handshake_ms;
	config->message_ms = o->message_ms;
	config->idle_ms = o->idle_ms;
	config->messages = o->framing != FRAMING_RAW;
	config->max_message = o->max_message;
	config->raw_idle_ms = o->raw_idle_ms > 0 ? o->raw_idle_ms : o->idle_ms;
	config->keepalive_ms = o->keepalive_ms;
	config->drain_ms = DRAIN_MS;
	config->pause_ms = RAW_PAUSE_MS;
	config->tells_unacked = true;
	if (!o->compress)
		return 0;
	if (!st->squash_bufs)
		st->squash_bufs = malloc(2 * SQUASH_PLAIN);
	if (!st->squash_bufs)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "out of memory");
	config->compress = true;
	config->level = o->level;
	config->squash_buf = st->squash_bufs;
	config->unsquash_buf = st->squash_bufs + SQUASH_PLAIN;
	return 0;
}

/* ---- figures ---- */

static void report_now(struct stream *st, int status)
{
	bool json = st->options->log_json || st->options->stats == REPORT_JSON;
	struct waits waits = st->waits;
	struct report r = {.conn = st->conn, .waits = &waits, .uptime_ms = clock_ms() - st->began, .status = status};

	waits_settle(&waits);
	if (json)
		report_json(&r);
	else
		report_text(&r);
}

static enum waits_for ask_waits(void *owner)
{
	struct stream *st = owner;

	return pump_waits(&st->pump);
}

static int64_t ask_busy(void *owner)
{
	struct stream *st = owner;

	return conn_network_us(st->conn);
}

static void on_usr1(struct ev_loop *loop, ev_signal *w, int events)
{
	struct stream *st = w->data;

	(void)loop;
	(void)events;
	if (st->asked) {
		st->asked(st->owner);
		return;
	}
	if (!st->pumping) {
		log_info(0, "no session yet");
		return;
	}
	session_ask(&st->conn->session); /* the answer is for the next time, or the kernel's */
	conn_update(st->conn);
	report_now(st, -1);
}

int stream_open(struct stream *st, struct ev_loop *loop, const struct stream_options *o, bool none, struct error *e)
{
	memset(st, 0, sizeof *st);
	st->loop = loop;
	st->options = o;
	/* (Until now it was ignored: by default this signal would end the process.) */
	ev_signal_init(&st->usr1, on_usr1, SIGUSR1);
	st->usr1.data = st;
	ev_signal_start(loop, &st->usr1);
	ev_unref(loop);
	st->stdio = stdstreams_open(none ? NULL : o->output, none || o->recv_only, none || o->send_only, e);
	st->ep = st->stdio;
	return st->ep ? 0 : -1;
}

int stream_confine(const struct stream *st, struct sandbox_needs needs, struct error *e)
{
	char stamp[LOG_STAMP_MAX];

	if (st->options->log_json || st->options->stats == REPORT_JSON)
		log_stamp(stamp); /* reads the system's time zone, once */
	library_no_more();
	needs.directory = stdstreams_directory(st->stdio);
	return sandbox_enter(&needs, st->options->sandbox, e);
}

/* ---- progress ---- */

static void on_progress(struct ev_loop *loop, ev_timer *w, int events)
{
	struct stream *st = w->data;
	int64_t elapsed = clock_ms() - st->began;

	(void)loop;
	(void)events;
	if (st->options->progress == PROGRESS_AUTO && elapsed < PROGRESS_AUTO_AFTER_MS)
		return;
	session_ask(&st->conn->session);
	progress_show(st->conn->session.confirmed, st->conn->session.delivered, st->ep->in_size, elapsed);
}

static bool progress_wanted(const struct stream *st)
{
	if (st->options->progress != PROGRESS_AUTO)
		return st->options->progress == PROGRESS_ON;
	return !st->options->log_json && progress_possible() && !st->ep->interactive && (st->ep->out_fd < 0 || !isatty(st->ep->out_fd));
}

/* ---- the run ---- */

/* A client's session may not be ready yet; what the server has agreed to, its owner looks at. */
static void keep_messages(struct stream *st)
{
	const struct stream_options *o = st->options;
	struct session *s = &st->conn->session;

	if (o->framing == FRAMING_RAW)
		return;
	if (session_agreed(s) && !session_keeps_messages(s)) {
		if (!s->config->handshake.initiator)
			log_info(1, "%s: the client keeps no message boundaries: bytes are passed on as they are", st->conn->peer);
		return;
	}
	if (pump_keep_messages(&st->pump, o->framing, o->max_message > 0 ? o->max_message : STREAM_MAX_MESSAGE) < 0)
		session_abort(s, CLOSE_BUSY, ERROR_IO, "out of memory");
}

void stream_run(struct stream *st, struct conn *conn)
{
	st->conn = conn;
	st->began = clock_ms();
	pump_start(&st->pump, conn, st->ep, st->options->recv_only, st->options->rate_limit);
	st->pumping = true;
	keep_messages(st);
	if (st->options->rate_limit > 0)
		conn_pace(conn, st->options->rate_limit);
	waits_start(&st->waits, st->loop, ask_waits, ask_busy, st);
	ev_timer_init(&st->progress, on_progress, PROGRESS_SECONDS, PROGRESS_SECONDS);
	st->progress.data = st;
	if (progress_wanted(st))
		ev_timer_start(st->loop, &st->progress);
}

/* Not a word from a raw peer to which we have shown a key. */
static bool heard_nothing(const struct stream *st)
{
	const struct session *s = &st->conn->session;

	return session_is_raw(s) && s->received == 0 && s->messages_received == 0 && session_agreed(s) &&
	    noise_protocol_needs_static(&s->protocol, s->config->handshake.initiator);
}

/* Who is refused by a raw peer learns it only as an end. */
static void warn_empty(const struct stream *st)
{
	if (heard_nothing(st) && !st->options->send_only)
		log_warn("warning: %s: the peer ended without sending anything: it may not accept this side's key",
		    st->conn->peer);
}

void stream_warn_raw(const struct conn *c)
{
	if (session_is_raw(&c->session))
		log_warn("warning: %s: in the wire vault-tcp nothing confirms delivery, and a cut connection can look like an end",
		    c->peer);
}

bool stream_step(struct stream *st)
{
	return st->pumping && pump_step(&st->pump);
}

/* Who is refused by a raw peer may learn it as a reset, too. */
static bool refused_perhaps(const struct stream *st, const struct error *e)
{
	return (e->code == ERROR_TRUNCATED || e->code == ERROR_NETWORK) && e->blame == BLAME_PEER && heard_nothing(st);
}

static void tell_error(const struct stream *st, const struct error *e)
{
	bool peer = (e->blame == BLAME_PEER || e->blame == BLAME_AUTH) && !strstr(e->text, st->conn->peer);

	log_error("%s%s%s%s", peer ? st->conn->peer : "", peer ? ": " : "", e->text,
	    refused_perhaps(st, e) ? "; it may not accept this side's key" : "");
}

void stream_figures(struct stream *st, int status)
{
	waits_stop(&st->waits);
	if (st->options->stats != REPORT_NONE)
		report_now(st, status);
}

/* The pump's status, or that of the command at either end. */
static int find_status(struct stream *st, struct error *e)
{
	int status = pump_status(&st->pump, e), command = session_child_status(&st->conn->session);

	st->of_command = e->code == ERROR_OK && st->pump.concluded;
	if (!st->options->exec_status || command < 0 || st->pump.error.code != ERROR_OK || st->pump.broken_pipe)
		return status;
	memset(e, 0, sizeof *e);
	st->of_command = true;
	return command;
}

int stream_status(struct stream *st)
{
	const struct session *s = &st->conn->session;
	const char *verdict;
	struct error e;
	int status = find_status(st, &e);
	bool complete = status == 0 || st->of_command;

	if (ev_is_active(&st->progress)) {
		ev_timer_stop(st->loop, &st->progress);
		progress_end(st->options->progress == PROGRESS_ON, s->confirmed, s->delivered, clock_ms() - st->began);
	}
	if (e.code != ERROR_OK && status != 128 + 13)
		tell_error(st, &e);
	if (status == 0)
		warn_empty(st);
	stream_figures(st, status);
	verdict = report_verdict(st->conn, &st->waits);
	if (verdict)
		log_info(1, "%s", verdict);
	log_info(1, "%llu bytes sent, %llu bytes received, %s", (unsigned long long)s->sent,
	    (unsigned long long)s->delivered, complete ? "complete" : "not complete");
	return status;
}

void stream_drop(struct stream *st)
{
	if (st->pumping) {
		pump_stop(&st->pump);
		waits_stop(&st->waits);
	}
	ev_timer_stop(st->loop, &st->progress);
	conn_free(st->conn);
	st->conn = NULL;
	st->pumping = false;
}

/* Stopping a watcher gives the signal its default back, which would end the process. */
static void ignore_usr1(struct stream *st)
{
	sigset_t usr1, before;

	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigprocmask(SIG_BLOCK, &usr1, &before);
	ev_ref(st->loop);
	ev_signal_stop(st->loop, &st->usr1);
	signal(SIGUSR1, SIG_IGN);
	sigprocmask(SIG_SETMASK, &before, NULL);
}

void stream_close(struct stream *st)
{
	if (!st->loop)
		return;
	stream_drop(st);
	ignore_usr1(st);
	stdstreams_close(st->stdio);
	if (st->squash_bufs)
		secret_wipe(st->squash_bufs, 2 * SQUASH_PLAIN);
	free(st->squash_bufs);
	secret_free(st->static_secret);
	memset(st, 0, sizeof *st);
}
