/* Parts of sandbox-try that only Linux has. */
#ifndef SANDBOX_TRY_LINUX_H
#define SANDBOX_TRY_LINUX_H

/* Open a file without a name in the directory of ${path} (or NULL: none). */
void linux_prepare(const char *path);

int linux_name(void); /* give it that path */
int linux_ptrace(void);
int linux_process_vm(void);
int linux_open(const char *path, int only_name); /* by open(2), not openat(2) */

struct msghdr;
#define LINUX_FASTOPEN 0x20000000
int linux_fast_many(int fd, struct msghdr *m); /* sendmmsg(2) */

/* Run ${command} where the calls of "landlock", "seccomp" or "both" are not known. */
int linux_deny(const char *what, char **command);

#endif
