/* udp_stdio: between the application's bytes and messages: standard input to datagrams, messages to standard
 * output. */
#ifndef UDP_STDIO_H
#define UDP_STDIO_H

#include "udp_loop.h"

/* Open standard input and output and their buffers. 0 or -1. */
int udp_stdio_open(struct udp_loop *l, struct error *e);
void udp_stdio_close(struct udp_loop *l);

/* Read and send as much as peers and pace allow now. */
void udp_stdio_pump(struct udp_loop *l);

/* May input be read now (is there somebody to send it to, and room)? */
bool udp_stdio_wants(struct udp_loop *l);

/* Is there room for any message? */
bool udp_stdio_room(const struct udp_loop *l);

/* A message for standard output. */
void udp_stdio_take(struct udp_loop *l, const struct udp_message *m);

/* Write what waits. */
void udp_stdio_flush(struct udp_loop *l);

#endif
