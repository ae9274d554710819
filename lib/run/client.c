#include "client.h"

#include <ev.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "contact.h"
#include "log.h"
#include "probe.h"
#include "signals.h"

#define RETRY_MOST_MS 60000
#define INTERRUPT_DRAIN_MS 1000

struct client {
	struct client_options *o;
	struct address to;
	struct ev_loop *loop;
	struct stream stream;
	struct conn *conn; /* until the stream has it, and for a probe */
	struct contact contact;
	struct session_config config; /* of the session under way */
	bool announced;	   /* READY was seen */
	bool over;	   /* the session has closed */
	bool confined;	   /* in the sandbox, as far as a try allows */
	bool loose;	   /* and once the session is up, it can be made smaller */
	bool unknown;	   /* our key was to be remembered, and is not */
	struct signals signals;
	int signal;
	char peer[ADDRESS_TEXTMAX];
};

static void on_changed(struct conn *conn, void *owner);

/* ---- the sandbox ---- */

/* What may be needed until the session is up. */
static struct sandbox_needs needs_of_handshake(struct client *c)
{
	const struct client_options *o = c->o;
	struct sandbox_needs needs = {.connect = o->retry || contact_wants_known_key(&c->contact)};

	needs.unix_socket = needs.connect && o->to.is_unix;
	if (needs.connect && !o->to.is_unix) {
		needs.port = o->to.port;
		needs.bind = o->socket.source || o->socket.source_port != 0;
		needs.source_port = o->socket.source_port;
		needs.resolve = (o->retry || o->socket.source) && !o->socket.numeric;
	}
	contact_needs(&c->contact, &needs);
	needs.again = needs.connect || needs.arrival || needs.append;
	return needs;
}

static int confine(struct client *c, struct error *e)
{
	struct sandbox_needs needs;

	if (c->confined || c->o->stream.sandbox == SANDBOX_OFF)
		return 0;
	c->confined = true;
	needs = needs_of_handshake(c);
	c->loose = needs.again;
	noise_protocol_prepare(&c->contact.protocol);
	return stream_confine(&c->stream, needs, e);
}

/* The session is up: nothing but its bytes is left to do. */
static void confine_session(struct client *c)
{
	const struct sandbox_needs nothing = {0};
	struct error ignored = {0}; /* what the first time took stays taken */

	if (!c->loose)
		return;
	c->loose = false;
	(void)!stream_confine(&c->stream, nothing, &ignored);
}

/* ---- the session's events ---- */

/* Did the listener do as we asked? */
static void tell_remembered(struct client *c, bool done)
{
	c->unknown = !done;
	if (done)
		log_warn("%s accepts this side's key from now on", c->o->judge.name);
	else
		log_warn("%s did not remember this side's key: there it takes vault-listen --code --remember, and a file that can be written",
		    c->o->judge.name);
}

/* Nothing has been sent yet, and what the peer may have sent has not been looked at. */
static void check_messages(const struct client *c, struct conn *conn)
{
	if (c->o->stream.framing == FRAMING_RAW || session_keeps_messages(&conn->session))
		return;
	session_abort(&conn->session, CLOSE_PROTOCOL, ERROR_PROTOCOL,
	    "the listener keeps no message boundaries, which --framing needs: it does with --framing, or -k");
	conn_update(conn);
}

static void announce(struct client *c, struct conn *conn)
{
	c->announced = true;
	check_messages(c, conn);
	stream_warn_raw(conn);
	(void)!contact_ready(&c->contact, conn);
	if (c->o->stream.remember)
		tell_remembered(c, session_peer(&conn->session)->remember);
	confine_session(c);
	if (!c->stream.pumping && !c->o->probe) {
		stream_run(&c->stream, conn);
		c->conn = NULL;
	}
}

static void on_changed(struct conn *conn, void *owner)
{
	struct client *c = owner;
	unsigned state = session_state(&conn->session);

	if (state & SESSION_JUDGE) {
		contact_judge(&c->contact, conn);
		state = session_state(&conn->session);
	}
	/* Even if the session has closed already by what came in the same segment. */
	if (session_agreed(&conn->session) && !c->announced)
		announce(c, conn);
	c->over = c->stream.pumping ? stream_step(&c->stream) : (state & SESSION_CLOSED) != 0;
	if (c->over)
		ev_break(c->loop, EVBREAK_ALL);
}

static void on_signal(int number, void *owner)
{
	struct client *c = owner;
	struct conn *conn = c->stream.conn ? c->stream.conn : c->conn;

	if (c->signal != 0 || !conn) {
		c->signal = number;
		ev_break(c->loop, EVBREAK_ALL);
		return;
	}
	c->signal = number;
	session_hurry(&conn->session, INTERRUPT_DRAIN_MS);
	session_abort(&conn->session, CLOSE_INTERRUPTED, ERROR_TRUNCATED, "interrupted");
	conn_update(conn);
	on_changed(conn, c);
}

/* While a connection is under way the loop does not run: let it see signals. */
static bool interrupted(void *owner)
{
	struct client *c = owner;

	ev_run(c->loop, EVRUN_NOWAIT);
	return c->signal != 0;
}

/* ---- one try ---- */

static int start_session(struct client *c, int fd, int64_t deadline, struct error *e)
{
	const struct client_options *o = c->o;
	struct session_config *config = &c->config;

	*config = (struct session_config){.wire = o->wire, .probe = o->probe};
	if (stream_config(&c->stream, config, e) < 0)
		return -1;
	contact_configure(&c->contact, config, deadline);
	/* What is tried again must not have eaten input. */
	config->wait_ready |= o->retry;
	c->announced = c->over = false;
	c->conn = conn_new(c->loop, fd, c->peer, config, SESSION_BIGBUF, NULL, on_changed, c, e);
	if (!c->conn)
		return -1;
	if (!o->retry && !o->probe && !c->contact.looking) {
		stream_run(&c->stream, c->conn);
		c->conn = NULL;
		c->over = stream_step(&c->stream);
	}
	return 0;
}

/* Connect and run to the end. 0 if a session was begun (then the conn tells how it went), or -1. */
static int attempt(struct client *c, struct error *e)
{
	const struct client_options *o = c->o;
	int64_t deadline = o->stream.handshake_ms > 0 ? clock_ms() + o->stream.handshake_ms : -1;
	int fd;

	/* What is tried again looks up names again; otherwise that is done now. */
	if (o->retry && confine(c, e) < 0)
		return -1;
	fd = socket_connect(&c->to, &o->socket, deadline, c->peer, e);
	if (fd < 0)
		return -1;
	log_info(2, "%s: TCP connected, speaking %s", c->peer, c->contact.protocol.name);
	if (confine(c, e) < 0) {
		close(fd);
		return -1;
	}
	if (start_session(c, fd, deadline, e) < 0)
		return -1;
	if (!c->over)
		ev_run(c->loop, 0);
	return 0;
}

static void drop_conn(struct client *c)
{
	conn_free(c->conn);
	c->conn = NULL;
}

/*
 * The server could not read our first message: it has not the key that we expect. Which one it
 * has, only another pattern tells: ask, and refuse whatever comes.
 */
static void find_out(struct client *c, struct error *e)
{
	struct error ignored = {0};

	/* The one that refused, and without a name to look up, which the sandbox would not let us. */
	if (address_parse(&c->to, c->peer, NULL, false, &ignored) < 0 || c->to.host[0] == '\0')
		c->to = c->o->to;
	memset(&ignored, 0, sizeof ignored);
	if (contact_look(&c->contact, &ignored) < 0 || attempt(c, &ignored) < 0 || !c->conn)
		return;
	if (session_error(&c->conn->session)->code == ERROR_AUTH && session_peer(&c->conn->session)->has_key)
		*e = *session_error(&c->conn->session);
	drop_conn(c);
}

/* ---- tries in a row ---- */

/* Is it worth another try? Only before anything was agreed, and never after a refusal of keys. */
static bool again(const struct client *c, const struct error *e, int64_t done)
{
	if (!c->o->retry || c->signal || c->stream.pumping)
		return false;
	if (e->code != ERROR_NETWORK && e->code != ERROR_TIMEOUT)
		return false;
	return c->o->retries < 0 || done < c->o->retries;
}

static int64_t pause_ms(const struct client *c, int64_t done)
{
	int64_t ms = c->o->retry_ms;
	uint32_t random;

	while (done-- > 0 && ms < RETRY_MOST_MS)
		ms += ms / 2;
	if (ms > RETRY_MOST_MS && ms > c->o->retry_ms)
		ms = RETRY_MOST_MS;
	secret_rng.fill(secret_rng.ctx, (uint8_t *)&random, sizeof random);
	return ms * 3 / 4 + (int64_t)(random % 1000) * ms / 2000; /* three quarters to five quarters */
}

/* Wait, but not for a signal that wants us to leave. */
static void on_pause(struct ev_loop *loop, ev_timer *w, int events)
{
	(void)w;
	(void)events;
	ev_break(loop, EVBREAK_ALL);
}

static void pause_for(struct client *c, int64_t ms)
{
	ev_timer timer;

	ev_timer_init(&timer, on_pause, (double)ms / 1000, 0.);
	ev_now_update(c->loop);
	ev_timer_start(c->loop, &timer);
	ev_run(c->loop, 0);
	ev_timer_stop(c->loop, &timer);
}

static void run_tries(struct client *c, struct error *e)
{
	for (int64_t done = 0;; done++) {
		int64_t ms;

		memset(e, 0, sizeof *e);
		if (attempt(c, e) == 0 && !c->conn)
			return; /* the stream has it and knows how it ended */
		if (c->conn)
			*e = *session_error(&c->conn->session);
		if (!again(c, e, done))
			return;
		drop_conn(c);
		ms = pause_ms(c, done);
		log_info(1, "%s; trying again in %.1f s", e->text, (double)ms / 1000);
		pause_for(c, ms);
		if (c->signal)
			return;
	}
}

/* ---- before and after ---- */

static int outcome(struct client *c, struct error *e)
{
	const struct conn *conn;
	int status;

	if (c->signal)
		return 128 + c->signal;
	conn = c->stream.pumping ? c->stream.conn : c->conn;
	if (conn && contact_key_was_wrong(&c->contact, &conn->session)) {
		*e = *session_error(&conn->session);
		if (c->stream.pumping)
			stream_figures(&c->stream, error_status(e->code));
		stream_drop(&c->stream);
		drop_conn(c);
		find_out(c, e);
	}
	if (c->stream.pumping) {
		status = stream_status(&c->stream);
		c->o->of_command = c->stream.of_command;
		if (status == 0 && c->unknown && c->o->copy_id)
			return error_status(ERROR_PEER);
		return status == 0 && c->o->judge.failed ? error_status(ERROR_IO) : status;
	}
	if (e->code == ERROR_OK && c->o->probe)
		return probe_print(c->conn, &c->o->judge, contact_is_25519(&c->contact), c->o->json);
	status = error_status(e->code);
	if (e->code != ERROR_OK)
		log_error("%s", e->text);
	if (c->o->probe && c->o->json)
		probe_print_error(&c->o->judge, e);
	return status;
}

int client_run(struct client_options *o)
{
	struct client c = {.o = o, .to = o->to, .loop = ev_default_loop(EVFLAG_NOENV)};
	struct error e = {0};
	int status = -1;

	c.contact.o = o;
	if (judge_server_load(&o->judge, &e) < 0 || contact_choose(&c.contact, &e) < 0)
		goto fail;
	if (stream_open(&c.stream, c.loop, &o->stream, o->probe, &e) < 0)
		goto fail;
	o->socket.interrupted = interrupted;
	o->socket.owner = &c;
	signals_start(&c.signals, c.loop, on_signal, &c);
	run_tries(&c, &e);
	status = outcome(&c, &e);
	signals_stop(&c.signals);
fail:
	if (status < 0) {
		log_error("%s", e.text);
		status = error_status(e.code);
	}
	drop_conn(&c);
	stream_close(&c.stream);
	judge_server_free(&o->judge);
	secret_wipe(&c.contact.expected, sizeof c.contact.expected);
	return status;
}
