#include "figures.h"

#include "clock.h"
#include "judge.h"
#include "jsontext.h"

static void add_integer(json_t *o, const char *name, uint64_t n)
{
	json_object_set_new(o, name, json_integer((json_int_t)n));
}

static void add_text(json_t *o, const char *name, const char *text)
{
	json_object_set_new(o, name, text[0] != '\0' ? jsontext(text) : json_null());
}

void figures_add_key(json_t *o, const struct conn *c)
{
	const struct session_peer *peer = session_peer(&c->session);
	bool is_25519 = c->session.protocol.dh == DH_25519;
	char text[KEYTEXT_MAX] = "", print[FINGERPRINT_MAX] = "";
	struct key k;

	if (peer->has_key && peer->authenticated && is_25519) {
		judge_peer_key(peer, is_25519, &k);
		judge_peer_text(peer, is_25519, text);
		if (key_fingerprint(print, &k) != KEYTEXT_OK)
			print[0] = '\0';
	}
	add_text(o, "key", text);
	add_text(o, "fingerprint", print);
}

void figures_add_psk(json_t *o, const struct conn *c)
{
	const struct session_peer *peer = session_peer(&c->session);

	add_text(o, "psk", peer->has_psk ? peer->psk.name : "");
}

void figures_add_who(json_t *o, const struct figures_who *w)
{
	add_integer(o, "id", w->id);
	add_text(o, "peer", w->conn->peer);
	add_text(o, "name", w->label);
	figures_add_psk(o, w->conn);
	figures_add_key(o, w->conn);
	add_text(o, "protocol", w->conn->session.protocol.name);
}

void figures_sum(struct figures_total *total, const struct conn *c)
{
	total->bytes_sent += c->session.sent;
	total->bytes_received += c->session.delivered;
	total->messages_sent += c->session.messages_sent;
	total->messages_received += c->session.messages_received;
}

void figures_add_total(json_t *o, const struct figures_total *total, int64_t uptime_ms)
{
	add_integer(o, "bytes_sent", total->bytes_sent);
	add_integer(o, "bytes_received", total->bytes_received);
	add_integer(o, "messages_sent", total->messages_sent);
	add_integer(o, "messages_received", total->messages_received);
	json_object_set_new(o, "uptime_seconds", json_real((double)uptime_ms / 1000));
}

void figures_add_counts(json_t *o, const struct figures_who *w)
{
	struct figures_total one = {0};

	figures_sum(&one, w->conn);
	figures_add_total(o, &one, clock_ms() - w->since);
}
