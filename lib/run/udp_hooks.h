/* udp_hooks: what the datagram engine and the socket call: judging, sending, telling people. */
#ifndef UDP_HOOKS_H
#define UDP_HOOKS_H

#include "udp_loop.h"

struct udp_hooks udp_hooks_engine(struct udp_loop *l);
struct udp_socket_hooks udp_hooks_socket(struct udp_loop *l);

#endif
