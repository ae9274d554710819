/* conn_limit: between conn.c and conn_limit.c. */
#ifndef CONN_LIMIT_H
#define CONN_LIMIT_H

#include "conn.h"

/* How many of ${n} bytes may pass now, out or in; 0 freezes that way until there are enough. */
size_t conn_allowed(struct conn *c, bool out, size_t n);
void conn_passed(struct conn *c, bool out, size_t n);
bool conn_frozen(const struct conn *c, bool out);
void conn_unlimit(struct conn *c);

/* Update, and tell the owner. */
void conn_step(struct conn *c);

#endif
