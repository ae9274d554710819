/* transport: what the kernel tells about a connected socket. Elsewhere than on Linux it tells less. */
#ifndef TRANSPORT_H
#define TRANSPORT_H

#include <stddef.h>
#include <stdint.h>

/* Bytes written to the socket that the peer's kernel has not acknowledged; 0 if that is not known. */
size_t transport_unacked(int fd);

/* The smoothed round trip in ms, or -1. */
double transport_rtt_ms(int fd);

/* How long (us) the network, not the peer's window, held data of ours back; 0 for a socket without
 * a network, INT64_MAX if that is not known. */
int64_t transport_network_us(int fd);

/* Send at most about ${rate} bytes a second. (A wish.) */
void transport_pace(int fd, uint64_t rate);

#endif
