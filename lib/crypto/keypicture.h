/*
 * keypicture: a fingerprint for the telephone, and for the corner of an eye.
 *
 * The words are those of the fingerprint's letters and digits in the alphabet of radio operators: six lines
 * of four, as its groups are. The picture is a walk over a board of 17 by 9 fields from its middle (S) to an
 * end (E), a step aslant for each two bits of the hash that the fingerprint is cut from; the oftener a field was
 * visited, the darker it is.
 */
#ifndef KEYPICTURE_H
#define KEYPICTURE_H

#include "keytext.h"

#define KEYPICTURE_WORDS_MAX 256
#define KEYPICTURE_MAX 256

/* Of a fingerprint as key_fingerprint() makes it: words separated by blanks, groups by newlines. */
void keypicture_words(char out[KEYPICTURE_WORDS_MAX], const char *fingerprint);

/* Lines with a newline each. As key_fingerprint(): KEYTEXT_OK, KEYTEXT_E_FORM, KEYTEXT_E_KEY. */
int keypicture_draw(char out[KEYPICTURE_MAX], const struct key *k) __attribute__((warn_unused_result));

#endif
