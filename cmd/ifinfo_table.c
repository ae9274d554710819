/* ifinfo, the table for people: 80 columns, colour only on a terminal. */
#include "ifinfo.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run/printable.h"

#define COLUMNS 80
#define MAC_ROOM 17
#define NAME_ROOM IFACES_NAMEMAX /* what is longer when made printable is cut */
#define INDENT 2

struct table {
	size_t name, state, type; /* widths */
	bool colour;
};

/* Names may be of any characters; what is shown is counted in characters, not bytes. */
static size_t width(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

static void name_of(char out[NAME_ROOM], const struct iface *i)
{
	printable(out, NAME_ROOM, i->name, strlen(i->name));
}

static void column(const char *s, size_t room)
{
	size_t n = width(s);

	fputs(s, stdout);
	for (; n < room; n++)
		putchar(' ');
	putchar(' ');
}

static void paint(const struct table *t, const char *code)
{
	if (t->colour)
		fputs(code, stdout);
}

/* "192.0.2.1/24 global"; returns its width. */
static size_t address_line(char out[128], const struct iface_address *a)
{
	char ip[IFACES_ADDRESSMAX], scope[16];

	snprintf(out, 128, "%s %s%s%s%s%s", iface_address_text(ip, a, true), iface_scope_text(scope, a->scope),
	    a->flags & ADDRESS_TEMPORARY ? " temporary" : "", a->flags & ADDRESS_DEPRECATED ? " deprecated" : "",
	    a->flags & ADDRESS_TENTATIVE ? " tentative" : "", a->flags & ADDRESS_DUPLICATE ? " duplicate" : "");
	return strlen(out);
}

/* The first address on the interface's line if it fits; the others below, in the same column, or as
 * far to the left as they need. */
static void addresses(const struct iface *i, size_t at)
{
	char line[128];
	bool begun = true;

	for (size_t n = 0; n < i->address_count; n++) {
		size_t long_is = address_line(line, &i->addresses[n]);
		size_t to = at + long_is <= COLUMNS ? at : COLUMNS > long_is + INDENT ? COLUMNS - long_is : INDENT;

		if (!begun || to < at) {
			putchar('\n');
			printf("%*s", (int)to, "");
		}
		begun = false;
		fputs(line, stdout);
	}
	putchar('\n');
}

static void row(const struct table *t, const struct iface *i)
{
	char name[NAME_ROOM], mac[3 * IFACES_MACMAX];
	bool up = strcmp(iface_state(i), "up") == 0;

	name_of(name, i);
	paint(t, "\033[1m");
	column(name, t->name);
	paint(t, "\033[0m");
	paint(t, up ? "\033[32m" : "\033[31m");
	column(iface_state(i), t->state);
	paint(t, "\033[0m");
	printf("%5u ", i->mtu);
	column(iface_type(i), t->type);
	iface_mac_text(mac, i);
	if (width(mac) > MAC_ROOM) /* of InfiniBand: its end is what differs */
		memmove(mac, mac + width(mac) - MAC_ROOM, MAC_ROOM + 1);
	column(*mac && !(i->flags & IFACE_LOOPBACK) ? mac : "-", MAC_ROOM);
	addresses(i, t->name + 1 + t->state + 1 + 6 + t->type + 1 + MAC_ROOM + 1);
}

static void widen(size_t *room, const char *s)
{
	if (width(s) > *room)
		*room = width(s);
}

void ifinfo_table(const struct ifinfo *f)
{
	struct table t = {.name = 4, .state = 5, .type = 4, .colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR")};
	char name[NAME_ROOM];

	for (size_t n = 0; n < f->all.count; n++) {
		if (!f->chosen[n])
			continue;
		name_of(name, &f->all.list[n]);
		widen(&t.name, name);
		widen(&t.state, iface_state(&f->all.list[n]));
		widen(&t.type, iface_type(&f->all.list[n]));
	}
	paint(&t, "\033[4m");
	column("NAME", t.name);
	column("STATE", t.state);
	fputs("  MTU ", stdout);
	column("TYPE", t.type);
	column("MAC", MAC_ROOM);
	fputs("ADDRESS", stdout);
	paint(&t, "\033[0m");
	putchar('\n');
	for (size_t n = 0; n < f->all.count; n++)
		if (f->chosen[n])
			row(&t, &f->all.list[n]);
}
