/*
 * host/craft_model.h - the power and heat of a satellite that is a process: src/craft, integrated as time goes on.
 *
 * Modelled: this machine has no solar array; battery and temperatures come from the model, under the loads that the node
 *           really asks for (EFFECT_LOAD) and the sky at its wall time. Scenario time is cut into pieces of 30 s, so
 *           that eclipses keep their edges at any speed.
 * Owns:     NODE/craft, a small file that carries battery and temperatures over a restart.
 * Threads:  the loop's.
 */
#ifndef NOCT_HOST_CRAFT_MODEL_H
#define NOCT_HOST_CRAFT_MODEL_H

#include "core/machine.h"
#include "core/port.h"
#include "craft/craft.h"

struct craft_model {
    struct craft craft;
    struct craft_params params;
    const struct sky *sky;
    node_id node;
    tai_ns at;
    uint32_t load_mw; /* above the base load */
    uint16_t sunlit_permille;
};

void craft_model_init(struct craft_model *m, const struct craft_params *params, double battery_start, const struct sky *sky,
                      node_id node, tai_ns wall, const char *node_directory);
void craft_model_load(struct craft_model *m, const struct effect_load *load, const struct config *config);
void craft_model_run(struct craft_model *m, tai_ns until, struct event_craft *out);
err craft_model_save(const struct craft_model *m, const char *node_directory) MUST_USE;

#endif
