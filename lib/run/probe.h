/* probe: what vault-connect -z has found out, on standard output. */
#ifndef PROBE_H
#define PROBE_H

#include <stdbool.h>

#include "conn.h"
#include "judge.h"

/* Print the server's key, fingerprint, protocol and round trip. Returns the exit status. */
int probe_print(struct conn *c, const struct judge_server *j, bool is_25519, bool json);

/* With --json: the error as an object. */
void probe_print_error(const struct judge_server *j, const struct error *e);

#endif
