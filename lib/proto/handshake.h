/*
 * handshake: the hello and the Noise handshake of vault/1 (section 1), bytes in, bytes out.
 *
 * Initiator, first:  "VLT1" | u8 n | n bytes protocol name | u16 m | m bytes Noise message 1
 * further messages:  u16 length | message, at most HANDSHAKE_MAXMSG bytes, payloads empty
 * refusal:           length 0 | u8 code (after an initiator-last pattern as a frame: u32 0 | code)
 * The prologue is everything before m.
 *
 * With a one-time code (handshake_code.c) two units come before message 1, which begins the Noise handshake
 * with the psk that they give:
 * Initiator, first:  "VLT1" | u8 n | n bytes protocol name | u16 0 | u8 1 | 16 bytes sid | 32 bytes share
 * responder:         u16 32 | 32 bytes share
 * The prologue is then the initiator's unit and the 64 bytes that name the exchange (sid_output of CPace).
 */
#ifndef HANDSHAKE_H
#define HANDSHAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/noise.h"
#include "crypto/pake.h"
#include "error.h"

#define HANDSHAKE_MAGIC "VLT1"
#define HANDSHAKE_MAXMSG 4096
#define HANDSHAKE_MAXOUT (4 + 1 + 255 + 2 + HANDSHAKE_MAXMSG)
#define HANDSHAKE_DEFAULT_PORT 5004
#define HANDSHAKE_SID 16
#define HANDSHAKE_MAXPROLOGUE (4 + 1 + 255 + 2 + 1 + HANDSHAKE_SID + PAKE_SHARE + PAKE_KEY)
#define HANDSHAKE_CODEMAX 64 /* bytes */
#define HANDSHAKE_PSKS NOISE_MAXCHOICES
#define HANDSHAKE_PSKNAME 64 /* with its NUL */

enum handshake_refusal {
	REFUSE_NONE = 0,
	REFUSE_UNKNOWN = 1, /* protocol unknown */
	REFUSE_POLICY = 2,  /* protocol not allowed */
	REFUSE_BUSY = 3,
	REFUSE_KEYS = 4, /* wrong psk or code, or a wrong server key in the first message */
};

/*
 * A one-time code, for all handshakes that it may begin. A guess is a first Noise message that does not open; it counts
 * before it is looked at, so that however many try at once, no more are answered than were left.
 */
struct handshake_code {
	uint8_t bytes[HANDSHAKE_CODEMAX];
	size_t len;
	unsigned guesses; /* responder: how many wrong ones are still borne; at 0 the code is dead */
};

/* What is known of a pre-shared key; only carried along here. */
struct handshake_psk {
	char name[HANDSHAKE_PSKNAME]; /* "": none */
	unsigned line;		      /* of its file, from 1 */
	int64_t expires;	      /* seconds since 1970; 0 = never */
};

/* Pre-shared keys of which a peer may have any. */
struct handshake_psks {
	size_t count; /* at least 1 */
	uint8_t keys[HANDSHAKE_PSKS][NOISE_PSKBYTES];
	struct handshake_psk about[HANDSHAKE_PSKS];
};

struct handshake_config {
	bool initiator;
	/* Noise messages alone, told apart by their known lengths, empty prologue, no refusals: the
	 * raw wires (both sides have agreed on ${protocol} elsewhere). */
	bool raw;
	/* Initiator, and both sides with ${raw}: the protocol to speak. Responder: ignored. */
	struct noise_protocol protocol;
	/* Responder: what is allowed: full names, or bare patterns with modifiers ("XX"),
	 * which stand for that pattern with 25519 and any cipher and hash. */
	const char *const *allowed;
	size_t allowed_count;
	const uint8_t *static_secret; /* X25519, 32 bytes, or NULL: a throw-away one is made */
	const uint8_t *static_public; /* of static_secret, or NULL: each handshake computes it */
	const uint8_t *remote_static; /* X25519, 32 bytes, or NULL */
	const uint8_t *psk;	      /* 32 bytes, or NULL */
	const struct handshake_psk *psk_about; /* what is known of it, or NULL */
	const struct handshake_psks *psks; /* responder: any of these in its place, or NULL */
	struct handshake_code *code;  /* or NULL; in its place a psk is made of it */
	bool code_beside;	      /* responder: the code is one way in; other allowed protocols do without */
	bool puts_off;		      /* responder: stops at HANDSHAKE_HEAVY (not with a code, 448 or BLAKE2s) */
	const struct rng *rng;
};

enum handshake_step {
	HANDSHAKE_MORE,	 /* wants more bytes (or only waits to have its output sent) */
	HANDSHAKE_JUDGE, /* initiator: the responder's key is known; call handshake_judged() */
	HANDSHAKE_HEAVY, /* a whole message waits; call handshake_work() */
	HANDSHAKE_DONE,	 /* the session takes the ciphers */
	HANDSHAKE_FAILED,
};

struct handshake {
	struct handshake_config config; /* pointers must stay valid until done */
	struct noise_protocol protocol;
	struct noise_handshake noise;
	enum handshake_step step;
	bool started, judged;
	bool working; /* within handshake_work() */
	bool coded;	 /* with a code, not merely on a side that has one */
	bool exchanging; /* the code's exchange is under way: the peer's share, or its message 1, is next */
	struct pake pake;
	uint8_t sid[HANDSHAKE_SID];
	uint8_t prologue[HANDSHAKE_MAXPROLOGUE], psk[NOISE_PSKBYTES]; /* made by the exchange */
	size_t prologue_len;
	unsigned completed; /* messages written or read */
	bool throwaway; /* our static key was made for this run */
	enum handshake_refusal refusal; /* what we told, or were told */
	struct error error;
	uint8_t out[HANDSHAKE_MAXOUT]; /* bytes to send, in order */
	size_t out_len;
};

/* Begin; an initiator has its hello in h->out afterwards. 0, or -1 with h->error. */
int handshake_start(struct handshake *h, const struct handshake_config *config);

/* Take bytes; returns how many were used (a whole unit at a time: bytes of an incomplete unit
 * stay with the caller). Stops at JUDGE, HEAVY, DONE and FAILED. h->out may have grown: send it (also
 * after FAILED: it may hold a refusal), then set h->out_len to 0. */
size_t handshake_feed(struct handshake *h, const uint8_t *in, size_t n);

/* At HEAVY: read the message that ${in} begins with, and write the answer; returns how many bytes were used. This is all
 * the public-key work there is. It reads what config points to, changes nothing but ${h}, and
 * needs no library but libsodium: so if rng allows that, it may be done in any thread. */
size_t handshake_work(struct handshake *h, const uint8_t *in, size_t n);

/* Move the secrets elsewhere at HEAVY, for that. What stays can only be refused or freed, or given all of it back. */
void handshake_lend(struct handshake *h, struct handshake *to);
void handshake_return(struct handshake *h, struct handshake *from);

/* The initiator accepts the responder's key. */
void handshake_judged(struct handshake *h);

/* Responder: answer with "busy" if nothing was answered yet. */
void handshake_refuse(struct handshake *h, enum handshake_refusal code);

/* A refusal code that the peer sent: sets ${e}. */
void handshake_told(const struct handshake_config *config, const struct noise_protocol *p,
    uint8_t code, struct error *e);

/* Does the initiator send the last message of this pattern? */
bool handshake_initiator_last(const struct noise_protocol *p);

void handshake_free(struct handshake *h);

#endif
