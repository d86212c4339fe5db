/* What most steps touch of the network plane: base/expect.h. */
#include "base/expect.h"
#include "network/plane.h"

void network_expect(const struct network *n, unsigned stage, node_id peer)
{
    if (stage == 1) {
        expect(n, offsetof(struct network, route));
        if (peer != NODE_NONE)
            return;
        expect(&n->links, offsetof(struct network, spool) - offsetof(struct network, links));
        expect(&n->next_id, sizeof *n - offsetof(struct network, next_id));
    }
    if (peer != NODE_NONE)
        return;
    if (stage == 2) {
        map_expect(&n->links);
        if (n->cast.block)
            expect(n->cast.block, sizeof *n->cast.block);
    }
    if (stage == 3) {
        map_expect_all(&n->links);
        if (n->cast.block)
            expect(n->cast.block->data, n->cast.size);
    }
}
