/*
 * switchboard: the kind of service that moves messages between guests, standard input and standard
 * output (vault-listen -k, --hub, --echo).
 *
 * What a guest sends goes to standard output, one whole message after the other; standard input goes
 * to all guests; with --hub each guest's messages go to the others, with --echo only back to it. A
 * message is what the framing says, or what the peer marked as one, or (raw) what came at once.
 *
 * Nothing is held without bound: what standard output does not take stops the reading from guests, and
 * what a guest does not take is waited for, dropped, or ends its session (--slow).
 */
#ifndef SWITCHBOARD_H
#define SWITCHBOARD_H

#include "service.h"

extern const struct service_kind switchboard_kind;

/* Messages that a guest missed (--slow=drop). */
uint64_t switchboard_dropped(const struct guest *g);

#endif
