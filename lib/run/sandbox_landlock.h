/* sandbox_landlock: which files and TCP ports remain (Linux 5.13, ports since 6.7). */
#ifndef SANDBOX_LANDLOCK_H
#define SANDBOX_LANDLOCK_H

#include <sys/syscall.h>

#include "sandbox.h"

/* The numbers are the same on all machines; older headers have no names for them. */
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

/* The version of the kernel's interface, or -1 with errno set. */
int sandbox_landlock_abi(void);

/* Confine this thread and those that it will start: no file can be opened, made, removed or named
 * but what ${needs} names; no TCP port can be connected to or bound but those; nothing outside can
 * be signalled, no abstract Unix socket outside be reached. Each as far as the kernel's version
 * has it. What is open stays usable. 0, or -1 with errno set and nothing changed. */
int sandbox_landlock(const struct sandbox_needs *needs);

#endif
