/*
 * service_code: a one-time code beside the list of keys, for a service that runs on. It lets one client in, and with
 * --remember puts its key into the list; when it is used, or dead, the service goes on with the keys that it knows.
 */
#ifndef SERVICE_CODE_H
#define SERVICE_CODE_H

#include "service.h"

/* All do nothing where there is no code. Before the sandbox: 0 or -1. */
int service_code_prepare(struct service *v, struct error *e) __attribute__((warn_unused_result));
void service_code_needs(const struct service *v, struct sandbox_needs *needs);

/* Clients can connect: tell people, and begin to count its time. */
void service_code_show(struct service *v);

/* A client knew the code: NULL, which uses it up, or why it is not let in. */
const char *service_code_verdict(struct service *v, struct conn *c);

void service_code_free(struct service *v);

#endif
