/* sandbox_seccomp: which system calls remain (Linux 3.17; x86_64 and aarch64). */
#ifndef SANDBOX_SECCOMP_H
#define SANDBOX_SECCOMP_H

#include "sandbox.h"

/* Is there a filter for this machine, and does the kernel take it? 0, or -1 with errno set (ENOTSUP:
 * no list of calls for this machine). */
int sandbox_seccomp_check(void);

/*
 * Confine this thread and those that it will start. What is not on the list fails with EPERM, for
 * libraries try things and can do without: opening a file, making a socket. What nothing of ours
 * ever tries ends the process at once with SIGSYS: running a program, making a process, looking
 * into another one, connect(2), bind(2), listen(2). No memory becomes executable, no input is
 * put into a terminal.
 *
 * Threads that exist already keep what they have (a name look-up that was given up may still
 * wait for its answer): a filter forced upon them would end us for what they may do. Unless the needs have
 * threads(), which do nothing but compute: then it is for all of them.
 * 0, or -1 with errno set and nothing changed.
 */
int sandbox_seccomp(const struct sandbox_needs *needs);

#endif
