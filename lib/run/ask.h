/* ask: a question to the person at the terminal, whose answer is not shown. */
#ifndef ASK_H
#define ASK_H

#include <stddef.h>

#include "proto/error.h"

/* Is there a terminal to ask on? */
int ask_possible(void);

/* Show ${prompt} on the controlling terminal and read a line without its newline into ${out} (guarded
 * memory of ${size} bytes), with the echo off. The terminal is as it was afterwards, also when a signal
 * comes (which then takes its course) or the process is stopped and continued. 0; -1 with ERROR_IO: there
 * is no terminal, nothing was typed before its end, or more than fits. */
int ask_hidden(char *out, size_t size, const char *prompt, struct error *e) __attribute__((warn_unused_result));

#endif
