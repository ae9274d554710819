/*
 * noise: the Noise Protocol Framework, revision 34.
 *
 * All one-way, fundamental and deferred patterns, psk0..psk4 modifiers in any number;
 * 25519 and 448; AESGCM and ChaChaPoly; SHA256, SHA512, BLAKE2s, BLAKE2b; rekey.
 * (fallback is not offered: no wire here uses it.)
 *
 * The handshake state is named by what the caller must do next. Any failure is final:
 * the state becomes NOISE_FAILED, its secrets are wiped, every later call fails.
 */
#ifndef NOISE_H
#define NOISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "aead.h"
#include "dh.h"
#include "hash.h"
#include "secret.h"

#define NOISE_MAXNAME 79	/* no protocol that can be built from section 8's parts has a longer name */
#define NOISE_MAXMSG 65535	/* any Noise message, section 3 */
#define NOISE_MAXPSKS 8
#define NOISE_PSKBYTES 32
#define NOISE_MAXCHOICES 16 /* psks of which the peer may have any */

enum noise_error {
	NOISE_OK = 0,
	NOISE_E_NAME = -1,	/* not a protocol name, or a pattern/modifier we do not know */
	NOISE_E_UNBUILT = -2,	/* known, but libcrypto is not built in or not there */
	NOISE_E_STATE = -3,	/* not this call's turn, or the handshake has failed before */
	NOISE_E_LENGTH = -4,	/* message shorter than the pattern needs or over 65535, or no room */
	NOISE_E_DECRYPT = -5,	/* a tag is wrong: forged, or keys/psk/prologue differ */
	NOISE_E_DH = -6,	/* low-order public key */
	NOISE_E_KEY = -7,	/* a key or psk that the pattern needs was not given */
	NOISE_E_NONCE = -8,	/* the nonce 2^64-1 was reached */
	NOISE_E_LIBRARY = -9,	/* the underlying library failed */
};

/* Constant text for an error, for example "wrong tag (forged, or the keys differ)". */
const char *noise_strerror(int error);

/* ---- names and patterns ---- */

struct noise_pattern; /* noise_patterns.h */

struct noise_protocol {
	char name[NOISE_MAXNAME + 1];
	const struct noise_pattern *pattern;
	unsigned psks;	/* bit i set: modifier psk<i> is present */
	enum dh_alg dh;
	enum aead_alg cipher;
	enum hash_alg hash;
};

/* Parse a full name such as Noise_XXpsk3_25519_AESGCM_SHA512 of ${len} bytes.
 * NOISE_OK, NOISE_E_NAME, or NOISE_E_UNBUILT (then ${p} is filled nevertheless). */
int noise_protocol_parse(struct noise_protocol *p, const char *name, size_t len)
    __attribute__((warn_unused_result));

/* Parse a bare pattern such as NN or IKpsk2, and complete it with the given algorithms. */
int noise_protocol_from_pattern(struct noise_protocol *p, const char *pattern, enum dh_alg dh,
    enum aead_alg cipher, enum hash_alg hash) __attribute__((warn_unused_result));

/* The pattern with its modifiers, without algorithms ("XXpsk3"), into ${out}. */
void noise_protocol_pattern(const struct noise_protocol *p, char *out, size_t outlen);

bool noise_protocol_one_way(const struct noise_protocol *p);
unsigned noise_protocol_psk_count(const struct noise_protocol *p);
/* Number of handshake messages; message 0 is the initiator's first. */
unsigned noise_protocol_messages(const struct noise_protocol *p);
/* Exact length of handshake message ${index} with an empty payload, in bytes. */
size_t noise_protocol_message_len(const struct noise_protocol *p, unsigned index);
/* Must this side hold a static key of its own / know the peer's before the start? */
bool noise_protocol_needs_static(const struct noise_protocol *p, bool initiator);
bool noise_protocol_needs_remote(const struct noise_protocol *p, bool initiator);
/* Does this side's peer have a static key at all (sent or known before)? */
bool noise_protocol_peer_has_static(const struct noise_protocol *p, bool initiator);
/* When the handshake is over, has this side's peer proven by a message of it that it is there now, and
 * holds its static key if it has one? Otherwise its first transport message does. */
bool noise_protocol_proves_peer(const struct noise_protocol *p, bool initiator);
/* Load now the libraries that ${p} needs, and bulk data under it will want, as far as they are there;
 * NULL: that any protocol may. Otherwise that happens when they are first used: see library.h. */
void noise_protocol_prepare(const struct noise_protocol *p);
/* Does this side read a psk before it has to write one, so that it can find out which one of several the
 * peer has? */
bool noise_protocol_finds_psk(const struct noise_protocol *p, bool initiator);

/* ---- transport cipher (section 5.1) ---- */

struct noise_cipher {
	struct aead aead;
	uint64_t n;
};

/* Seal ${n} bytes (AD empty) to ${n}+16 at ${out}, in place allowed; the counter goes up by one.
 * NOISE_OK, NOISE_E_LENGTH (n + 16 > 65535), NOISE_E_NONCE, NOISE_E_LIBRARY, NOISE_E_STATE (an
 * empty cipher). */
int noise_cipher_seal(struct noise_cipher *c, const uint8_t *in, size_t n, uint8_t *out)
    __attribute__((warn_unused_result));
/* Open ${n} bytes to ${n}-16 at ${out}, in place allowed. The counter goes up only on success;
 * on failure the output is zeroed. NOISE_OK, NOISE_E_LENGTH, NOISE_E_DECRYPT, NOISE_E_NONCE,
 * NOISE_E_STATE. */
int noise_cipher_open(struct noise_cipher *c, const uint8_t *in, size_t n, uint8_t *out)
    __attribute__((warn_unused_result));
/* REKEY(k), section 4.2; the counter goes on. */
int noise_cipher_rekey(struct noise_cipher *c) __attribute__((warn_unused_result));
void noise_cipher_free(struct noise_cipher *c);

/* ---- handshake (sections 5.2, 5.3) ---- */

enum noise_action {
	NOISE_FAILED = 0,
	NOISE_WRITE,	/* the caller must write the next message */
	NOISE_READ,	/* the caller must read the next message */
	NOISE_SPLIT,	/* all messages done: call noise_split() */
	NOISE_COMPLETE,	/* split was called */
};

/* What a side brings. Pointers are read during noise_start() only. Lengths: dh_len(dh).
 * Keys that the pattern does not use are ignored. */
struct noise_keys {
	const uint8_t *prologue;
	size_t prologue_len;
	const uint8_t *static_secret;
	const uint8_t *static_public;	/* of static_secret, or NULL: it is computed */
	const uint8_t *remote_static;	/* needed for patterns with a pre-message from the peer */
	const uint8_t (*psks)[NOISE_PSKBYTES];	/* in the order in which they are used */
	size_t psk_count;	/* must be noise_protocol_psk_count(), or 1 to use it for all */
	/* Not 0: ${psks} are so many (up to NOISE_MAXCHOICES; ${psk_count} does not matter), of which the peer
	 * uses one for all. More than one only if noise_protocol_finds_psk(). */
	size_t psk_choices;
};

struct noise_handshake {
	struct noise_protocol protocol;
	const struct rng *rng;	/* for ephemeral keys; must outlive the handshake */
	enum noise_action action;
	bool initiator;
	bool have_s, have_e, have_rs, have_re, have_k;
	unsigned message;	/* index of the next message */
	unsigned psk_next, psk_count;
	unsigned psk_choices, psk_chosen;
	uint8_t ck[HASH_MAX], h[HASH_MAX];
	uint8_t s[DH_MAX], s_pub[DH_MAX], e[DH_MAX], e_pub[DH_MAX], rs[DH_MAX], re[DH_MAX];
	uint8_t psks[NOISE_MAXCHOICES][NOISE_PSKBYTES];
	struct noise_cipher cipher;
};

/* Begin. ${hs} must be zeroed or freed before. NOISE_OK, NOISE_E_NAME (${p} was never parsed),
 * NOISE_E_UNBUILT, NOISE_E_KEY, NOISE_E_LIBRARY. A remote static key of low order is refused by the
 * message that uses it (NOISE_E_DH). */
int noise_start(struct noise_handshake *hs, const struct noise_protocol *p, bool initiator,
    const struct noise_keys *keys, const struct rng *rng) __attribute__((warn_unused_result));

enum noise_action noise_action(const struct noise_handshake *hs);

/* Write the next message with ${payload} to ${out} (room ${outcap}); its length to ${outlen}. */
int noise_write(struct noise_handshake *hs, const uint8_t *payload, size_t n, uint8_t *out,
    size_t outcap, size_t *outlen) __attribute__((warn_unused_result));

/* Read a message of ${n} bytes; its payload to ${payload} (room ${cap}), length to ${plen}.
 * On failure nothing of the payload is released. With several psks to choose from, the payload must not
 * overlap the message: each psk is tried, in a time that does not tell which one it was. */
int noise_read(struct noise_handshake *hs, const uint8_t *msg, size_t n, uint8_t *payload,
    size_t cap, size_t *plen) __attribute__((warn_unused_result));

/* The peer's static public key (dh_len bytes) once known, else NULL. It is authenticated when the
 * first transport message from the peer has been opened, or by the handshake if noise_protocol_proves_peer(). */
const uint8_t *noise_remote_static(const struct noise_handshake *hs);

/* Which one of several psks the peer has, from 0; -1 if there is no such choice or it is not yet known. */
int noise_chosen_psk(const struct noise_handshake *hs);

/* Handshake hash h for channel binding, hash_len() bytes; NULL but in NOISE_SPLIT and
 * NOISE_COMPLETE. */
const uint8_t *noise_hash(const struct noise_handshake *hs);

/* Derive the transport ciphers: ${tx} for what this side sends, ${rx} for what it receives (one of
 * them stays empty after a one-way pattern); both must be zeroed or freed before. Wipes
 * the handshake's secrets; noise_remote_static() and noise_hash() stay readable. */
int noise_split(struct noise_handshake *hs, struct noise_cipher *tx, struct noise_cipher *rx)
    __attribute__((warn_unused_result));

/* Wipe everything. Safe on a zeroed struct. */
void noise_free(struct noise_handshake *hs);

#endif
