#include "udp_report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"

const char *udp_report_kind(const struct peer *p)
{
	static const char *const names[] = {[PEER_UNKNOWN] = "unknown", [PEER_NATIVE] = "vault-udp",
	    [PEER_UPSTREAM] = "py-vault-udp", [PEER_V1] = "v1"};

	return names[p->kind];
}

uint64_t udp_report_lost(const struct udp_loop *l)
{
	uint64_t lost = l->engine->peers.lost;

	for (size_t i = 0; i < l->engine->peers.used; i++)
		if (l->slots[i].state != PEER_FREE)
			lost += peer_lost(&l->slots[i]);
	return lost;
}

/* ---- lines ---- */

static int put_line(int fd, json_t *o)
{
	char *line = o ? json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;
	size_t n = line ? strlen(line) : 0;
	ssize_t put = -1;

	json_decref(o);
	if (line) {
		line[n] = '\n'; /* in place of the NUL: one write, one line */
		put = write(fd, line, n + 1);
	}
	free(line);
	return put == (ssize_t)n + 1 ? 0 : -1;
}

static void own_key(const struct udp_loop *l, char key[KEYTEXT_MAX])
{
	struct key public = {.form = KEY_PUBLIC};

	memcpy(public.bytes, l->engine->config.sign_secret + 32, sizeof public.bytes);
	keytext_format(key, &public);
}

static json_t *listening(const struct udp_loop *l)
{
	char key[KEYTEXT_MAX];

	own_key(l, key);
	return json_pack("{s:i, s:s, s:s, s:i, s:s, s:b}", "v", 1, "event", "listening", "address", l->socket.host, "port",
	    l->socket.port, "key", key, "throwaway", l->o->throwaway);
}

int udp_report_ready(const struct udp_loop *l, struct error *e)
{
	int put;

	if (l->o->events_fd >= 0)
		(void)put_line(l->o->events_fd, listening(l));
	if (l->o->ready_fd < 0)
		return 0;
	put = put_line(l->o->ready_fd, listening(l));
	if (close(l->o->ready_fd) < 0 || put < 0)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "--ready-fd %d: %s", l->o->ready_fd, strerror(errno));
	return 0;
}

static json_t *event(const char *name)
{
	char stamp[LOG_STAMP_MAX];

	return json_pack("{s:i, s:s, s:s}", "v", 1, "time", log_stamp(stamp), "event", name);
}

static void put_peer(const struct udp_loop *l, json_t *o, const struct peer *p)
{
	char at[ADDRESS_TEXTMAX], key[KEYTEXT_MAX];
	const char *label = udp_judge_label(l->o->judge, p);

	json_object_set_new(o, "id", json_integer(p->id));
	json_object_set_new(o, "peer", json_string(udp_address_text(at, &p->at)));
	json_object_set_new(o, "kind", json_string(udp_report_kind(p)));
	if (p->has_sign)
		json_object_set_new(o, "key", json_string(udp_judge_text(p, key)));
	if (label)
		json_object_set_new(o, "name", json_string(label));
}

void udp_report_event(const struct udp_loop *l, const char *name, const struct peer *p, const char *reason)
{
	json_t *o;

	if (l->o->events_fd < 0)
		return;
	o = event(name);
	if (p) {
		put_peer(l, o, p);
		json_object_set_new(o, "messages_sent", json_integer((json_int_t)p->n.messages_sent));
		json_object_set_new(o, "messages_received", json_integer((json_int_t)p->n.messages_received));
		json_object_set_new(o, "lost", json_integer((json_int_t)peer_lost(p)));
	}
	if (reason)
		json_object_set_new(o, "reason", json_string(reason));
	(void)put_line(l->o->events_fd, o);
}

void udp_report_message(const struct udp_loop *l, const struct udp_message *m)
{
	char at[ADDRESS_TEXTMAX];
	json_t *o;

	if (l->o->events_fd < 0)
		return;
	o = event("message");
	if (m->peer)
		put_peer(l, o, m->peer);
	else
		json_object_set_new(o, "peer", json_string(udp_address_text(at, &m->from)));
	json_object_set_new(o, "bytes", json_integer((json_int_t)m->len));
	json_object_set_new(o, "encrypted", json_boolean(!m->clear));
	(void)put_line(l->o->events_fd, o);
}

/* ---- figures ---- */

json_t *udp_report_peer(const struct udp_loop *l, const struct peer *p)
{
	static const char *const states[] = {"free", "gone", "waiting", "keyed", "up"};
	json_t *o = json_object();
	const struct peer_counters *n = &p->n;

	put_peer(l, o, p);
	json_object_set_new(o, "state", json_string(states[p->state]));
	json_object_set_new(o, "throwaway", json_boolean(p->throwaway));
	json_object_set_new(o, "messages_sent", json_integer((json_int_t)n->messages_sent));
	json_object_set_new(o, "bytes_sent", json_integer((json_int_t)n->bytes_sent));
	json_object_set_new(o, "messages_received", json_integer((json_int_t)n->messages_received));
	json_object_set_new(o, "bytes_received", json_integer((json_int_t)n->bytes_received));
	json_object_set_new(o, "lost", json_integer((json_int_t)peer_lost(p)));
	json_object_set_new(o, "reordered", json_integer((json_int_t)n->late));
	json_object_set_new(o, "duplicates", json_integer((json_int_t)n->repeated));
	json_object_set_new(o, "dropped", json_integer((json_int_t)n->dropped));
	json_object_set_new(o, "clear_sent", json_integer((json_int_t)n->clear_sent));
	json_object_set_new(o, "clear_received", json_integer((json_int_t)n->clear_received));
	json_object_set_new(o, "confirmed", p->end_confirmed ? json_integer((json_int_t)p->confirmed_messages) : json_null());
	json_object_set_new(o, "ended", json_boolean(p->ended));
	json_object_set_new(o, "datagram_size", json_integer((json_int_t)p->size));
	json_object_set_new(o, "message_max", json_integer((json_int_t)udp_text_max(l->engine, p)));
	json_object_set_new(o, "rtt_ms", p->rtt_us > 0 ? json_real((double)p->rtt_us / 1000) : json_null());
	json_object_set_new(o, "silent_seconds",
	    p->heard_at > 0 ? json_real((double)(l->engine->now - p->heard_at) / 1000) : json_null());
	return o;
}

static json_t *drops(const struct udp_loop *l)
{
	json_t *o = json_object();

	for (int i = 0; i < UDP_DROP_COUNT; i++)
		if (l->engine->drops[i] > 0)
			json_object_set_new(o, udp_drop_name((enum udp_drop)i), json_integer((json_int_t)l->engine->drops[i]));
	return o;
}

/* Upstream's names: a peer is "address:port", and under each address its ports. */
static void put_peers(const struct udp_loop *l, json_t *o)
{
	json_t *peers = json_array(), *by_ip = json_object(), *keys = json_object(), *nonces = json_object();
	char at[ADDRESS_TEXTMAX], ip[ADDRESS_TEXTMAX], key[KEYTEXT_MAX];

	for (size_t i = 0; i < l->engine->peers.used; i++) {
		const struct peer *p = &l->slots[i];
		char *colon;
		json_t *ports;

		if (p->state <= PEER_GONE)
			continue;
		json_array_append_new(peers, udp_report_peer(l, p));
		udp_address_text(at, &p->at);
		snprintf(ip, sizeof ip, "%s", at);
		colon = strrchr(ip, ':');
		if (colon)
			*colon = '\0';
		ports = json_object_get(by_ip, ip);
		if (!ports)
			json_object_set_new(by_ip, ip, ports = json_array());
		json_array_append_new(ports, json_integer(p->at.port));
		if (p->has_sign)
			json_object_set_new(keys, at, json_string(udp_judge_text(p, key)));
		json_object_set_new(nonces, at, json_integer((json_int_t)p->messages.received));
	}
	json_object_set_new(o, "peer_count", json_integer((json_int_t)json_array_size(peers)));
	json_object_set_new(o, "unique_ips", json_integer((json_int_t)json_object_size(by_ip)));
	json_object_set_new(o, "peers", peers);
	json_object_set_new(o, "peers_by_ip", by_ip);
	json_object_set_new(o, "keys", keys);
	json_object_set_new(o, "nonces", nonces);
}

struct totals {
	uint64_t messages_sent, bytes_sent, messages_received, bytes_received, late, repeated;
	size_t mtu;
};

static struct totals sum(const struct udp_loop *l)
{
	const struct peer_counters *gone = &l->engine->peers.gone;
	struct totals t = {gone->messages_sent, gone->bytes_sent, gone->messages_received, gone->bytes_received, gone->late,
	    gone->repeated, 0};

	for (size_t i = 0; i < l->engine->peers.used; i++) {
		const struct peer *p = &l->slots[i];

		t.messages_sent += p->n.messages_sent;
		t.bytes_sent += p->n.bytes_sent;
		t.messages_received += p->n.messages_received;
		t.bytes_received += p->n.bytes_received;
		t.late += p->n.late;
		t.repeated += p->n.repeated;
		if (p->state > PEER_GONE && p->size > DATAGRAM_HEAD && (t.mtu == 0 || p->size - DATAGRAM_HEAD < t.mtu))
			t.mtu = p->size - DATAGRAM_HEAD;
	}
	return t;
}

json_t *udp_report_json(const struct udp_loop *l, int status)
{
	struct totals t = sum(l);
	char stamp[LOG_STAMP_MAX], key[KEYTEXT_MAX];
	json_t *o = json_pack("{s:i, s:s, s:s, s:s, s:s, s:i, s:i, s:I, s:I, s:I, s:I, s:I}", "v", 1, "time", log_stamp(stamp),
	    "level", "info", "event", "stats", "message", "figures of the run", "protocol_version", l->o->v1 ? 1 : 2, "recv_port",
	    l->socket.port, "mtu", (json_int_t)t.mtu, "messages_sent", (json_int_t)t.messages_sent, "bytes_sent",
	    (json_int_t)t.bytes_sent, "messages_received", (json_int_t)t.messages_received, "bytes_received",
	    (json_int_t)t.bytes_received);

	own_key(l, key);
	json_object_set_new(o, "key", json_string(key));
	json_object_set_new(o, "messages_written", json_integer((json_int_t)l->delivered));
	json_object_set_new(o, "lost", json_integer((json_int_t)udp_report_lost(l)));
	json_object_set_new(o, "reordered", json_integer((json_int_t)t.late));
	json_object_set_new(o, "duplicates", json_integer((json_int_t)t.repeated));
	json_object_set_new(o, "drops", drops(l));
	json_object_set_new(o, "socket_overrun", json_integer((json_int_t)l->socket.overrun));
	json_object_set_new(o, "uptime_seconds", json_real((double)(clock_ms() - l->began) / 1000));
	put_peers(l, o);
	json_object_set_new(o, "status", status >= 0 ? json_integer(status) : json_null());
	return o;
}

static void stats_text(const struct udp_loop *l, int status)
{
	struct totals t = sum(l);
	char line[512] = "", at[ADDRESS_TEXTMAX], key[KEYTEXT_MAX];
	size_t n = 0;

	log_info(0, "messages_sent %llu, bytes_sent %llu, messages_received %llu, bytes_received %llu, lost %llu, reordered %llu, "
	    "duplicates %llu, uptime_seconds %.3f", (unsigned long long)t.messages_sent, (unsigned long long)t.bytes_sent,
	    (unsigned long long)t.messages_received, (unsigned long long)t.bytes_received,
	    (unsigned long long)udp_report_lost(l), (unsigned long long)t.late, (unsigned long long)t.repeated,
	    (double)(clock_ms() - l->began) / 1000);
	for (size_t i = 0; i < l->engine->peers.used; i++) {
		const struct peer *p = &l->slots[i];

		if (p->state > PEER_GONE)
			log_info(0, "peer %u %s (%s, %s): sent %llu, received %llu, lost %llu, datagrams of %zu bytes, rtt_ms %.3f",
			    p->id, udp_address_text(at, &p->at), udp_report_kind(p), udp_judge_text(p, key),
			    (unsigned long long)p->n.messages_sent, (unsigned long long)p->n.messages_received,
			    (unsigned long long)peer_lost(p), p->size, (double)p->rtt_us / 1000);
	}
	for (int i = 0; i < UDP_DROP_COUNT && n < sizeof line; i++)
		if (l->engine->drops[i] > 0)
			n += (size_t)snprintf(line + n, sizeof line - n, "%s%s %llu", n > 0 ? ", " : "",
			    udp_drop_name((enum udp_drop)i), (unsigned long long)l->engine->drops[i]);
	log_info(0, "dropped: %s; socket_overrun %llu%s", n > 0 ? line : "none", (unsigned long long)l->socket.overrun,
	    status < 0 ? "; under way" : "");
}

void udp_report_stats(const struct udp_loop *l, enum report_form form, int status)
{
	json_t *o;
	char *line;

	if (form == REPORT_TEXT) {
		stats_text(l, status);
		return;
	}
	o = udp_report_json(l, status);
	line = json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(6));
	json_decref(o);
	if (line)
		log_line(line);
	free(line);
}
