#include "report.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "judge.h"
#include "log.h"
#include "progress.h"

static void peer_key(const struct conn *c, char text[KEYTEXT_MAX])
{
	judge_peer_text(session_peer(&c->session), c->session.protocol.dh == DH_25519, text);
}

static json_t *waits_json(const struct waits *w)
{
	json_t *o = json_object();

	for (int i = 0; i < WAITS_COUNT; i++)
		json_object_set_new(o, waits_name((enum waits_for)i), json_real(waits_share(w, (enum waits_for)i)));
	return o;
}

static void print_json(const struct report *r)
{
	const struct session *s = &r->conn->session;
	char key[KEYTEXT_MAX], *line;
	json_t *o;

	peer_key(r->conn, key);
	o = json_pack("{s:i, s:s, s:I, s:I, s:I, s:I, s:I, s:f, s:s, s:s, s:s, s:f, s:o}", "v", 1, "event", "stats",
	    "bytes_sent", (json_int_t)s->sent, "bytes_received", (json_int_t)s->delivered, "bytes_confirmed",
	    (json_int_t)s->confirmed, "messages_sent", (json_int_t)s->messages_sent, "messages_received",
	    (json_int_t)s->messages_received, "uptime_seconds", (double)r->uptime_ms / 1000, "protocol", s->protocol.name,
	    "peer", r->conn->peer, "peer_key", key, "rtt_ms", conn_rtt_ms(r->conn), "waits", waits_json(r->waits));
	if (o && r->status >= 0)
		json_object_set_new(o, "status", json_integer(r->status));
	line = o ? json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;
	json_decref(o);
	if (line)
		log_line(line);
	free(line);
}

static void print_text(const struct report *r)
{
	const struct session *s = &r->conn->session;
	char key[KEYTEXT_MAX], line[1024];
	size_t n = 0;

	peer_key(r->conn, key);
	snprintf(line, sizeof line,
	    "bytes_sent %llu, bytes_received %llu, bytes_confirmed %llu, messages_sent %llu, messages_received %llu, "
	    "uptime_seconds %.3f",
	    (unsigned long long)s->sent, (unsigned long long)s->delivered, (unsigned long long)s->confirmed,
	    (unsigned long long)s->messages_sent, (unsigned long long)s->messages_received, (double)r->uptime_ms / 1000);
	log_line(line);
	snprintf(line, sizeof line, "protocol %s, peer %s, peer_key %s, rtt_ms %.3f", s->protocol.name, r->conn->peer, key,
	    conn_rtt_ms(r->conn));
	log_line(line);
	for (int i = 0; i < WAITS_COUNT; i++)
		n += (size_t)snprintf(line + n, sizeof line - n, "%s%s %.0f%%", i == 0 ? "waits: " : ", ",
		    waits_name((enum waits_for)i), 100 * waits_share(r->waits, (enum waits_for)i));
	log_line(line);
}

void report_print(const struct report *r, enum report_form form)
{
	if (form == REPORT_JSON)
		print_json(r);
	else if (form == REPORT_TEXT)
		print_text(r);
}
