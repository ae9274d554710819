/* Tries of sandbox-try that are about processes, memory and the terminal. Each is 0, or -1 with errno. */
#ifndef SANDBOX_TRY_PROCESS_H
#define SANDBOX_TRY_PROCESS_H

int try_exec(void);
int try_fork(void);
int try_thread(void);
int try_kill(void);
int try_abort(void);
int try_memory(void);
int try_code(void);
int try_make_code(void);
int try_foreground(void);
int try_type(void);

#endif
