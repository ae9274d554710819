/* protocol_args: what a listener's --protocol options ask for. */
#ifndef PROTOCOL_ARGS_H
#define PROTOCOL_ARGS_H

#include "stream_args.h"

/* Once the keys are there: of several pre-shared keys, a listener must be able to find the client's. 0 or -1. */
int protocol_args_psks(const struct stream_args *s, struct error *e) __attribute__((warn_unused_result));

/* Each must be one that can be served with the keys at hand. 0 or COMMON_USAGE. */
int protocol_args_check(const struct stream_args *s, const char *prog);

#endif
