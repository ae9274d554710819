/* ifaces from netlink: all there is to know. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ifaces.h"

#if WITH_LIBMNL

#include "netlink.h"

#define TRIES 5 /* an answer that was not of one moment is asked for again */

static int on_link(const struct nlmsghdr *message, void *ctx)
{
	struct iface found, *i;

	if (!netlink_link(&found, message))
		return MNL_CB_OK;
	i = ifaces_add(ctx, found.index);
	if (!i)
		return MNL_CB_ERROR;
	if (!i->addresses)
		*i = found;
	return MNL_CB_OK;
}

static int on_address(const struct nlmsghdr *message, void *ctx)
{
	struct iface_address a;
	struct iface *i;
	unsigned index;

	if (!netlink_address(&a, &index, message))
		return MNL_CB_OK;
	i = ifaces_indexed(ctx, index); /* NULL: it came after the links were told */
	return !i || iface_add_address(i, &a) == 0 ? MNL_CB_OK : MNL_CB_ERROR;
}

int ifaces_read_netlink(struct ifaces *s, struct error *e)
{
	for (int i = 0; i < TRIES; i++) {
		ifaces_free(s);
		if (netlink_dump(RTM_GETLINK, AF_UNSPEC, on_link, s) == 0 &&
		    netlink_dump(RTM_GETADDR, AF_UNSPEC, on_address, s) == 0)
			return 0;
		if (errno != EINTR)
			break;
	}
	return error_set(e, ERROR_IO, BLAME_LOCAL, "cannot ask netlink for the interfaces: %s", strerror(errno));
}

#else

int ifaces_read_netlink(struct ifaces *s, struct error *e)
{
	(void)s;
	errno = ENOSYS;
	return error_set(e, ERROR_IO, BLAME_LOCAL, "built without libmnl");
}

#endif
