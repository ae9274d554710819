/*
 * printable: text from elsewhere (a peer, a file, an argument) made safe for a terminal or a log.
 *
 * Valid UTF-8 goes through. What could steer a terminal or fool the eye is written out as an
 * escape: control characters, DEL and bytes that are not UTF-8 as \xNN; C1 controls, bidirectional
 * and other invisible format characters, line separators and non-characters as \u{NNNN}.
 * A backslash is left as it is: the result is to be read, not to be decoded.
 */
#ifndef PRINTABLE_H
#define PRINTABLE_H

#include <stddef.h>

/* Write the safe form of the ${len} bytes at ${text} into ${out}, ${size} bytes with its NUL
 * (${size} at least 4). What does not fit is cut between characters or escapes and ends in "...".
 * Returns ${out}. */
char *printable(char *out, size_t size, const void *text, size_t len);

#endif
