/*
 * secret: memory for secrets, wiping, constant-time comparison, randomness.
 *
 * Long-term keys live in guarded memory (sodium_malloc: no swap, no core, guard
 * pages, canary). Session keys live in their session's struct and are wiped with
 * secret_wipe(): thousands of guarded pages would exhaust the kernel's maps.
 */
#ifndef SECRET_H
#define SECRET_H

#include <stddef.h>
#include <stdint.h>

/* A source of random bytes: fills ${n} bytes at ${buf}. Injected, so that tests and
 * published vectors can replay a run; never fails. */
struct rng {
	void (*fill)(void *ctx, uint8_t *buf, size_t n);
	void *ctx;
};

/* The system's generator (libsodium). */
extern const struct rng secret_rng;

/* Initialise libsodium; 0, or -1 if it cannot. Idempotent; call once before anything in lib/. */
int secret_init(void);

/* Guarded, zeroed memory of ${n} bytes, or NULL. Free with secret_free(), which wipes. */
void *secret_alloc(size_t n);
void secret_free(void *p);

/* Overwrite ${n} bytes at ${p}; never optimised away. */
void secret_wipe(void *p, size_t n);

/* 1 if the ${n} bytes at ${a} and ${b} are equal, else 0, in constant time. */
int secret_equal(const void *a, const void *b, size_t n) __attribute__((warn_unused_result));

#endif
