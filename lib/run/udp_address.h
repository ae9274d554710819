/* udp_address: addresses of the datagram engine, and those of the kernel. */
#ifndef UDP_ADDRESS_H
#define UDP_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

#include "address.h"
#include "proto/peers.h"

/* False if it is neither IPv4 nor IPv6. */
bool udp_address_from(struct udp_address *a, const struct sockaddr *sa);
/* Of an address and port in numbers; false if it is none. */
bool udp_address_numeric(struct udp_address *at, const struct address *a);
/* As the socket wants it: AF_INET6 with mapped IPv4 addresses if ${family} is AF_INET6. */
socklen_t udp_address_to(struct sockaddr_storage *sa, const struct udp_address *a, int family);
/* "192.0.2.1:11000", "[2001:db8::1]:11000" */
char *udp_address_text(char out[ADDRESS_TEXTMAX], const struct udp_address *a);
bool udp_address_is_v4(const struct udp_address *a);

#endif
