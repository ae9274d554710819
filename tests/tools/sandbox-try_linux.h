/* Parts of sandbox-try that only Linux has. */
#ifndef SANDBOX_TRY_LINUX_H
#define SANDBOX_TRY_LINUX_H

/* Open a file without a name in the directory of ${path} (or NULL: none). */
void linux_prepare(const char *path);

int linux_name(void); /* give it that path */
int linux_ptrace(void);
int linux_process_vm(void);

/* Run ${command} where the calls of "landlock", "seccomp" or "both" are not known. */
int linux_deny(const char *what, char **command);

#endif
