/*
 * forward: the kind of service that gives each client a connection of its own to a backend (vault-listen
 * --forward).
 *
 * The backend hears nothing of clients that do not authenticate. An end of either direction is passed on
 * as such; anything else is a reset at the backend, and at the client a session that failed.
 */
#ifndef FORWARD_H
#define FORWARD_H

#include "service.h"

extern const struct service_kind forward_kind;

/* A backend's address as it is written: HOST:PORT, PORT (on this machine) or a path. 0, or -1 with ERROR_USAGE. */
int forward_address(struct address *to, const char *text, struct error *e) __attribute__((warn_unused_result));

#endif
