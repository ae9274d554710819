/*
 * library: shared libraries that are loaded when they are needed.
 *
 * To load libcrypto costs a program more than all else that it does until it works, and most
 * runs never need it. What a sandboxed program will need is loaded before the sandbox, by
 * noise_prepare(): afterwards nothing can be.
 */
#ifndef LIBRARY_H
#define LIBRARY_H

#include <stddef.h>

/* A handle of the shared library ${name}, which stays loaded, or NULL. */
void *library_open(const char *name);

/* Store the address of its function ${name} in the pointer at ${function}. 0, or -1. */
int library_function(void *library, const char *name, void *function)
    __attribute__((warn_unused_result));

/* From now on library_open() only says NULL. */
void library_no_more(void);

#endif
