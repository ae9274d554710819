/*
 * local: vault-connect -L: listen here without encryption, and make of each local connection a session of
 * its own to the server.
 *
 * The server's key is checked for each of them; one that was remembered for the first is expected of
 * all others. What cannot be set up or is cut is a reset at the local client.
 */
#ifndef LOCAL_H
#define LOCAL_H

#include "client.h"

/* Do it all, until a signal; errors are told on stderr. Returns the exit status. */
int local_run(struct client_options *o);

#endif
