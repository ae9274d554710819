/* announce: tell people and scripts where a listener can be reached. */
#ifndef ANNOUNCE_H
#define ANNOUNCE_H

#include <jansson.h>

#include "listener.h"
#include "socket.h"

/* Add address and port, or path. */
void announce_add_address(json_t *o, const struct socket_listeners *at);

/* Own public key as text. */
char *announce_key(char out[KEYTEXT_MAX], const struct listener_options *o);

/* --ready-fd: one JSON line with the real address, port and own public key, then the descriptor is
 * closed. 0 or -1. */
int announce_ready(const struct listener_options *o, const struct socket_listeners *at, struct error *e);

/* The line itself; ${key} may be NULL. */
int announce_listening(int fd, const char *key, const struct socket_listeners *at, struct error *e);

/* -v: the same for people, and the warning if anyone may connect. */
void announce_people(const struct listener_options *o, const struct socket_listeners *at);

#endif
