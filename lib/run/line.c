#include "line.h"

#include <stddef.h>

void line_join(struct line *l, struct line_place *p, struct guest *g)
{
	if (p->taken)
		return;
	*p = (struct line_place){.guest = g, .before = l->last, .taken = true};
	if (l->last)
		l->last->behind = p;
	else
		l->first = p;
	l->last = p;
}

void line_leave(struct line *l, struct line_place *p)
{
	if (!p->taken)
		return;
	if (p->before)
		p->before->behind = p->behind;
	else
		l->first = p->behind;
	if (p->behind)
		p->behind->before = p->before;
	else
		l->last = p->before;
	*p = (struct line_place){.guest = NULL};
}
