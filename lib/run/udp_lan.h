/*
 * udp_lan: who is there on the local network (--announce, --browse).
 *
 * An announcement is a key message in clear with the capability "announce", sent to a multicast group with a
 * TTL of 1, to which nobody answers. Key messages that carry it are taken by nobody who is talked to.
 */
#ifndef UDP_LAN_H
#define UDP_LAN_H

#include "udp_loop.h"

#define UDP_LAN_PORT 11011
#define UDP_LAN_V4 "239.255.86.85"
#define UDP_LAN_V6 "ff02::5655"

/* Announce ourselves from now on, on l->o->announce_interface or on all that can. 0 or -1. */
int udp_lan_open(struct udp_loop *l, struct error *e) __attribute__((warn_unused_result));
void udp_lan_close(struct udp_loop *l);

struct udp_browse {
	const char *interface; /* or NULL: all */
	bool json;
	int64_t silence_ms; /* after which one is gone */
	enum sandbox_mode sandbox;
};

/* List who announces himself, on standard output, until a signal. Returns the exit status. */
int udp_lan_browse(const struct udp_browse *o);

#endif
