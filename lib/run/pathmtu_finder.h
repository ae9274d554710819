/* pathmtu_finder: probes and answers of one search, by whichever way. Private to pathmtu. */
#ifndef PATHMTU_FINDER_H
#define PATHMTU_FINDER_H

#include "pathmtu_ways.h"
#include "proto/pathsearch.h"

#define FINDER_ECHO 0
#define FINDER_UDP 1
#define FINDER_VAULT 2
#define FINDER_WAYS 3
#define FINDER_TRIES 2 /* of each size; that it was no accident is asked when the search is over */
#define FINDER_WAIT_MS 1000 /* for the first answer */
#define FINDER_OF_PEER UINT32_MAX /* news of the vault-udp peer, not of a probe */

struct finder {
	struct pathmtu *p;
	struct path_socket ways[FINDER_WAYS];
	bool live[FINDER_WAYS];
	struct pathsearch search;
	uint32_t ids; /* the last one; sent[id - 1] is its size */
	uint32_t sent[PATHMTU_PACKETS];
	int64_t sent_at[PATHMTU_PACKETS]; /* microseconds */
	int64_t wait_ms;
	int64_t udp_answers, udp_since;
	bool interrupted, deaf; /* who answered has left */
	int refused_why; /* what a router, or this machine, says about the host */
	struct sockaddr_storage refused_by;
	uint32_t back_low, back_high, piece; /* of the way back: fits, does not, size of fragments */
	uint32_t peer_most; /* what the vault-udp peer's route to us takes, 0 = it does not say */
};

void finder_begin(struct finder *f, struct pathmtu *p);
void finder_end(struct finder *f);

/* Are time or packets used up? */
bool finder_spent(const struct finder *f);

/* The way by which to ask about ${size}, for try ${number}. */
int finder_way(const struct finder *f, uint32_t size, int number);
uint32_t finder_vault_most(const struct finder *f);

/* Send a probe. Its id; 0 after an error, which is in ${news}. */
uint32_t finder_emit(struct finder *f, int way, struct path_probe probe, struct path_news *news);
/* Wait for news until ${until}; false if none came. News without an id are about probe ${current}. */
bool finder_hear(struct finder *f, int64_t until, uint32_t current, int *from, uint32_t *id, struct path_news *news);
/* One probe and what becomes of it; PATH_NOTHING: silence. */
struct path_news finder_ask(struct finder *f, int way, struct path_probe probe);
/* How long the answer to ${id} took, if it came now. */
int64_t finder_took_us(const struct finder *f, uint32_t id);

/* ---- pathmtu_back.c ---- */

/* The way back, after the search. */
void pathmtu_back(struct finder *f);

#endif
