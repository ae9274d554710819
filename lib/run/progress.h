/* progress: one line on stderr that says how far a transfer is. */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

/* Is stderr a terminal that can have a line rewritten? */
bool progress_possible(void);

/* Show (or, not on a terminal, only remember) the state. Sizes in bytes, ${total} -1 if unknown. */
void progress_show(uint64_t sent, uint64_t received, int64_t total, int64_t elapsed_ms);

/* Wipe the line; with ${summary} print a last one that stays. */
void progress_end(bool summary, uint64_t sent, uint64_t received, int64_t elapsed_ms);

/* "12.3 MiB" */
char *progress_bytes(char out[32], double bytes);

#endif
