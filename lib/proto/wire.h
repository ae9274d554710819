/*
 * wire: what a stream protocol must provide to the session engine, and what the engine offers
 * to it. Private to lib/proto; everything above knows only the names of the wires.
 */
#ifndef WIRE_H
#define WIRE_H

#include "session.h"

enum data_kind {
	DATA_WHOLE,
	DATA_PART,     /* the message goes on in the next record */
	DATA_SQUASHED, /* the body is a piece of the zstd stream */
};

struct wire {
	const char *name;
	size_t prefix;	 /* plaintext bytes of a record before the application's data */
	size_t body_max; /* application bytes in one record */
	uint64_t rekey_bytes, rekey_records; /* 0 = never */
	bool tells; /* it has words for an end, a failure, a refusal (otherwise there is only FIN) */
	/* Begin: an initiator queues its first bytes. */
	int (*start)(struct session *s);
	/* Use what it can of the bytes in [in_head, in_tail) during PHASE_HANDSHAKE. */
	void (*handshake)(struct session *s);
	/* The caller accepted the peer's key (or, with a reason, did not). */
	void (*judged)(struct session *s, const char *refusal);
	/* A frame header that is not a record's: 1 if it was dealt with, 0 for an error. */
	int (*odd_frame)(struct session *s, uint32_t len);
	/* One opened record, ${n} >= prefix. It may add windows; -1 after session_fail(). */
	int (*record)(struct session *s, uint8_t *plain, size_t n);
	/* Write the prefix of a data record in front of its body. */
	void (*data_prefix)(const struct session *s, uint8_t *at, enum data_kind kind);
	/* Queue control records that are wanted and fit. */
	void (*control)(struct session *s);
	/* Is all said, is all heard? (For a clean end.) */
	bool (*all_said)(const struct session *s);
	bool (*all_heard)(const struct session *s);
	/* May the application send now? */
	bool (*may_send)(const struct session *s);
	/* The transport has ended and all whole records are opened: was that the peer's end of data?
	 * NULL: never by itself. */
	bool (*ends_by_fin)(struct session *s);
	/* Would an empty message now be taken for a proof of who we are, and no message? NULL: never. */
	bool (*empty_proves)(const struct session *s);
	/* Clocks of the wire itself (keep-alive); and the next time it wants to be asked, or -1. */
	void (*tick)(struct session *s);
	int64_t (*deadline)(const struct session *s);
};

/* Of the wires there are, for those who only count bytes: what leads a record, and what it holds at most. */
#define V1_PREFIX 1
#define V1_BODYMAX (NOISE_MAXMSG - AEAD_TAGBYTES - V1_PREFIX)
#define RAW_PREFIX 0
#define RAW_BODYMAX SESSION_RAW_MESSAGEMAX

/* ---- offered by session.c ---- */

#define SESSION_OVERHEAD(w) (4 + (w)->prefix + AEAD_TAGBYTES)

/* Bytes free behind out_tail. */
size_t session_room(const struct session *s);

/* How much of it the body of a record can have, behind ${used} bytes more. */
size_t session_body_room(const struct session *s, size_t used);

/* Compressed: how much can be taken into squash_buf now; seal ${n} bytes of it. */
size_t session_squash_window(const struct session *s);
void session_seal_squashed(struct session *s, size_t n);
/* Seal a record of ${n} plaintext bytes that stand at out + out_tail + 4. -1 after session_fail(). */
int session_seal(struct session *s, size_t n);
/* Queue raw bytes (handshake). -1 (nothing queued) if there is no room. */
int session_queue(struct session *s, const uint8_t *bytes, size_t n);
/* Add a window for the application. There must be room in the list. */
void session_window_add(struct session *s, uint8_t *data, size_t n, bool more);
/* Begin the handshake of config.handshake. 0, or -1 with the session's error set. */
int session_start_hands(struct session *s);
/* Feed it what has arrived. True once, when it is complete and PHASE_RUN has begun. */
bool session_shake_hands(struct session *s);
/* Does a message of it wait for session_work_take() or session_work_back()? */
bool session_is_heavy(const struct session *s);
/* Record an error that ends the session; ${tell} is a CLOSE code or 0. Returns -1. */
int session_fail(struct session *s, int tell, enum error_code code, enum error_blame blame,
    const char *format, ...) __attribute__((format(printf, 5, 6)));
/* Record an error without ending the session. */
void session_note(struct session *s, enum error_code code, enum error_blame blame, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* A clock of ${what} ran out: end the session, and wait only briefly for the peer's end of transport. */
void session_expire(struct session *s, const char *what);

/* ---- between session.c, session_clocks.c, session_in.c and session_out.c ---- */

/* All is said (or nobody listens any more): wait for the peer's end of transport. */
void session_linger(struct session *s);
bool session_can_send(const struct session *s);
/* Does data (not only control records) wait for the transport? */
bool session_data_waits(const struct session *s);
void session_process(struct session *s);
void session_drop_windows(struct session *s);
void session_resume_held(struct session *s);
/* The transport has ended: is that an error? (Asked again when more was opened.) */
void session_check_fin(struct session *s);
void session_restart_clocks(struct session *s);

#endif
