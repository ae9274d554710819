/*
 * figures: what there is to say about a session to programs, as members of JSON objects. The names are those
 * of vault-protocol(5), JSON.
 */
#ifndef FIGURES_H
#define FIGURES_H

#include <jansson.h>
#include <stdint.h>

#include "conn.h"

/* Whose session it is. */
struct figures_who {
	uint64_t id;
	const struct conn *conn;
	const char *label; /* "" without */
	int64_t since;	   /* clock_ms() when it was let in */
};

/* The key that the peer has proven to hold and its fingerprint; null without. */
void figures_add_key(json_t *o, const struct conn *c);

/* psk: the label of the pre-shared key that the peer has; null without. */
void figures_add_psk(json_t *o, const struct conn *c);

/* id, peer, name, psk, key, fingerprint, protocol. */
void figures_add_who(json_t *o, const struct figures_who *w);

/* bytes_sent, bytes_received, messages_sent, messages_received, uptime_seconds. */
void figures_add_counts(json_t *o, const struct figures_who *w);

struct figures_total {
	uint64_t bytes_sent, bytes_received, messages_sent, messages_received;
};

/* Add this session to ${total}. */
void figures_sum(struct figures_total *total, const struct conn *c);
/* The members of figures_add_counts() for many. */
void figures_add_total(json_t *o, const struct figures_total *total, int64_t uptime_ms);

#endif
