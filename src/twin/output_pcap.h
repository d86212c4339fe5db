/*
 * twin/output_pcap.h - the bundles of a link as pcapng, for Wireshark and tshark.
 *
 * Story:    each bundle that is handed to the modem of a chosen link becomes TCPCLv4 (RFC 9174) transfer segments in synthetic TCP over
 *           IPv4 (LINKTYPE_RAW), time-stamped to the nanosecond in UTC of the scenario. Bundles are the real bytes; contact headers,
 *           SESS_INIT and TCP are made up so that dissectors follow. A node's address is 10.0.0.0 plus its number.
 * Owns:     one file per link, PCAP_LINKS_MAX at most, 2 GiB each.
 * Errors:   INVALID with `why` for a link that is none; IO.
 * Threads:  serial, as observers are.
 */
#ifndef NOCT_TWIN_OUTPUT_PCAP_H
#define NOCT_TWIN_OUTPUT_PCAP_H

#include "base/err.h"

enum { PCAP_LINKS_MAX = 32, PCAP_WHY = 200 };

struct scenario;
struct world;
struct pcap;

/* Whether `links` ("A:B,C:D" by name) are links that pcap_open could capture. INVALID with `why`. */
err pcap_check(const struct scenario *s, const char *links, char why[PCAP_WHY]) MUST_USE;
/* `links`: "A:B,C:D" by name. Files FOLDER/pcap/A-B.pcapng. Observes `w` from now on. */
err pcap_open(struct pcap **out, struct world *w, const char *folder, const char *links, char why[PCAP_WHY]) MUST_USE;
void pcap_close(struct pcap *p); /* NULL is allowed */

#endif
