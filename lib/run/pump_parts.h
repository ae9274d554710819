/* pump: what its files share. Private to pump*.c. */
#ifndef PUMP_PARTS_H
#define PUMP_PARTS_H

#include "pump.h"

void pump_watch(struct pump *p, ev_io *w, bool wanted);
bool pump_lives_on(const struct pump *p);
void pump_abort_output(struct pump *p);
/* Writing failed, with this errno. */
void pump_output_failed(struct pump *p, int why);

/* ---- pump_input.c ---- */

void pump_end_input(struct pump *p);
void pump_discard_input(struct pump *p);
void pump_read_input(struct pump *p);
/* Reading failed, as errno says; that there is nothing now is no failure. */
void pump_input_failed(struct pump *p);
/* The peer wants no more of it. */
void pump_stop_input(struct pump *p);
/* Shorten the windows to what the rate limit allows now; how many are left. */
int pump_limit(struct pump *p, struct iovec *iov, int count);
/* May it be read now as far as the rate goes? If not, wake up when it may. */
bool pump_paced(struct pump *p);

/* ---- pump_messages.c: only with p->framed, where not said otherwise ---- */

void pump_read_messages(struct pump *p);
/* Both ways, as far as session and output take them. */
void pump_move_messages(struct pump *p);
/* What has left makes room, and nothing else would wake us for what was read before: was more sent? (False without
 * p->framed.) */
bool pump_sends_on(struct pump *p);
/* Does something that came wait for the output? (False without p->framed.) */
bool pump_holds_messages(const struct pump *p);
/* The session has closed: must what came whole before that still be written? */
bool pump_last_messages(struct pump *p);

#endif
