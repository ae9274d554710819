/*
 * line: who stands in line. First come, first served; whoever has had enough of waiting leaves from anywhere, in no
 * time, however many there are.
 */
#ifndef LINE_H
#define LINE_H

#include <stdbool.h>

struct guest;

/* Of one guest in one line; zeroed: it does not stand there. */
struct line_place {
	struct guest *guest;
	struct line_place *before, *behind;
	bool taken;
};

struct line {
	struct line_place *first, *last;
};

/* At the end, unless it stands there already. */
void line_join(struct line *l, struct line_place *p, struct guest *g);

/* Leave it, if it stands there. */
void line_leave(struct line *l, struct line_place *p);

#endif
