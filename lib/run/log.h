/*
 * log: messages for people on stderr, "PROG: text", one line each, made printable.
 *
 * Level 0 is for what must be known (errors, warnings of safety), 1 for -v, 2 and up for more.
 */
#ifndef LOG_H
#define LOG_H

#include <stdbool.h>
#include <stdint.h>

/* Set once, before the first message. ${quiet}: warnings are not shown, errors are. */
void log_setup(const char *prog, int verbosity, bool quiet);

int log_verbosity(void);
const char *log_program(void);

/* An error that decides the exit status. */
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* What was asked for, and goes to people: shown even if quiet. */
void log_notice(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* What a person should know although all goes on. */
void log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same of what may come many times a second: at once, and then no more often than every ten seconds, with how many
 * there were meanwhile. Zeroed at first. */
struct log_seldom {
	int64_t said; /* clock_ms(), 0 = never */
	uint64_t untold;
};
void log_warn_seldom(struct log_seldom *s, const char *what, const char *why);
/* Shown with ${level} or more -v. */
void log_info(int level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* From here on each message is a JSON object: v, time, program, level, message. */
void log_as_json(void);

/* A line of its own, as it is (it is safe to print). */
void log_line(const char *line);

#define LOG_STAMP_MAX 48

/* The time of day as RFC 3339 in UTC, with milliseconds. */
char *log_stamp(char out[LOG_STAMP_MAX]);

/* A progress line may stand unfinished on the terminal: ${wipe} is called before any message. */
void log_on_message(void (*wipe)(void));

#endif
