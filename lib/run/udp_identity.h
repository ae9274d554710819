/* udp_identity: who we are toward vault-udp peers. */
#ifndef UDP_IDENTITY_H
#define UDP_IDENTITY_H

#include <stdbool.h>

#include "crypto/keytext.h"
#include "proto/error.h"

/* The identity in ${file}; NULL: in the usual file, or if that does not exist a throw-away one, which is told in
 * *${throwaway}. Free it with secret_free(). 0, or -1: also a key that cannot sign is an error. */
int udp_identity_load(struct key **k, bool *throwaway, const char *file, struct error *e)
    __attribute__((warn_unused_result));

#endif
