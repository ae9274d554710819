/* udp_interfaces: where multicast goes. */
#ifndef UDP_INTERFACES_H
#define UDP_INTERFACES_H

#include <stddef.h>

#include "proto/error.h"

#define UDP_INTERFACES_MAX 32

struct udp_interfaces {
	unsigned index[UDP_INTERFACES_MAX];
	size_t count;
};

/* The one called ${only}, or (NULL) all that are up and know multicast. 0 or -1. */
int udp_interfaces_list(struct udp_interfaces *u, const char *only, struct error *e);

#endif
