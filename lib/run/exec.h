/*
 * exec: the kind of service that runs a command for each client (vault-listen -k with -e, -c or --).
 *
 * Nothing runs for clients that do not authenticate. How the command ended is told to the peer; one whose session
 * fails is killed.
 */
#ifndef EXEC_H
#define EXEC_H

#include "service.h"

extern const struct service_kind exec_kind;

/* The command line that a key's own rule has for it, NULL for the usual command. ${entry} may be NULL. */
const char *exec_line(const struct trust_entry *entry);

#endif
