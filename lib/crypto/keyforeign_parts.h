/* keyforeign_parts: one parser and one writer for each format, and what they share. Private to keyforeign*.c.
 * They are called as keyforeign_parse() and keyforeign_format() are; parsers need not wipe ${k}, nor see to
 * it that a public key is a point of the curve. */
#ifndef KEYFOREIGN_PARTS_H
#define KEYFOREIGN_PARTS_H

#include "keyforeign.h"

int keyforeign_pem_parse(struct key *k, bool public, const char *text, size_t len);
int keyforeign_pem_format(char out[KEYFOREIGN_TEXT_MAX], const struct key *k);
int keyforeign_ssh_parse(struct key *k, char *comment, bool public, const char *text, size_t len);
int keyforeign_ssh_format(char out[KEYFOREIGN_TEXT_MAX], const struct key *k, const char *comment,
    const struct rng *rng);
int keyforeign_age_parse(struct key *k, bool public, const char *text, size_t len);
int keyforeign_age_format(char out[KEYFOREIGN_TEXT_MAX], const struct key *k);
int keyforeign_sign_parse(struct key *k, char *comment, const char *text, size_t len);
int keyforeign_sign_format(char out[KEYFOREIGN_TEXT_MAX], enum key_format format, const struct key *k,
    const char *comment);

/* The bytes between "-----BEGIN ${label}-----" and its end: their number, or -1 if the text is something
 * else, longer than ${size}, or has more around it than blank space. */
long keyforeign_unarmor(uint8_t *out, size_t size, const char *label, const char *text, size_t len);
void keyforeign_armor(char out[KEYFOREIGN_TEXT_MAX], const char *label, const uint8_t *bytes, size_t len, size_t width);

/* Does ${text} begin with the word? */
bool keyforeign_begins(const char *text, size_t len, const char *with);

/* Copy a comment, as much as fits. */
void keyforeign_comment(char *comment, const void *text, size_t len);

#endif
