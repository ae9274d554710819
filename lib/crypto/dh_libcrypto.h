/*
 * dh_libcrypto: X448. Built without libcrypto, it is never available.
 */
#ifndef DH_LIBCRYPTO_H
#define DH_LIBCRYPTO_H

#include <stdbool.h>
#include <stdint.h>

#define DH_LIBCRYPTO_X448BYTES 56

/* Is it built in, and there? Loads it. */
bool dh_libcrypto_available(void);

/* Load it now. */
void dh_libcrypto_prepare(void);

/* Public key and shared secret. 0, or -1; what a failure leaves in ${out} is the caller's to wipe,
 * and so is a shared secret of all zeros to refuse. */
int dh_libcrypto_x448_public(uint8_t out[DH_LIBCRYPTO_X448BYTES],
    const uint8_t sec[DH_LIBCRYPTO_X448BYTES]) __attribute__((warn_unused_result));
int dh_libcrypto_x448_shared(uint8_t out[DH_LIBCRYPTO_X448BYTES],
    const uint8_t sec[DH_LIBCRYPTO_X448BYTES], const uint8_t pub[DH_LIBCRYPTO_X448BYTES])
    __attribute__((warn_unused_result));

#endif
