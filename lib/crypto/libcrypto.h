/*
 * libcrypto: the functions of OpenSSL's libcrypto that are used here; private to *_libcrypto.c.
 *
 * Loaded at the first use if the build knows the library's name (LIBCRYPTO_SO, libcrypto.so.3),
 * else linked. Started without openssl.cnf: it would be read in the middle of a session, when a
 * sandbox hides it, and what it can name (code to be loaded, other ciphers) has no place here.
 */
#ifndef LIBCRYPTO_H
#define LIBCRYPTO_H

#include <openssl/crypto.h>
#include <openssl/evp.h>

#define LIBCRYPTO_FUNCTIONS(X) \
	X(OPENSSL_init_crypto) \
	X(EVP_CIPHER_CTX_new) \
	X(EVP_CIPHER_CTX_free) \
	X(EVP_CIPHER_CTX_ctrl) \
	X(EVP_CipherInit_ex) \
	X(EVP_CipherUpdate) \
	X(EVP_CipherFinal_ex) \
	X(EVP_aes_256_gcm) \
	X(EVP_chacha20_poly1305) \
	X(EVP_MD_CTX_new) \
	X(EVP_MD_CTX_free) \
	X(EVP_DigestInit_ex) \
	X(EVP_DigestUpdate) \
	X(EVP_DigestFinal_ex) \
	X(EVP_blake2s256) \
	X(EVP_PKEY_new_raw_private_key) \
	X(EVP_PKEY_new_raw_public_key) \
	X(EVP_PKEY_get_raw_public_key) \
	X(EVP_PKEY_free) \
	X(EVP_PKEY_CTX_new) \
	X(EVP_PKEY_CTX_free) \
	X(EVP_PKEY_derive_init) \
	X(EVP_PKEY_derive_set_peer) \
	X(EVP_PKEY_derive)

struct libcrypto {
#define LIBCRYPTO_POINTER(function) __typeof__(function) *(function);
	LIBCRYPTO_FUNCTIONS(LIBCRYPTO_POINTER)
#undef LIBCRYPTO_POINTER
};

/* Loaded and started, or NULL if it cannot be loaded (any more). */
const struct libcrypto *libcrypto(void);

#endif
