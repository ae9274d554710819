/* tunnel: one local connection of vault-connect -L and its session. Private to local.c and tunnel.c. */
#ifndef TUNNEL_H
#define TUNNEL_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#include "bufpool.h"
#include "client.h"
#include "conn.h"
#include "contact.h"
#include "dial.h"
#include "plain.h"
#include "pump.h"
#include "stream.h"

struct tunnel;

/* What all tunnels have in common. */
struct tunnels {
	struct ev_loop *loop;
	struct client_options *o;
	struct stream stream; /* for its configuration and keys */
	struct contact contact;
	struct dial_target target;
	struct bufpool pool;
	struct tunnel *first;
	int64_t count;
	uint64_t begun, complete; /* sessions so far */
	uint64_t sent, received;  /* bytes of those that are over */
	bool warned_raw;
	void (*left)(struct tunnels *all); /* one is gone */
};

struct tunnel {
	struct tunnels *all;
	struct tunnel *prev, *next;
	uint64_t id;
	struct contact contact;
	struct session_config config;
	int64_t deadline; /* until the session must be up, clock_ms() time, -1 = none */
	struct dial dial;
	struct conn *conn;
	struct plain plain;
	struct pump pump;
	bool pumping, announced;
};

/* Begin a session for an accepted connection (owned from now on). */
void tunnel_open(struct tunnels *all, int fd);

/* End it for good, in whatever state it is. What has not ended is reset. */
void tunnel_free(struct tunnel *t);

/* We are about to leave: the peer is told, if there is one. True if something was cut by that. (It is freed by the
 * loop, or at once.) */
bool tunnel_cut(struct tunnel *t, int64_t hurry_ms);

#endif
