/* route_mtu: what the kernel's routes say about packets to an address. */
#ifndef ROUTE_MTU_H
#define ROUTE_MTU_H

#include <stdbool.h>
#include <sys/socket.h>

/* Largest IP packet on the route toward ${sa}, by a UDP socket that is connected there (nothing is
 * sent); 0 if the system does not say. *${loopback} (may be NULL): it stays within this machine. */
unsigned route_mtu(const struct sockaddr *sa, socklen_t len, bool *loopback);

#endif
