/* handshake_code: the exchange that turns a one-time code into a psk. Private to lib/proto; see handshake.h. */
#ifndef HANDSHAKE_CODE_H
#define HANDSHAKE_CODE_H

#include "handshake.h"

/* What the initiator's unit has behind the name: u16 0, kind, sid, share. */
#define CODE_KIND 1
#define CODE_TAIL (2 + 1 + HANDSHAKE_SID + PAKE_SHARE)

/* Initiator: begin; ${hello} (magic, n, name) is in h->out already, ${n} bytes. 0 or -1. */
int handshake_code_ask(struct handshake *h, const uint8_t *hello, size_t n) __attribute__((warn_unused_result));

/* Responder: answer the unit of ${n} bytes, CODE_TAIL of them behind the name. h->out gets our share.
 * 0 or -1: what it holds is no share. */
int handshake_code_answer(struct handshake *h, const uint8_t *unit, size_t n) __attribute__((warn_unused_result));

/* Initiator: the responder's share came. 0 (h->psk and h->prologue are there) or -1. */
int handshake_code_take(struct handshake *h, const uint8_t share[PAKE_SHARE]) __attribute__((warn_unused_result));

/* Responder, when message 1 has come: may it be opened? Then a guess is used up, which
 * handshake_code_right() gives back. */
bool handshake_code_guess(struct handshake *h);
void handshake_code_right(struct handshake *h);

/* The responder's words about a guess that was wrong. */
void handshake_code_wrong(struct handshake *h);

#endif
