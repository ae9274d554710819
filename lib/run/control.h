/*
 * control: a Unix socket on which a running service is asked and told (--control): a line each way, see command.h
 * and vault-protocol(5). Who may open the socket (mode 0600) may do all of it.
 *
 * Several may be connected at once, and none of them can hold anything up: lines are bounded, one answer waits at a
 * time, and who does not take it is dropped.
 */
#ifndef CONTROL_H
#define CONTROL_H

#include "service.h"

#define CONTROL_LINE_MAX (512 * 1024)

struct control;

/* Make the socket ${path}, or serve ${fd}, which listens already, if that is not -1. NULL with ${e} set. */
struct control *control_open(struct service *v, const char *path, int fd, struct error *e);

/* The path to be removed at the end (for a sandbox), or NULL. */
const char *control_path(const struct control *c);

/* The root directory is ${root} now (may be NULL): what the path is called there. */
void control_rooted(struct control *c, const char *root);

void control_close(struct control *c);

#endif
