#include "report.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "figures.h"
#include "jsontext.h"
#include "judge.h"
#include "log.h"
#include "pskfile.h"

static bool has_key(const struct conn *c)
{
	return session_peer(&c->session)->has_key && c->session.protocol.dh == DH_25519;
}

static char *peer_key(const struct conn *c, char text[KEYTEXT_MAX])
{
	return judge_peer_text(session_peer(&c->session), c->session.protocol.dh == DH_25519, text);
}

static json_t *waits_json(const struct waits *w)
{
	json_t *o = json_object();

	for (int i = 0; i < WAITS_COUNT; i++)
		json_object_set_new(o, waits_name((enum waits_for)i), json_real(waits_share(w, (enum waits_for)i)));
	return o;
}

const char *report_verdict(const struct conn *c, const struct waits *w)
{
	const struct session *s = &c->session;

	return session_agreed(s) && s->sent + s->received > 0 ? waits_verdict(w) : NULL;
}

void report_json(const struct report *r)
{
	const struct session *s = &r->conn->session;
	char key[KEYTEXT_MAX], stamp[LOG_STAMP_MAX], *line;
	double rtt = conn_rtt_ms(r->conn);
	json_t *o = json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:s, s:o, s:s?, s:o, s:o, s:s?, s:o}", "v", 1,
	    "time", log_stamp(stamp), "program", log_program(), "level", "info", "event", "stats", "message", "figures of the session",
	    "bytes_sent", (json_int_t)s->sent, "bytes_received", (json_int_t)s->delivered,
	    "bytes_confirmed", (json_int_t)s->confirmed, "messages_sent", (json_int_t)s->messages_sent,
	    "messages_received", (json_int_t)s->messages_received, "compressed_from", (json_int_t)s->squashed_from,
	    "compressed_to", (json_int_t)s->squashed_to, "uptime_seconds", (double)r->uptime_ms / 1000,
	    "protocol", s->protocol.name, "peer", jsontext(r->conn->peer), "peer_key", has_key(r->conn) ? peer_key(r->conn, key) : NULL,
	    "rtt_ms", rtt > 0 ? json_real(rtt) : json_null(), "waits", waits_json(r->waits),
	    "verdict", report_verdict(r->conn, r->waits), "status", r->status >= 0 ? json_integer(r->status) : json_null());

	if (o)
		figures_add_psk(o, r->conn);
	line = o ? json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;
	json_decref(o);
	if (line)
		log_line(line);
	free(line);
}

void report_text(const struct report *r)
{
	const struct session *s = &r->conn->session;
	char key[KEYTEXT_MAX], said[PSKFILE_SAID], line[512];
	size_t n = 0;

	log_info(0, "bytes_sent %llu, bytes_received %llu, bytes_confirmed %llu, messages_sent %llu, messages_received %llu, "
	    "uptime_seconds %.3f", (unsigned long long)s->sent, (unsigned long long)s->delivered,
	    (unsigned long long)s->confirmed, (unsigned long long)s->messages_sent,
	    (unsigned long long)s->messages_received, (double)r->uptime_ms / 1000);
	log_info(0, "protocol %s, peer %s, peer_key %s%s, rtt_ms %.3f", s->protocol.name, r->conn->peer, peer_key(r->conn, key),
	    pskfile_said(said, &s->peer), conn_rtt_ms(r->conn));
	if (s->squashed_from > 0)
		log_info(0, "compressed_from %llu, compressed_to %llu", (unsigned long long)s->squashed_from,
		    (unsigned long long)s->squashed_to);
	for (int i = 0; i < WAITS_COUNT; i++)
		n += (size_t)snprintf(line + n, sizeof line - n, "%s%s %.0f%%", i == 0 ? "" : ", ",
		    waits_name((enum waits_for)i), 100 * waits_share(r->waits, (enum waits_for)i));
	if (r->status >= 0)
		log_info(0, "waits: %s; status %d", line, r->status);
	else
		log_info(0, "waits: %s; under way", line);
}
