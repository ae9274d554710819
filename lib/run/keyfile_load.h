/* keyfile_load: a file in memory, guarded: it may be a secret even where none is expected. Private to the
 * readers of secrets (keyfile, passphrase). */
#ifndef KEYFILE_LOAD_H
#define KEYFILE_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "keyfile.h"

struct keyfile_content {
	struct stat st;
	size_t len;
	char text[]; /* at most KEYFILE_MAX */
};

/* NULL with ERROR_IO. */
struct keyfile_content *keyfile_load(const char *path, struct error *e);
void keyfile_unload(struct keyfile_content *c);

/* May a secret come from a file that looks like this? 0, or -1 with ERROR_SAFETY. */
int keyfile_safe(const struct stat *st, const char *path, struct error *e);

/* The one pre-shared key of a file, in any form; it may be locked. 0 or -1. */
int keyfile_parse_psk(struct keyfile_found *f, const struct keyfile_content *c, const char *path, struct error *e);

#endif
