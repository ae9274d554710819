/* libcrypto: to be included, and started, before libcrypto is used; private to *_libcrypto.c. */
#ifndef LIBCRYPTO_H
#define LIBCRYPTO_H

#include <openssl/crypto.h>

/* Without openssl.cnf: it would be read in the middle of a session, when a sandbox hides it, and what
 * it can name (code to be loaded, other ciphers) has no place here. Costs nothing after the first time. */
static inline void libcrypto_start(void)
{
	(void)OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
}

#endif
