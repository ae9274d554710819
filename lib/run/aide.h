/*
 * aide: a thread that compresses half of what is at hand while the loop compresses the other half.
 *
 * It begins with the first work there is, which is when a session is in full swing: after the sandbox, so that
 * it is confined as the loop is. The loop waits for it in each call; nothing is left to it in between.
 */
#ifndef AIDE_H
#define AIDE_H

#include "proto/session.h"

struct aide;

/* NULL: out of memory, or no second processor for it. */
struct aide *aide_new(void);

/* Have a session's config use it; of one session at a time. */
void aide_join(struct aide *a, struct session_config *config);

/* NULL is fine. */
void aide_free(struct aide *a);

#endif
