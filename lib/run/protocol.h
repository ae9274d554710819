/* protocol: which Noise protocol is spoken by default, and what a --protocol argument means. */
#ifndef PROTOCOL_H
#define PROTOCOL_H

#include <stdbool.h>

#include "crypto/noise.h"
#include "proto/error.h"
#include "proto/session.h"

/* Complete ${text}, a full name or a bare pattern, with 25519, AES-GCM where the CPU has it, else
 * ChaCha20-Poly1305, and SHA-512. Interactive patterns only. 0, or -1 with ERROR_USAGE. */
int protocol_parse(struct noise_protocol *p, const char *text, struct error *e)
    __attribute__((warn_unused_result));

/* The same for a raw wire, whose peers are set up by hand: a bare pattern stands for AESGCM and SHA512,
 * Vault TCP's own defaults, whatever the CPU has; NULL for NN. No psk (raw peers have none). */
int protocol_parse_raw(struct noise_protocol *p, const char *text, struct error *e)
    __attribute__((warn_unused_result));

/* Load now the libraries that a listener may need which allows these protocols: full names, or bare
 * patterns, which stand for any cipher and hash. To be called before the sandbox. */
void protocol_prepare(const char *const *allowed, size_t count);

/* The wire of that name: "vault1", "vault-tcp", and "auto" if ${listener}. NULL with ERROR_USAGE. */
const struct wire *protocol_wire(const char *name, bool listener, struct error *e)
    __attribute__((warn_unused_result));

#endif
