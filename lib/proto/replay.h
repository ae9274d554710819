/*
 * replay: has this datagram been seen? Two memories, for two kinds of peers.
 *
 * A window over sequence numbers (vault-tools peers): exact counts of what was lost, late or repeated.
 * A table of nonces (upstream, which has no numbers): what it cannot hold it refuses.
 */
#ifndef REPLAY_H
#define REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REPLAY_WINDOW 65536 /* sequence numbers, a power of two */

enum replay_verdict {
	REPLAY_NEW = 0,
	REPLAY_LATE, /* new, but after one with a higher number */
	REPLAY_SEEN,
	REPLAY_OLD, /* below the window: nobody knows any more */
};

/* All zero is the beginning. */
struct replay_window {
	uint64_t next;	   /* one above the highest number seen */
	uint64_t received; /* different numbers seen */
	uint64_t bits[REPLAY_WINDOW / 64];
};

/* Look a number up; then, when the datagram proved good, note it. */
enum replay_verdict replay_check(const struct replay_window *w, uint64_t number);
void replay_note(struct replay_window *w, uint64_t number);

/* Numbers below the highest one that have not been seen. */
uint64_t replay_missing(const struct replay_window *w);

#define REPLAY_NONCE 16

struct replay_entry {
	uint8_t nonce[REPLAY_NONCE];
	int64_t until; /* 0: free */
};

/* The entries are the caller's, zeroed; ${count} of them. */
struct replay_nonces {
	struct replay_entry *entries;
	size_t count;
	uint64_t salt; /* random: which slot a nonce gets is not for a peer to choose */
};

/* REPLAY_NEW: it is noted until ${until}. REPLAY_SEEN. REPLAY_OLD: no room, everything nearby is still
 * valid. ${now} and ${until} in milliseconds, above 0. */
enum replay_verdict replay_nonce(struct replay_nonces *r, const uint8_t nonce[REPLAY_NONCE], int64_t now, int64_t until);

#endif
