/*
 * udp: the datagram engine of vault-udp (vault-protocol(5), VAULT UDP).
 *
 * One datagram in, one outcome out; one message in, one datagram out. The clock is told with udp_clock(),
 * randomness, peers and buffers are the caller's, and what the engine has to say by itself (key messages,
 * pings, ends) goes through hooks->send. Nothing here allocates.
 *
 * The order of checks for a datagram, cheap before dear: size, the token bucket of the peer at this address
 * (else of that host, else of all strangers), the keys of that peer (else of peers on that host, else of
 * whoever uses such nonces), its time, direction and number, the map, its content.
 */
#ifndef UDP_H
#define UDP_H

#include "datagram.h"
#include "envelope.h"
#include "peers.h"

#define UDP_TEXT_MAX (64 * 1024)  /* plaintext of one message */
#define UDP_DATAGRAM_MAX 65507
#define UDP_SIZE_LEAST 1200	  /* datagrams of this size get through everywhere (RFC 8899) */
#define UDP_KEY_SIZE 1200	  /* all our key messages in clear: an answer is never larger than the question */
#define UDP_PROBE_LEAST 256	  /* the control message and all that is around it */
#define UDP_STRANGERS 256	  /* hosts whose buckets are kept */

/* Why a datagram was dropped: name in figures, and what it means. */
#define UDP_DROP_MAP(X) \
	X(RATE, "rate") /* over a limit, before any cryptography */ \
	X(SIZE, "size") /* larger than DATAGRAM_MAX, or empty */ \
	X(JUNK, "junk") /* neither a box for us nor a map */ \
	X(MAP, "map") /* in a box, but malformed */ \
	X(TIME, "time") /* stale, from the future, or no number */ \
	X(REPLAY, "replay") /* seen before, or too old to know */ \
	X(REFLECTED, "reflected") /* our own, sent back */ \
	X(CLEAR, "clear") /* unencrypted data, without --opportunistic */ \
	X(TEXT, "text") /* does not decompress within 64 KiB */ \
	X(CONTROL, "control") /* not understood */ \
	X(CACHE, "replay_cache") /* no room to remember that it was seen */ \
	X(FULL, "full") /* no room for another peer */ \
	X(KEY_FORM, "key_form") \
	X(KEY_SIGNATURE, "key_signature") /* missing or wrong */ \
	X(KEY_TEXT, "key_text") /* signed is something else than these keys */ \
	X(KEY_WEAK, "key_weak") /* low order or no point */ \
	X(KEY_TIME, "key_time") \
	X(KEY_REPLAY, "key_replay") /* not newer than the last one */ \
	X(KEY_AUDIENCE, "key_audience") /* for somebody else, or for nobody while we know each other */ \
	X(KEY_PORT, "key_port") /* a port that nobody may be sent to */ \
	X(KEY_CHANGED, "key_changed") /* another key, while the peer is there with the one we know */ \
	X(KEY_OWN, "key_own") /* our own, sent back */ \
	X(KEY_REFUSED, "key_refused") /* by policy */ \
	X(DOWNGRADE, "downgrade") /* a vault-tools peer that suddenly would be none */

enum udp_drop {
#define X(name, text) UDP_DROP_##name,
	UDP_DROP_MAP(X)
#undef X
	UDP_DROP_COUNT
};

const char *udp_drop_name(enum udp_drop why);

enum udp_event {
	UDP_EVENT_UP,	 /* the peer can be talked to */
	UDP_EVENT_DOWN,	 /* it fell silent */
	UDP_EVENT_MOVED, /* it has another address now */
	UDP_EVENT_SIZED, /* its datagram size changed */
	UDP_EVENT_ENDED, /* it said that all was sent, and all that will come has come */
	UDP_EVENT_CONFIRMED, /* it answered our end */
	UDP_EVENT_BYE,	 /* it left */
	UDP_EVENT_PROBED, /* it answered a probe: p->probed */
	UDP_EVENT_SOLICIT, /* udp_solicitation() is to be sent, from a new port */
};

struct udp_hooks {
	/* Send a datagram of the engine's own. */
	void (*send)(void *owner, const struct udp_address *to, const uint8_t *bytes, size_t n);
	/* May this identity (p->sign, kind, throwaway, name, at) be talked to? Asked once for each. */
	bool (*judge)(void *owner, struct peer *p);
	void (*event)(void *owner, enum udp_event what, struct peer *p);
	/* Largest datagram that the route to ${at} takes. */
	size_t (*limit)(void *owner, const struct udp_address *at);
	void *owner;
};

/* The keys of an upstream peer, from an earlier run. */
struct udp_kept {
	struct udp_address at;
	uint8_t enc[32], sign[32];
	int64_t tried_at; /* the engine's */
};

struct udp_config {
	uint8_t sign_secret[64]; /* Ed25519: seed and public key */
	bool throwaway;
	bool v1, opportunistic, padding, strangers;
	bool solicit;		 /* ask upstream peers for their keys */
	struct udp_kept *kept;	 /* the caller's, as long as the engine lives */
	size_t kept_count;
	int level;		 /* zstd; 0: compress only what would not fit otherwise */
	int64_t lifetime_ms, max_age_ms, skew_ms;
	uint64_t rate_limit;	 /* datagrams a second from one peer, 0: none */
	uint64_t pace;		 /* messages a second to one peer, 0: automatic */
	bool measure;		 /* tell peers that no messages are wanted, see udp_probe() */
	bool writes;		 /* what is delivered is not done with until udp_written() */
	bool probe;		 /* find out what size gets through; otherwise hooks.limit says */
	uint64_t receive_buffer; /* bytes of the kernel's, told to peers */
	struct rng rng;
	struct udp_hooks hooks;
};

struct udp_stranger {
	uint8_t ip[16];
	struct rate rate;
	int64_t used_at;
};

struct udp {
	struct udp_config config;
	struct peers peers;
	struct own_keys own;
	struct replay_entry *nonces; /* the caller's table: nonces_each entries for each slot */
	size_t nonces_each;
	uint16_t port; /* own, told in key messages */
	int64_t now, wall; /* ms: monotonic, and since 1970 */
	int64_t now_us;
	int64_t rotate_at, deadline;
	uint64_t last_ts;
	uint64_t handed, written; /* messages to and by the application, of all peers */
	bool end_waits;		  /* to be answered when those are written */
	struct udp_stranger strangers[UDP_STRANGERS];
	struct rate everyone, knocks; /* all strangers; answers to what we cannot open */
	uint64_t drops[UDP_DROP_COUNT];
	struct squash squash;
	struct unsquash unsquash;
	/* Buffers, at the end and not zeroed. */
	uint8_t plain[UDP_TEXT_MAX];
	uint8_t out[UDP_DATAGRAM_MAX + 1], work[UDP_DATAGRAM_MAX + 1];
};

/* ${slots} (zeroed) and, for upstream peers, ${cache} replay entries for each slot (zeroed) live as long as
 * the engine. Then udp_clock() before anything else. */
void udp_init(struct udp *u, const struct udp_config *c, struct peer *slots, size_t count, struct replay_entry *entries,
    size_t cache);

/* Wipe all keys, release zstd's contexts. */
void udp_free(struct udp *u);

/* What time it is: monotonic microseconds, and milliseconds since 1970. Before each of the calls below. */
void udp_clock(struct udp *u, int64_t now_us, int64_t wall_ms);

/* Do what is due. u->deadline is when to call again (monotonic ms). */
void udp_tick(struct udp *u);

/* Expect a peer at an address; it is asked for its key from now on. NULL: no room. */
struct peer *udp_add(struct udp *u, const struct udp_address *at, int name);

/* Say goodbye, and how much came. */
void udp_bye(struct udp *u, struct peer *p, const char *reason);

/* The same, and forget. Its numbers are remembered until nothing old can be opened any more. */
void udp_remove(struct udp *u, struct peer *p);

/* All peers are told of new keys now. */
void udp_rotate(struct udp *u);

enum udp_outcome {
	UDP_QUIET = 0, /* a key message, a control message */
	UDP_MESSAGE,
	UDP_DROPPED,
};

struct udp_message {
	struct peer *peer; /* NULL: in clear, from nobody we know */
	struct udp_address from;
	const uint8_t *text; /* valid until the next call */
	size_t len;
	bool clear; /* not encrypted: nobody knows who wrote it */
	enum udp_drop why;
};

/* Take a datagram; ${bytes} is changed. */
enum udp_outcome udp_receive(struct udp *u, const struct udp_address *from, uint8_t *bytes, size_t n,
    struct udp_message *m);

enum udp_seal {
	UDP_SEALED = 0,
	UDP_E_KEY,  /* the peer cannot be talked to yet */
	UDP_E_SIZE, /* too large: see udp_text_max() */
	UDP_E_UTF8, /* upstream takes only text */
};

/* Make the datagram of a message. ${out} has at least p->size + 1 bytes (UDP_DATAGRAM_MAX is enough). */
enum udp_seal udp_seal(struct udp *u, struct peer *p, const uint8_t *text, size_t n, uint8_t *out, size_t *len)
    __attribute__((warn_unused_result));

/* The largest message that surely fits into one datagram to ${p}. */
size_t udp_text_max(const struct udp *u, const struct peer *p);

/* How many messages may be sent to ${p} now, so that its buffers can hold them; UINT64_MAX: any. */
uint64_t udp_room(struct udp *u, struct peer *p);

/* Can data be sent to it? */
bool udp_ready(const struct udp *u, const struct peer *p);

/* The kernel says that a datagram to ${p} was too large for its route, which takes ${limit} (0: unknown). */
void udp_too_large(struct udp *u, struct peer *p, size_t limit);

/* A key message for everybody on the local network, to be answered by nobody. Its length, or 0. */
size_t udp_announcement(struct udp *u, uint8_t *out, size_t cap);

/* What asks an upstream peer for its key, or (if that is known) to show that it has ours; the answer comes to ${port}, which
 * it must not know yet, and is for udp_receive(). ${out} has UDP_KEY_SIZE + 1 bytes. Its length, or 0. */
size_t udp_solicitation(struct udp *u, struct peer *p, uint16_t port, uint8_t *out);

/* With config.writes: all messages that were delivered until now have been written. Ends are not answered
 * before, and how much came counts no others. */
void udp_written(struct udp *u);

/* All that we had to say to ${p} was said: tell it how much that was. */
void udp_end(struct udp *u, struct peer *p);

/* Ask ${p} whether a datagram of ${size} bytes gets there, and for an answer of ${back} bytes, or of what its route
 * takes if that is less. Both are at least UDP_PROBE_LEAST. The number of the question. */
uint64_t udp_probe(struct udp *u, struct peer *p, size_t size, size_t back);

/* ---- within the engine ---- */

enum udp_outcome udp_drop(struct udp *u, struct udp_message *m, struct peer *p, enum udp_drop why);
void udp_wake(struct udp *u, int64_t at);
/* Is it time? If not yet, it is waited for; 0 never comes. */
bool udp_due(struct udp *u, int64_t at);

/* Give the slot up, now or when nothing old can be played back any more. */
void udp_forget(struct udp *u, struct peer *p);

/* udp_ends.c */
void udp_ends_take(struct udp *u, struct peer *p, uint64_t messages);
void udp_ends_tick(struct udp *u, struct peer *p);

/* udp_keys.c */
enum udp_outcome udp_take_key(struct udp *u, struct udp_message *m, struct peer *boxed, const uint8_t *json, size_t n,
    size_t whole, bool ours);
/* Our key message to ${p}: in clear (native or upstream's form), or in a box. */
void udp_send_key(struct udp *u, struct peer *p, bool clear);
void udp_keys_tick(struct udp *u, struct peer *p);
/* The slot for an identity that has none: the one that waits for it at this address, or a new one, or NULL. */
struct peer *udp_place_for(struct udp *u, const struct udp_address *at);
/* Policy, once for an identity. A slot that was made for it is given up again. */
bool udp_welcome(struct udp *u, struct peer *p);
void udp_peer_up(struct udp *u, struct peer *p);
/* Something that we cannot open came from there: perhaps we were restarted and it does not know. */
void udp_knock(struct udp *u, const struct udp_address *to, size_t whole);

/* Our key message as upstream has it, for this port. */
size_t udp_upstream_key(struct udp *u, uint16_t port, char *out, size_t cap);

/* udp_keys_upstream.c */
/* Upstream's habits go with a lifetime of 60 s; where keys live shorter, so does what depends on that. */
int64_t udp_paced(const struct udp *u, int64_t ms);
enum udp_outcome udp_take_upstream_key(struct udp *u, struct udp_message *m, struct peer *boxed, const struct keymsg *k);
void udp_upstream_tick(struct udp *u, struct peer *p);
/* Something that we cannot open came from that host: perhaps it is for our key before a restart. */
void udp_recall(struct udp *u, const struct udp_address *from);

/* udp_control.c */
enum udp_outcome udp_take_control(struct udp *u, struct udp_message *m, struct peer *p, const uint8_t *json, size_t n,
    size_t whole);
void udp_control_tick(struct udp *u, struct peer *p);
void udp_ping(struct udp *u, struct peer *p);
void udp_probe_start(struct udp *u, struct peer *p);
/* A control message in a box, padded to a datagram of ${size}. */
void udp_send_control(struct udp *u, struct peer *p, const char *json, size_t size);

/* udp_probe.c: questions about sizes from outside of the engine, and their answers */
void udp_answer_probe(struct udp *u, struct peer *p, uint64_t number, size_t came, size_t back);
void udp_take_probed(struct udp *u, struct peer *p, uint64_t number, size_t size, size_t back, size_t most);

/* udp_out.c */
/* Of ${sent} messages ${came} had come: adapt what may be under way. */
void udp_flow(struct peer *p, uint64_t sent, uint64_t came);
size_t udp_box(struct udp *u, struct peer *p, const struct envelope *e, size_t size, uint8_t *out);
size_t udp_clear(struct udp *u, struct peer *p, const struct envelope *e, size_t size, uint8_t *out);

/* udp_v1.c */
enum udp_outcome udp_v1_receive(struct udp *u, uint8_t *bytes, size_t n, struct udp_message *m);
enum udp_seal udp_v1_seal(struct udp *u, struct peer *p, const uint8_t *text, size_t n, uint8_t *out, size_t *len);
void udp_v1_send_key(struct udp *u, struct peer *p);

#endif
