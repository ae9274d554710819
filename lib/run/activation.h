/*
 * activation: listening sockets that whoever started this process has opened (LISTEN_FDS, LISTEN_PID and
 * LISTEN_FDNAMES, as systemd does it, see sd_listen_fds(3)).
 */
#ifndef ACTIVATION_H
#define ACTIVATION_H

#include "socket.h"

/* The name of the one that is for --control. */
#define ACTIVATION_CONTROL "control"

struct activation {
	int fds[SOCKET_LISTENMAX]; /* for clients */
	int count;
	int control; /* or -1 */
};

/* Take them: from here on they are non-blocking and close-on-exec, and the variables are unset, so that no
 * child believes that they are meant for it. All zero (and control -1) if there are none for this process.
 * -1 with ${e}: one is no listening stream socket. */
int activation_take(struct activation *a, struct error *e) __attribute__((warn_unused_result));

#endif
