#include "host/craft_model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "host/files.h"

#define CRAFT_PIECE_NS (30 * NS_PER_S)
#define CRAFT_CATCH_UP_NS (NS_PER_HOUR * 3)
#define CRAFT_START_K 293.0

static void load_saved(struct craft_model *m, const char *node_directory)
{
    char path[PATH_SIZE];
    uint8_t *data;
    size_t size;
    double battery_j, core_k, radiator_k;
    if (!path_join(path, node_directory, "craft") || file_read(path, 256, &data, &size) != ERR_OK)
        return;
    if (sscanf((const char *)data, "%lf %lf %lf", &battery_j, &core_k, &radiator_k) == 3 && isfinite(battery_j) &&
        battery_j >= 0 && battery_j <= m->params.battery_wh * 3600 && core_k > 100 && core_k < 500 && radiator_k > 50 &&
        radiator_k < 500) {
        m->craft.battery_j = battery_j;
        m->craft.core_k = core_k;
        m->craft.radiator_k = radiator_k;
    }
    free(data);
}

void craft_model_init(struct craft_model *m, const struct craft_params *params, double battery_start, const struct sky *sky,
                      node_id node, tai_ns wall, const char *node_directory)
{
    *m = (struct craft_model){.params = *params, .sky = sky, .node = node, .at = wall};
    craft_init(&m->craft, params, battery_start, CRAFT_START_K);
    load_saved(m, node_directory);
}

void craft_model_load(struct craft_model *m, const struct effect_load *load, const struct config *config)
{
    uint64_t lanes = (uint64_t)load->lanes_busy_millis * config->lane_power_mw / 1000;
    m->load_mw = (uint32_t)MIN(lanes + load->radios_on * config->radio_power_mw, (uint64_t)UINT32_MAX);
}

void craft_model_run(struct craft_model *m, tai_ns until, struct event_craft *out)
{
    struct state state;
    m->at = MAX(m->at, until - CRAFT_CATCH_UP_NS); /* after a long stop of the machine */
    while (m->at < until) {
        duration_ns piece = MIN(CRAFT_PIECE_NS, until - m->at);
        if (sky_position(m->sky, m->node, m->at + piece / 2, &state) == ERR_OK) {
            craft_step(&m->craft, &m->params, &state, m->load_mw, piece);
            m->sunlit_permille = (uint16_t)lround(state.sunlit * 1000);
        }
        m->at += piece;
    }
    struct craft_state c = craft_state_of(&m->craft, &m->params);
    *out = (struct event_craft){
        .battery_mwh = c.battery_mwh,
        .battery_capacity_mwh = c.battery_capacity_mwh,
        .battery_floor_mwh = (uint64_t)(1000.0 * craft_battery_floor_wh(&m->params)),
        .generation_mw = c.generation_mw,
        .load_mw = c.load_mw,
        .core_mk = c.core_mk,
        .radiator_mk = c.radiator_mk,
        .core_limit_mk = (uint32_t)(m->params.core_limit_k * 1000),
        .sunlit_permille = m->sunlit_permille,
    };
}

err craft_model_save(const struct craft_model *m, const char *node_directory)
{
    char path[PATH_SIZE], text[160];
    int n = snprintf(text, sizeof text, "%.17g %.17g %.17g\n", m->craft.battery_j, m->craft.core_k, m->craft.radiator_k);
    return path_join(path, node_directory, "craft") ? file_write(path, span_of(text, (size_t)n), 0600) : ERR_TOO_LARGE;
}
