/*
 * privileges: to stop being root (--user), and to see only a part of the file system (--chroot).
 */
#ifndef PRIVILEGES_H
#define PRIVILEGES_H

#include "proto/error.h"

/* Make ${root} the root directory (unless NULL), then become ${user} (unless NULL) with the groups it has, for
 * good: that there is no way back is tried. Who is that user already needs not be root. 0, or -1: ERROR_SAFETY
 * if this process may not do that, ERROR_USAGE for an unknown user. */
int privileges_drop(const char *user, const char *root, struct error *e) __attribute__((warn_unused_result));

/* What the absolute ${path} is called once ${root} (may be NULL) is the root directory: a part of ${path}; NULL if it
 * lies outside. */
const char *privileges_path(const char *root, const char *path);

/* The same in place: ${path} becomes "" if it lies outside. */
void privileges_rooted(char *path, const char *root);

#endif
