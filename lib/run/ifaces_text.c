/* ifaces, the half that puts facts into words. */
#include "ifaces.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#ifdef __linux__
#include <net/if_arp.h>
#endif

unsigned iface_flags_of(unsigned iff)
{
	static const struct {
		unsigned iff, flag;
	} known[] = {
	    {IFF_UP, IFACE_UP}, {IFF_RUNNING, IFACE_RUNNING}, {IFF_LOOPBACK, IFACE_LOOPBACK},
	    {IFF_POINTOPOINT, IFACE_POINT_TO_POINT}, {IFF_MULTICAST, IFACE_MULTICAST},
	    {IFF_BROADCAST, IFACE_BROADCAST},
	};
	unsigned flags = 0;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (iff & known[i].iff)
			flags |= known[i].flag;
	return flags;
}

static const char *hardware_name(unsigned hardware)
{
#ifdef __linux__
	static const struct {
		unsigned hardware;
		const char *name;
	} known[] = {
	    {ARPHRD_ETHER, "ethernet"}, {ARPHRD_LOOPBACK, "loopback"}, {ARPHRD_PPP, "ppp"},
	    {ARPHRD_INFINIBAND, "infiniband"}, {ARPHRD_TUNNEL, "ipip"}, {ARPHRD_TUNNEL6, "ip6tnl"},
	    {ARPHRD_SIT, "sit"}, {ARPHRD_IPGRE, "gre"}, {ARPHRD_SLIP, "slip"}, {ARPHRD_CAN, "can"},
	    {ARPHRD_IEEE80211, "wifi"}, {ARPHRD_NONE, "none"},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].hardware == hardware)
			return known[i].name;
#else
	(void)hardware;
#endif
	return "other";
}

const char *iface_type(const struct iface *i)
{
	if (i->kind[0])
		return i->kind;
	return i->flags & IFACE_LOOPBACK ? "loopback" : hardware_name(i->hardware);
}

const char *iface_state(const struct iface *i)
{
	if (!(i->flags & IFACE_UP))
		return "down";
	return i->flags & IFACE_RUNNING ? "up" : "no-carrier";
}

char *iface_mac_text(char out[3 * IFACES_MACMAX], const struct iface *i)
{
	out[0] = '\0';
	for (size_t n = 0; n < i->mac_len && n < IFACES_MACMAX; n++)
		snprintf(out + (n ? 3 * n - 1 : 0), 4, "%s%02x", n ? ":" : "", i->mac[n]);
	return out;
}

char *iface_address_text(char out[IFACES_ADDRESSMAX], const struct iface_address *a, bool prefix)
{
	size_t n;

	if (!inet_ntop(a->family, a->bytes, out, IFACES_ADDRESSMAX))
		out[0] = '\0';
	n = strlen(out);
	if (prefix)
		snprintf(out + n, IFACES_ADDRESSMAX - n, "/%u", a->prefix);
	return out;
}

char *iface_scope_text(char out[16], uint8_t scope)
{
	const char *name = NULL;

	switch (scope) {
	case SCOPE_GLOBAL:
		name = "global";
		break;
	case SCOPE_SITE:
		name = "site";
		break;
	case SCOPE_LINK:
		name = "link";
		break;
	case SCOPE_HOST:
		name = "host";
		break;
	case SCOPE_NOWHERE:
		name = "nowhere";
		break;
	default:
		break;
	}
	if (name)
		snprintf(out, 16, "%s", name);
	else
		snprintf(out, 16, "%u", scope);
	return out;
}

const char *iface_duplex_text(enum iface_duplex d)
{
	return d == DUPLEX_IS_FULL ? "full" : d == DUPLEX_IS_HALF ? "half" : NULL;
}

const char *ifaces_missing_text(enum ifaces_missing bit)
{
	switch (bit) {
	case IFACES_NO_KIND:
		return "kinds of virtual interfaces, aliases, masters";
	case IFACES_NO_SCOPE4:
		return "scopes of IPv4 addresses (guessed)";
	case IFACES_NO_FLAGS6:
		return "flags of IPv6 addresses";
	case IFACES_NO_IPV6:
		return "IPv6 addresses";
	case IFACES_NO_HIDDEN:
		return "interfaces without an IPv4 address";
	}
	return "";
}
