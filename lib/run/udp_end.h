/* udp_end: when vault-udp begins to read, when it is done, and how it went. */
#ifndef UDP_END_H
#define UDP_END_H

#include "udp_loop.h"

/* Look at how far all is. True if it is over. */
bool udp_end_check(struct udp_loop *l);

/* When to look again at the latest (monotonic ms), INT64_MAX: no need. */
int64_t udp_end_deadline(const struct udp_loop *l);

/* Say goodbye, write what is left. */
void udp_end_leave(struct udp_loop *l);

/* The exit status; errors are told. */
int udp_end_status(struct udp_loop *l);

#endif
