/*
 * peers: who we talk to, in a table of fixed size that the caller provides.
 *
 * A peer is an identity (an Ed25519 key), or an address where one is expected. What must not be forgotten
 * for a while (sequence numbers seen) stays in its slot after the peer was removed, until no key of
 * that time could open anything any more.
 */
#ifndef PEERS_H
#define PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/secret.h"
#include "keymsg.h"
#include "rate.h"
#include "replay.h"
#include "squash.h"

/* IPv4 as ::ffff:a.b.c.d. */
struct udp_address {
	uint8_t ip[16];
	uint32_t scope; /* link-local IPv6: the interface */
	uint16_t port;
};

enum peer_kind {
	PEER_UNKNOWN = 0, /* an address, nothing heard yet */
	PEER_NATIVE,
	PEER_UPSTREAM,
	PEER_V1,
};

enum peer_state {
	PEER_FREE = 0,
	PEER_GONE,  /* removed; remembered for its window */
	PEER_AWAIT, /* no key of it */
	PEER_KEYED, /* we have its key, it did not prove yet that it has ours */
	PEER_UP,
};

/* Own key pairs: [0] is the newest, [1] the one before; [2] stays for the whole run, for upstream: it knows one key
 * of ours at a time, so each change could cost messages, and its own key never changes anyway. */
enum { OWN_NEWEST, OWN_BEFORE, OWN_LASTING, OWN_COUNT };

struct own_keys {
	uint8_t secret[OWN_COUNT][32], public[OWN_COUNT][32];
	bool have[OWN_COUNT];
};

struct peer_counters {
	uint64_t messages_sent, bytes_sent, messages_received, bytes_received;
	uint64_t late, repeated, dropped, clear_sent, clear_received;
	uint64_t unconfirmed; /* messages that it had not confirmed when it began anew */
	uint64_t lost_before; /* in earlier associations and at their ends */
};

#define PEER_PINGS 8

struct peer {
	enum peer_state state;
	enum peer_kind kind;
	unsigned id;
	bool wanted; /* named by the user: stays, and is asked for its key */
	bool up_once;
	int name;    /* index of the operand it was named by, -1 if none: for the judge */
	struct udp_address at;	 /* where it is sent to */
	struct udp_address from; /* where the last good datagram came from */
	struct udp_address candidate; /* asked whether it is there now */
	uint64_t candidate_ping; /* by this ping, 0: not asked */
	int64_t candidate_at;

	/* ---- identity and keys ---- */
	bool has_sign, judged, throwaway, told_refused;
	bool measures; /* it only wants to know sizes: no messages for it */
	uint8_t sign[32];
	uint8_t sid[KEYMSG_SID], their_sid[KEYMSG_SID];
	uint64_t ts;			/* of its last key message */
	uint8_t theirs[2][32];		/* its key and the one before */
	bool have[2];
	uint8_t shared[OWN_COUNT][2][32]; /* [ours][theirs] */
	bool made[OWN_COUNT][2];
	int mine;			/* which of our keys it is known to have: what we seal with */
	int last_mine, last_theirs;	/* what opened last */
	uint8_t prefix[16], their_prefix[16]; /* of the outer nonces */
	bool has_their_prefix;
	uint64_t nonce;			/* counter: outer and inner */
	uint8_t inner_prefix[8];
	uint8_t pad_key[32];		/* keystream of the padding */
	uint64_t pad_counter;

	/* ---- numbers ---- */
	uint64_t next_message, next_control; /* s of what we send */
	struct replay_window messages, controls;
	struct replay_nonces nonces; /* upstream */
	struct peer_counters n;
	struct rate rate;   /* datagrams received from it */
	struct rate reply;  /* key messages that we answer with */
	struct rate pace;   /* what is sent to it */

	/* ---- sizes ---- */
	size_t limit;	 /* largest datagram that the route takes */
	size_t size;	 /* datagram in use */
	size_t probe_low, probe_high; /* known to work, known not to */
	size_t probing;	 /* being tried, 0: none */
	int probe_tries;
	bool sized;	 /* the size in use was proved, or cannot be */
	struct {	 /* what the last answer to a probe said */
		uint64_t number;
		size_t size; /* of the question, as it came there */
		size_t back; /* of the answer */
		size_t most; /* of what the peer's route to us takes, 0: it does not say */
	} probed;

	/* ---- clocks, monotonic ms; 0: not set ---- */
	int64_t heard_at, born_at, up_at, gone_at, replaced_at;
	int64_t knock_at, refresh_at, ping_at, probe_at, end_at;
	int64_t knock_ms;
	/* upstream: our key is told in clear until, it is asked for its own, its key was questioned */
	int64_t tell_until, solicit_at, solicit_ms, doubt_at;
	bool recalled; /* its keys are from an earlier run, and nothing has proved them yet */
	int64_t rtt_us; /* smoothed, 0: unknown */

	/* ---- flow: what a receiver's buffer surely holds ---- */
	uint64_t window_bytes; /* of its buffer, 0: unknown */
	uint64_t confirmed;  /* of messages_sent_assoc: it has taken these out of its buffer */
	uint64_t pinged;     /* messages sent when the last ping went out */
	uint64_t flow;	     /* messages under way that proved not to be too many, 0: as the buffer has it */
	uint64_t missed;     /* that did not come, as of the last answer */
	struct {
		uint64_t number, sent;
		int64_t at_us;
	} pings[PEER_PINGS];
	uint64_t ping_number;

	/* ---- ends ---- */
	bool end_sent, end_confirmed, end_due;
	int end_tries;
	uint64_t sent_bytes, delivered, received_bytes; /* of this association */
	uint64_t handed_at;	      /* udp.handed when it was given its last message */
	uint64_t surely;	      /* messages written before that one */
	uint64_t confirmed_messages;  /* what the peer says it got */
	bool their_end;		      /* it has said how much there was */
	bool ended;		      /* and we have answered */
	uint64_t their_messages;
	int64_t last_data_at;
};

struct peers {
	struct peer *slots;
	size_t count, used; /* those from [used] on never were used */
	struct peer *last;  /* found last by address: datagrams come in rows */
	unsigned last_id;
	uint64_t lost; /* by peers whose slots were given up, */
	struct peer_counters gone; /* and what else was counted there */
};

bool address_same(const struct udp_address *a, const struct udp_address *b);
bool address_same_host(const struct udp_address *a, const struct udp_address *b);

/* A free slot, cleared, in state PEER_AWAIT, or NULL. Slots of peers that are gone are free from ${now} on
 * if their gone_at has passed; when all are taken, so are those of strangers that proved nothing for 5 s. */
struct peer *peers_new(struct peers *t, const struct udp_address *at, int64_t now, const struct rng *rng);

/* Wipe a slot. */
/* The same, and what it has counted is added to that of the others. */
void peers_retire(struct peers *t, struct peer *p);
void peers_free(struct peer *p);

/* Lookups; NULL if there is none. Those that are gone are only found by identity. */
struct peer *peers_by_id(struct peers *t, unsigned id);
/* Who measures is another one than who talks, though the identity is the same. */
struct peer *peers_by_sign(struct peers *t, const uint8_t sign[32], bool measures);
/* The one that is at, or was heard from, this very address. */
struct peer *peers_by_address(struct peers *t, const struct udp_address *a);
/* The one whose nonces begin like this. */
struct peer *peers_by_prefix(struct peers *t, const uint8_t prefix[16]);

/* The key shared of our key ${mine} and its key ${theirs}; NULL if one is missing. Made when first asked for. */
const uint8_t *peer_shared(struct peer *p, const struct own_keys *own, int mine, int theirs);

/* Its newest key is ${key} now; the one before is kept. Nothing happens if it is the newest already. */
void peer_rekey(struct peer *p, const uint8_t key[32], int64_t now);

/* Our keys moved on: what was the newest is the one before. */
void peer_own_rekeyed(struct peer *p);

/* The peer began anew: forget its keys and all numbers. What was lost so far stays counted, and our own sid
 * stays: two sides that renew each other for ever would never talk. */
void peer_renew(struct peer *p, const struct rng *rng);

/* Messages known to be lost: holes in the numbers, and what the peer's end said was sent and never came. */
uint64_t peer_lost(const struct peer *p);

#endif
