#include "tunnel.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"

static unsigned long long id_of(const struct tunnel *t)
{
	return (unsigned long long)t->id;
}

/* ---- life ---- */

static void drop_conn(struct tunnel *t)
{
	if (!t->conn)
		return;
	if (t->pumping)
		pump_stop(&t->pump);
	t->pumping = false;
	t->all->sent += t->conn->session.sent;
	t->all->received += t->conn->session.delivered;
	conn_free(t->conn);
	t->conn = NULL;
}

static void close_tunnel(struct tunnel *t, bool clean)
{
	struct tunnels *all = t->all;

	dial_cancel(&t->dial);
	drop_conn(t);
	plain_close(&t->plain, clean);
	if (t->prev)
		t->prev->next = t->next;
	else
		all->first = t->next;
	if (t->next)
		t->next->prev = t->prev;
	all->count--;
	secret_wipe(t, sizeof *t);
	free(t);
	all->left(all);
}

void tunnel_free(struct tunnel *t)
{
	close_tunnel(t, false);
}

/* ---- the end ---- */

static bool says_peer(const struct error *e)
{
	return e->blame == BLAME_PEER || e->blame == BLAME_AUTH;
}

static void tell(const struct tunnel *t, const struct error *e)
{
	const char *peer = says_peer(e) ? t->conn->peer : NULL;

	/* That it could not be set up must be known; what local clients do is their affair. */
	if (!t->announced)
		log_error("%llu: %s%s%s", id_of(t), peer ? peer : "", peer ? ": " : "", e->text);
	else if (says_peer(e))
		log_warn("%llu: %s: %s", id_of(t), peer, e->text);
	else
		log_info(1, "%llu: %s", id_of(t), e->text);
}

static void dial(struct tunnel *t);

/* The session has closed. */
static void over(struct tunnel *t)
{
	const struct session *s = &t->conn->session;
	struct error e = *session_error(s);

	if (contact_key_was_wrong(&t->contact, s)) {
		struct error ignored = {0};

		drop_conn(t);
		if (contact_look(&t->contact, &ignored) == 0) {
			dial(t);
			return;
		}
	} else if (t->pumping)
		(void)!pump_status(&t->pump, &e);
	if (e.code != ERROR_OK && t->conn)
		tell(t, &e);
	else if (t->conn) {
		t->all->complete++;
		log_info(1, "%llu: complete, %llu bytes sent, %llu bytes received", id_of(t), (unsigned long long)s->sent,
		    (unsigned long long)s->delivered);
	}
	close_tunnel(t, e.code == ERROR_OK);
}

bool tunnel_cut(struct tunnel *t, int64_t hurry_ms)
{
	struct session *s;
	bool cut;

	if (!t->conn) {
		tunnel_free(t);
		return true;
	}
	s = &t->conn->session;
	conn_wake(t->conn);
	session_hurry(s, hurry_ms);
	session_abort(s, CLOSE_INTERRUPTED, ERROR_TRUNCATED, "shut down");
	cut = session_error(s)->code != ERROR_OK;
	conn_update(t->conn);
	t->conn->changed(t->conn, t);
	return cut;
}

/* ---- the session ---- */

static void start_pump(struct tunnel *t)
{
	if (t->pumping || t->contact.looking)
		return;
	pump_start(&t->pump, t->conn, &t->plain.ep, false, t->all->o->stream.rate_limit);
	t->pump.told_waiting = true; /* nobody sits here and waits */
	t->pumping = true;
}

/* What was remembered now is expected of all that follow. */
static void learn(struct tunnels *all)
{
	struct error ignored = {0};
	struct contact fresh = all->contact;

	if (!all->contact.has_expected && contact_choose(&fresh, &ignored) == 0)
		all->contact = fresh;
	secret_wipe(&fresh, sizeof fresh);
}

static void announce(struct tunnel *t)
{
	t->announced = true;
	t->conn->thrifty = true;
	if (!t->all->warned_raw)
		stream_warn_raw(t->conn);
	t->all->warned_raw = true;
	if (contact_ready(&t->contact, t->conn) < 0) {
		t->announced = false; /* it never was */
		return;
	}
	learn(t->all);
	start_pump(t);
}

static void on_changed(struct conn *c, void *owner)
{
	struct tunnel *t = owner;
	bool closed;

	if (session_state(&c->session) & SESSION_JUDGE)
		contact_judge(&t->contact, c);
	/* Even if the session has closed already by what came in the same segment. */
	if (session_agreed(&c->session) && !t->announced && session_error(&c->session)->code != ERROR_AUTH)
		announce(t);
	conn_update(c);
	closed = t->pumping ? pump_step(&t->pump) : (session_state(&c->session) & SESSION_CLOSED) != 0;
	if (closed)
		over(t);
}

static void on_dialled(int fd, const char *peer, const struct error *failure, void *owner)
{
	struct tunnel *t = owner;
	struct tunnels *all = t->all;
	struct error e = {0};

	if (fd < 0) {
		log_error("%llu: %s", id_of(t), failure->text);
		tunnel_free(t);
		return;
	}
	t->config = (struct session_config){.wire = all->o->wire};
	if (stream_config(&all->stream, &t->config, &e) == 0) {
		contact_configure(&t->contact, &t->config, t->deadline);
		t->conn = conn_new(all->loop, fd, peer, &t->config, CONN_WORKBUF, &all->pool, on_changed, t, &e);
	} else
		close(fd);
	if (!t->conn || conn_own_squash(t->conn) < 0) {
		log_error("%llu: %s", id_of(t), t->conn ? "out of memory" : e.text);
		tunnel_free(t);
		return;
	}
	/* To a server whose key is known, data may go with the handshake. */
	if (!t->config.wait_ready)
		start_pump(t);
	on_changed(t->conn, t);
}

static void dial(struct tunnel *t)
{
	int64_t left = t->deadline < 0 ? 0 : t->deadline - clock_ms();

	dial_start(&t->dial, &t->all->target, t->deadline >= 0 && left < 1 ? 1 : left, on_dialled, t);
}

void tunnel_open(struct tunnels *all, int fd)
{
	struct tunnel *t = calloc(1, sizeof *t);
	int64_t ms = all->o->stream.handshake_ms;

	if (!t) {
		log_error("out of memory");
		plain_refuse(fd);
		return;
	}
	t->all = all;
	t->id = ++all->begun;
	t->next = all->first;
	if (all->first)
		all->first->prev = t;
	all->first = t;
	all->count++;
	t->contact = all->contact;
	t->deadline = ms > 0 ? clock_ms() + ms : -1;
	plain_open(&t->plain, fd, "the local client");
	log_info(2, "%llu: a local client has connected", id_of(t));
	dial(t);
}
