/* protocol_args: what a listener's --protocol options ask for. */
#ifndef PROTOCOL_ARGS_H
#define PROTOCOL_ARGS_H

#include "stream_args.h"

/* Each must be one that can be served with the keys at hand. 0 or COMMON_USAGE. */
int protocol_args_check(const struct stream_args *s, const char *prog);

#endif
