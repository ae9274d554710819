/* signals: INT, TERM and HUP as events of the loop. */
#ifndef SIGNALS_H
#define SIGNALS_H

#include <ev.h>

struct signals {
	struct ev_loop *loop;
	ev_signal watchers[3];
	void (*caught)(int number, void *owner);
	void *owner;
};

/* From here on they do not end the process by themselves. One that is ignored (nohup) stays so. */
void signals_start(struct signals *s, struct ev_loop *loop, void (*caught)(int, void *), void *owner);
void signals_stop(struct signals *s);

#endif
