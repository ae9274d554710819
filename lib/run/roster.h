/*
 * roster: the guests of a service and their figures, for the control socket, for SIGUSR1 and for --stats.
 */
#ifndef ROSTER_H
#define ROSTER_H

#include <jansson.h>

#include "figures.h"
#include "service.h"

/* What figures and events want to know of a guest. */
struct figures_who roster_who(const struct guest *g);

/* All there is to say about one guest; a new reference. */
json_t *roster_guest(const struct guest *g);

/* All guests, in the order of their ids; a new reference. */
json_t *roster_list(const struct service *v);

/* The sums over all guests since the start; a new reference. */
json_t *roster_totals(const struct service *v);
struct figures_total roster_sum(const struct service *v);

/* Print all guests and the totals on stderr, a line each. ${status}: the exit status, -1 while it runs. */
void roster_print(const struct service *v, int status);

/* A guest's session is over: tell people (-v) and programs (--events), and add its figures to the sums. */
void roster_farewell(const struct guest *g);

#endif
