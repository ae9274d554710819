/*
 * handshake_policy: may an initiator have the protocol that it asks for? Private to lib/proto.
 */
#ifndef HANDSHAKE_POLICY_H
#define HANDSHAKE_POLICY_H

#include "handshake.h"

/* Is h->protocol allowed, and can it be done with the keys that there are? */
bool handshake_allowed(const struct handshake *h);

/* For people: what an initiator should do whose protocol is not. Constant text. */
const char *handshake_why_not(const struct handshake *h);

#endif
