/*
 * squash: zstd with bounds on both sides (vault/1 record ZDATA).
 *
 * One zstd stream a direction, of one frame or more, flushed at the end of each piece. A piece is at most
 * SQUASH_PLAIN bytes, in one record or, if it shrinks too little for that, in several; so what comes out of
 * one record is at most SQUASH_PLAIN bytes, too. The window is at most 2^SQUASH_WINDOWLOG bytes, no
 * dictionaries. The contexts are zstd's own heap memory, made on first use and kept.
 */
#ifndef SQUASH_H
#define SQUASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SQUASH_PLAIN (256 * 1024)
#define SQUASH_WINDOWLOG 20

/* Which level, where none is named: see squash_gauge.c. */
struct squash_gauge {
	uint8_t rung;	 /* of the ladder of levels */
	uint8_t patience; /* intervals to wait before a step up; 0 is 1 */
	uint8_t waited;
	bool fell;	 /* the last step was down */
	uint32_t pieces, stuck; /* in the interval under way */
	int64_t since;
};

/* Somebody who compresses beside us, at the same time. */
struct squash_aide {
	/* Have ${work} done. */
	void (*start)(struct squash_aide *a, void (*work)(void *arg), void *arg);
	/* Come back when it is done. */
	void (*finish)(struct squash_aide *a);
};

/* What it is at. */
struct squash_beside {
	void *ctx; /* ZSTD_CCtx, NULL until used; owned */
	const uint8_t *in;
	uint8_t *out;
	size_t left; /* bytes of the piece; when it is done, of what came out; 0 if that failed */
};

struct squash {
	void *ctx; /* ZSTD_CCtx, NULL until used; owned */
	int level; /* of the frame under way, or to come */
	bool open, last; /* is one? and is it to end with this piece? */
	const uint8_t *in; /* what is left of the piece under way: the caller's */
	size_t left, n, put; /* bytes: of it, of the whole piece, that came out */
	bool shrinks; /* the last piece did */
	struct squash_gauge gauge;
	struct squash_beside beside;
	/* giving up on data that does not shrink: */
	uint32_t skip;	/* pieces still to pass uncompressed */
	uint32_t backoff;
};

struct unsquash {
	void *ctx; /* ZSTD_DCtx, NULL until used; owned */
};

/* zstd's version. Constant text. */
const char *squash_library(void);

/* Most plaintext bytes that are sure to fit into ${room} bytes of one compressed piece. */
size_t squash_fits(size_t room);

/* Should the next piece be compressed? (No for a while after pieces that did not shrink.) */
bool squash_wanted(const struct squash *z);

/* Pieces that are still to pass uncompressed; and ${pieces} of them have passed. */
uint32_t squash_pause(const struct squash *z);
void squash_passed(struct squash *z, size_t pieces);

/* Has the last piece shrunk, so that the next one may well be larger than squash_fits()? */
bool squash_shrinks(const struct squash *z);

/* Compress and flush ${n} bytes into ${out} (${cap} bytes, more than 64). 0 with the length in ${outlen}; 1 if there is
 * more, for squash_rest() (never if ${n} is at most squash_fits(cap)); or -1 (library failure). Another level
 * than before ends the frame, which costs what is remembered of it. */
int squash_piece(struct squash *z, int level, const uint8_t *in, size_t n, uint8_t *out, size_t cap,
    size_t *outlen) __attribute__((warn_unused_result));
/* The same for the last piece of a frame. */
int squash_last_piece(struct squash *z, int level, const uint8_t *in, size_t n, uint8_t *out, size_t cap,
    size_t *outlen) __attribute__((warn_unused_result));
/* What did not fit, with ${in} still as it was; as squash_piece(). */
int squash_rest(struct squash *z, uint8_t *out, size_t cap, size_t *outlen) __attribute__((warn_unused_result));

/* Two pieces at a time: room for both, and for what becomes of the second. */
#define SQUASH_BOUND (SQUASH_PLAIN + SQUASH_PLAIN / 128)
#define SQUASH_PAIR (2 * SQUASH_PLAIN + SQUASH_BOUND)

/* Have ${aide} compress ${n} bytes, at most SQUASH_PLAIN, as a frame of its own into ${out} (SQUASH_BOUND bytes),
 * while the piece before it, the last one of its frame, is compressed here. 0 or -1. */
int squash_beside(struct squash *z, struct squash_aide *aide, int level, const uint8_t *in, size_t n, uint8_t *out)
    __attribute__((warn_unused_result));
/* After ${aide} has finished: the next of what came out, as squash_rest(). */
int squash_beside_rest(struct squash *z, uint8_t *out, size_t cap, size_t *outlen) __attribute__((warn_unused_result));

/* A level that is none: the gauge's. */
#define SQUASH_ANY_LEVEL 0
#define SQUASH_GAUGE_MOST 6

/* The level for the next piece. */
int squash_gauge_level(const struct squash_gauge *g);
/* A piece as large as could be asked for comes at ${now} (milliseconds); ${stuck}: the transport has not taken yet
 * all that was before it. */
void squash_gauge_note(struct squash_gauge *g, bool stuck, int64_t now);

/* Decompress one record of ${n} bytes into ${out} (${cap} bytes, at most SQUASH_PLAIN used).
 * 0 with the length in ${outlen}, or -1 with the reason in ${why}. */
int unsquash_piece(struct unsquash *z, const uint8_t *in, size_t n, uint8_t *out, size_t cap,
    size_t *outlen, const char **why) __attribute__((warn_unused_result));

/* One message as one zstd frame of its own, with its size (datagrams). As squash_piece(). */
int squash_message(struct squash *z, int level, const uint8_t *in, size_t n, uint8_t *out, size_t cap,
    size_t *outlen) __attribute__((warn_unused_result));

/* The same without compressing: a frame of stored blocks. Its length is SQUASH_STORED at most longer than
 * ${n}, which is at most SQUASH_STORED_MAX; 0 if it does not fit. */
#define SQUASH_STORED (4 + 1 + 2 + 3)
#define SQUASH_STORED_MAX 65791
size_t squash_store(const uint8_t *in, size_t n, uint8_t *out, size_t cap) __attribute__((warn_unused_result));

/* All frames of one message into ${out}: 0, or -1 with the reason in ${why} if there are others than whole
 * frames, or they hold more than ${cap} bytes. *${text} is where the message is: ${out}, or, of a frame
 * of one stored block, in ${in}. */
int unsquash_message(struct unsquash *z, const uint8_t *in, size_t n, uint8_t *out, size_t cap,
    const uint8_t **text, size_t *outlen, const char **why) __attribute__((warn_unused_result));

void squash_free(struct squash *z);
void unsquash_free(struct unsquash *z);

#endif
