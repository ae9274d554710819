/*
 * udp_solicit: --solicit. A py-vault-udp is asked for its key from a socket made for the answer, whose port it
 * cannot know yet: see proto/udp_keys_upstream.c.
 */
#ifndef UDP_SOLICIT_H
#define UDP_SOLICIT_H

#include "udp_loop.h"

/* Ask ${p}, from a new port. */
void udp_solicit_send(struct udp_loop *l, struct peer *p);

void udp_solicit_close(struct udp_loop *l);

#endif
