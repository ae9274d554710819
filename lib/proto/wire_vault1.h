/* wire_vault1: record types and limits of vault/1, and its two halves. Private to lib/proto. */
#ifndef WIRE_VAULT1_H
#define WIRE_VAULT1_H

#include "crypto/keytext.h"
#include "wire.h"

enum v1_type {
	V1_DATA = 0,
	V1_ZDATA = 1,
	V1_EOF = 2,
	V1_CLOSE = 3,
	V1_PING = 4,
	V1_PONG = 5,
	V1_REKEY = 6,
	V1_RECEIPT = 10,
	V1_STOP = 11,
	V1_READY = 12,
	V1_OPEN = 13,
	V1_PART = 14,
	V1_IGNORED = 64, /* from here up unknown types are passed over */
};

#define V1_REKEY_BYTES (UINT64_C(1) << 32)
#define V1_REKEY_RECORDS (UINT64_C(1) << 20)

/* ---- wire_vault1_send.c ---- */

/* Are we willing to compress, and able to? */
bool v1_can_compress(const struct session *s);
/* Queue OPEN or READY. */
void v1_greet(struct session *s);
/* Both sides agreed: start what begins by itself (probe, one-way mode). */
void v1_agreed(struct session *s);
void v1_data_prefix(const struct session *s, uint8_t *at, enum data_kind kind);
void v1_control(struct session *s);
/* The keep-alive interval in milliseconds from ours and the peer's (seconds). */
uint32_t v1_keepalive(const struct session *s, uint32_t peer);
void v1_tick(struct session *s);
int64_t v1_deadline(const struct session *s);

#endif
