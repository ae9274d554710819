/*
 * udp_command: commands on a Unix socket (--control), a line protocol.
 *
 * One line in, one line out: a JSON object with "ok" true and what was asked for, or "ok" false and "error".
 *
 *   list                 the peers
 *   stats [ID]           all figures, or those of one peer
 *   add ADDRESS:PORT     another peer (numeric)
 *   remove ID            forget one
 *   send ID TEXT         one message to one peer
 *   broadcast TEXT       one message to all that standard input goes to
 *   port N               receive and send from another port from now on
 *   rotate               new keys now
 *   shutdown             leave, as by SIGTERM
 */
#ifndef UDP_COMMAND_H
#define UDP_COMMAND_H

#include "udp_loop.h"

/* Listen at l->o->control (mode 0600). 0 or -1. */
int udp_command_open(struct udp_loop *l, struct error *e) __attribute__((warn_unused_result));
void udp_command_close(struct udp_loop *l);

#endif
