/*
 * pake: CPace, a password-authenticated key exchange (draft-irtf-cfrg-cpace), over ristretto255 with
 * SHA-512. Two sides that know the same short code get the same key; whoever talks to one of them
 * without the code learns nothing but whether one guess was right, and who only listens not even that.
 *
 *   g   = map(SHA-512(lv(DSI) lv(code) lv(zeros) lv(ci) lv(sid)))        a point that the code chooses
 *   Y   = y * g, for a random scalar y                                   the share; this is sent
 *   K   = y * (peer's Y), refused if that is no point or the neutral one
 *   ISK = SHA-512(lv(DSI_ISK) lv(sid) lv(K) lv(Ya) lv(ADa) lv(Yb) lv(ADb))
 *
 * lv(x) is the length of x as LEB128, then x. The zeros fill the hash's first block.
 * Any failure is final, and leaves no secret and no key.
 */
#ifndef PAKE_H
#define PAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "secret.h"

#define PAKE_SHARE 32	/* bytes of a share */
#define PAKE_KEY 64	/* bytes of ISK, and of the session's id */
#define PAKE_INPUT 1024 /* bytes of code, ci, sid and both AD, each: more is refused */

/* In which order the two sides' messages enter the key. */
enum pake_order {
	PAKE_BY_ROLE = 0, /* the initiator's first */
	PAKE_BY_VALUE,	  /* the larger first: sides without roles */
};

struct pake {
	enum pake_order order;
	bool initiator;
	bool started; /* the scalar is there, and pake_finish() may be called, once */
	uint8_t scalar[32];
	uint8_t share[PAKE_SHARE]; /* to be sent */
};

/* What both sides must have in common. Lengths may be 0. */
struct pake_terms {
	const uint8_t *code; /* the secret, called PRS in the draft */
	size_t code_len;
	const uint8_t *ci; /* who talks to whom, and about what */
	size_t ci_len;
	const uint8_t *sid; /* new for every exchange */
	size_t sid_len;
};

/* A side's message: its share and what else it wants to have confirmed. */
struct pake_message {
	const uint8_t *share;
	const uint8_t *ad;
	size_t ad_len;
};

/* The point that the code chooses. 0, or -1 (a term is too long). */
int pake_generator(uint8_t g[PAKE_SHARE], const struct pake_terms *terms) __attribute__((warn_unused_result));

/* Make the own share. ${p} needs no preparation. 0 or -1. */
int pake_start(struct pake *p, bool initiator, enum pake_order order, const struct pake_terms *terms,
    const struct rng *rng) __attribute__((warn_unused_result));

/* Take the peer's message (${ad}: what ours confirms) and make the key; ${id} (may be NULL) gets the
 * draft's sid_output, which is public and names this exchange. ${terms}: as for pake_start(), only its
 * sid is looked at. 0, or -1 with ${isk} zeroed: the peer's share is none. Wipes the scalar. */
int pake_finish(struct pake *p, const struct pake_terms *terms, const uint8_t *ad, size_t ad_len,
    const struct pake_message *peer, uint8_t isk[PAKE_KEY], uint8_t id[PAKE_KEY]) __attribute__((warn_unused_result));

void pake_free(struct pake *p);

#endif
