/*
 * udp_kept: keys of py-vault-udp peers, kept over restarts of ours in $XDG_STATE_HOME/vault-tools/udp_peers.
 *
 * Public keys only, a line for each change: ADDRESS:PORT, the key that signs (vk1), the key for boxes (vx1); the last
 * line for an address counts. See proto/udp_keys_upstream.c for what they are good for.
 */
#ifndef UDP_KEPT_H
#define UDP_KEPT_H

#include "proto/udp.h"

#define UDP_KEPT_MOST 256 /* addresses */

struct udp_kept_file {
	struct udp_kept list[UDP_KEPT_MOST];
	size_t count;
	int fd; /* to append to, -1: none */
};

/* Read the file, and keep it open. Without it everything works as well, but slower after a restart: what is wrong with
 * it is only told. NULL: no memory. */
struct udp_kept_file *udp_kept_open(void);

/* ${p} has proved its keys. */
void udp_kept_note(struct udp_kept_file *f, const struct peer *p);

void udp_kept_close(struct udp_kept_file *f);

#endif
