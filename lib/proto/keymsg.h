/*
 * keymsg: the key exchange, one JSON object (vault-protocol(5)).
 *
 * Upstream's four members, and what vault-tools add to them and want from each other: ts, sid, to, caps
 * and sig2, a signature of all that. Upstream's signature is opened, and must be of the very keys that
 * stand beside it.
 */
#ifndef KEYMSG_H
#define KEYMSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEYMSG_MAX 1024	  /* a message of ours, with room */
#define KEYMSG_CAPS_MAX 128
#define KEYMSG_CAPS 16	  /* that many capabilities */
#define KEYMSG_SID 8

struct keymsg {
	uint8_t enc[32];  /* X25519 */
	uint8_t sign[32]; /* Ed25519 */
	bool has_port;
	uint16_t port;
	/* vault-tools only */
	bool native;
	uint64_t ts; /* ms since 1970 */
	uint8_t sid[KEYMSG_SID];
	bool has_to;
	uint8_t to[32];
	char caps[KEYMSG_CAPS_MAX]; /* joined by commas */
};

enum keymsg_fault {
	KEYMSG_OK = 0,
	KEYMSG_E_FORM,	    /* no object, a member missing or of the wrong type, wrong lengths */
	KEYMSG_E_SIGNATURE, /* one of the signatures is missing or wrong */
	KEYMSG_E_TEXT,	    /* upstream's signature is of something else than these keys */
	KEYMSG_E_KEY,	    /* a key is no point, or of low order */
};

/* Read the message without checking signatures, which are dear. KEYMSG_OK or KEYMSG_E_FORM. */
enum keymsg_fault keymsg_read(struct keymsg *m, const char *json, size_t n) __attribute__((warn_unused_result));

/* Check signatures and keys of what keymsg_read() read; ${json} again. */
enum keymsg_fault keymsg_verify(const struct keymsg *m, const char *json, size_t n) __attribute__((warn_unused_result));

/* Write a message (native: with all members), signed with ${secret}, an Ed25519 secret key of 64 bytes
 * whose public half is m->sign. Its length, or 0 if it does not fit. */
size_t keymsg_write(const struct keymsg *m, const uint8_t secret[64], char *out, size_t cap)
    __attribute__((warn_unused_result));

/* Is ${name} among the capabilities? */
bool keymsg_can(const struct keymsg *m, const char *name);

/* Upstream's signature of ${enc} and ${sign} in the text of a message: for tests and for keymsg_write(). */
#define KEYMSG_SIGNATURE 205 /* base64 of 64 + 88 bytes, and a NUL */
void keymsg_sign(char out[KEYMSG_SIGNATURE], const uint8_t enc[32], const uint8_t sign[32], const uint8_t secret[64]);

#endif
