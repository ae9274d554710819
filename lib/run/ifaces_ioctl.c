/* ifaces, the facts that come by ioctl(2). */
#include "ifaces.h"

#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#ifdef __linux__
#include <linux/ethtool.h>
#include <linux/sockios.h>
#endif

static bool asked(const struct iface *i, int fd, unsigned long what, struct ifreq *r)
{
	memset(r, 0, sizeof(*r));
	memcpy(r->ifr_name, i->name, sizeof(i->name));
	return ioctl(fd, what, r) == 0;
}

void iface_ioctl_facts(struct iface *i, int fd)
{
	struct ifreq r;

	if (asked(i, fd, SIOCGIFFLAGS, &r))
		i->flags = iface_flags_of((unsigned)(unsigned short)r.ifr_flags);
	if (asked(i, fd, SIOCGIFMTU, &r))
		i->mtu = (uint32_t)r.ifr_mtu;
#ifdef __linux__
	if (asked(i, fd, SIOCGIFHWADDR, &r)) {
		i->hardware = r.ifr_hwaddr.sa_family;
		/* The call does not tell the length; of these it is known. */
		if (i->hardware == 1 /* ARPHRD_ETHER */ || (i->flags & IFACE_LOOPBACK)) {
			memcpy(i->mac, r.ifr_hwaddr.sa_data, 6);
			i->mac_len = 6;
		}
	}
#endif
}

/* The old call and not ETHTOOL_GLINKSETTINGS, which takes two: it says the same about speed. */
void iface_ioctl_speed(struct iface *i, int fd)
{
#ifdef __linux__
	struct ethtool_cmd cmd = {.cmd = ETHTOOL_GSET};
	struct ifreq r;
	uint32_t speed;

	memset(&r, 0, sizeof(r));
	memcpy(r.ifr_name, i->name, sizeof(i->name));
	r.ifr_data = (char *)&cmd;
	if ((i->flags & IFACE_LOOPBACK) || ioctl(fd, SIOCETHTOOL, &r))
		return;
	speed = (uint32_t)cmd.speed_hi << 16 | cmd.speed;
	i->speed = speed == (uint32_t)SPEED_UNKNOWN || speed == UINT16_MAX ? 0 : speed;
	i->duplex = cmd.duplex == DUPLEX_FULL ? DUPLEX_IS_FULL : cmd.duplex == DUPLEX_HALF ? DUPLEX_IS_HALF
											   : DUPLEX_NOT_KNOWN;
#else
	(void)i;
	(void)fd;
#endif
}
