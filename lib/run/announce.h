/* announce: tell people and scripts where a listener can be reached. */
#ifndef ANNOUNCE_H
#define ANNOUNCE_H

#include "listener.h"
#include "socket.h"

/* --ready-fd: one JSON line with the real address, port and own public key, then the descriptor is
 * closed. 0 or -1. */
int announce_ready(const struct listener_options *o, const struct socket_listeners *at, struct error *e);

/* The line itself, without a key if ${identity} is NULL. */
int announce_listening(int fd, const struct key *identity, const struct socket_listeners *at, struct error *e);

/* -v: the same for people, and the warning if anyone may connect. */
void announce_people(const struct listener_options *o, const struct socket_listeners *at);

#endif
