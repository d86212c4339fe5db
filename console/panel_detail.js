// panel_detail.js - the card of the selected node, over the globe.
import { $, bar, bytes_text, count_text, element, set_class, set_text } from './dom.js';
import { latitude_longitude, rotate_z, turn_angle } from './orbit.js';
import { battery_part } from './panel_nodes.js';

const degrees = (value, plus, minus) => `${Math.abs(value).toFixed(2)}° ${value >= 0 ? plus : minus}`;
const watts = (mw) => (mw === undefined ? '–' : `${(mw / 1000).toFixed(mw < 10000 ? 1 : 0)} W`);
const watt_hours = (mwh) => `${(mwh / 1000).toFixed(0)} Wh`;

export class DetailPanel {
    constructor(globe, clock, on_open) {
        this.globe = globe;
        this.clock = clock;
        this.on_open = on_open;
        this.rows = new Map();
        this.node = null;
        this.shown_links = '';
        this.state = null;
        $('detail-close').addEventListener('click', () => on_open(null));
    }

    row(title, part) {
        let e = this.rows.get(title);
        if (!e) {
            e = part ? part() : element('span');
            this.rows.set(title, e);
            $('detail-rows').append(element('dt', { text: title }), element('dd', {}, e));
        }
        e.parentElement.hidden = e.parentElement.previousSibling.hidden = false;
        return e;
    }

    hide(title) {
        const e = this.rows.get(title);
        if (e)
            e.parentElement.hidden = e.parentElement.previousSibling.hidden = true;
    }

    text(title, value) {
        if (value === undefined || value === '')
            this.hide(title);
        else
            set_text(this.row(title), value);
    }

    meter(title, part, kind, text) {
        if (part === undefined || !Number.isFinite(part)) {
            this.hide(title);
            return;
        }
        const e = this.row(title, () => {
            const b = bar();
            const words = element('span', { class: 'bar-text' });
            const cell = element('span', { class: 'meter' }, b, words);
            cell.set = (p, k, t) => {
                b.set(p, k);
                set_text(words, t);
            };
            return cell;
        });
        e.set(part, kind, text);
    }

    set(state, id) {
        this.state = state;
        this.node = id === null ? null : state.nodes.find((n) => n.id === id) || null;
        $('detail').hidden = !this.node;
        if (!this.node)
            return;
        const n = this.node;
        set_text($('detail-name'), n.name);
        set_text($('detail-state'), n.state);
        set_class($('detail-state'), `tag state-${n.state}`);
        set_text($('detail-role'), n.role === 'gateway' ? 'ground gateway' : `satellite · plane ${n.plane}`);
        this.position();
        this.power(n);
        this.work(n);
        this.links(state, n);
    }

    power(n) {
        const satellite = n.role !== 'gateway';
        const part = satellite ? battery_part(n) : undefined;
        const kind = part < 0.2 ? 'bad' : part < 0.4 ? 'warn' : 'good';
        this.meter('Battery', part, kind, part === undefined ? '' : `${watt_hours(n.battery_mwh)} of ${watt_hours(n.battery_capacity_mwh)}`);
        this.text('Power', satellite && n.load_mw !== undefined ? `${watts(n.generation_mw)} in, ${watts(n.load_mw)} out` : '');
        this.text('Temperature', satellite && n.core_celsius !== undefined
            ? `core ${n.core_celsius.toFixed(1)} °C, radiator ${n.radiator_celsius.toFixed(1)} °C` : '');
        this.text('Sunlight', n.sunlit === undefined ? '' : satellite ? `${Math.round(n.sunlit * 100)} %` : n.sunlit >= 0.5 ? 'day' : 'night');
    }

    work(n) {
        const used = n.disk_capacity_bytes - n.disk_free_bytes;
        this.meter('Disk', n.disk_capacity_bytes > 0 ? used / n.disk_capacity_bytes : undefined, used > 0.9 * n.disk_capacity_bytes ? 'bad' : 'calm',
            `${bytes_text(used)} of ${bytes_text(n.disk_capacity_bytes)}`);
        this.meter('Cores', n.lanes_millis > 0 ? n.lanes_busy_millis / n.lanes_millis : undefined, 'calm',
            `${(n.lanes_busy_millis / 1000).toFixed(1)} of ${(n.lanes_millis / 1000).toFixed(0)}`);
        this.text('Holds', n.objects_held === undefined ? '' : `${count_text(n.objects_held)} objects, ${n.repairs_queued} repairs queued`);
        this.text('Tasks', n.tasks_running === undefined ? '' : `${n.tasks_running} running`);
        this.text('Reached in', n.self ? 'serves this page' : n.reach_s === undefined ? 'no path in the plan' : n.reach_s < 1 ? `${Math.round(n.reach_s * 1000)} ms` : `${n.reach_s.toFixed(1)} s`);
    }

    links(state, n) {
        const peers = state.links.filter(([a, b]) => a === n.id || b === n.id).map(([a, b]) => (a === n.id ? b : a));
        const signature = `${n.id}:${peers}`;
        if (signature === this.shown_links)
            return;
        this.shown_links = signature;
        const place = $('detail-links');
        place.replaceChildren(...peers.slice(0, 16).map((id) => {
            const peer = state.nodes.find((m) => m.id === id);
            return element('button', { class: `chip ${peer?.role || ''}`, type: 'button', text: peer ? peer.name : id, onclick: () => this.on_open(id) });
        }));
        if (!peers.length)
            place.append(element('span', { class: 'dim', text: 'no link up' }));
    }

    // Where it is right now, from the globe's own motion; a few times a second.
    position() {
        const item = this.node && this.globe?.by_id.get(this.node.id);
        if (!item || !this.state) {
            this.hide('Position');
            return;
        }
        const gmst = turn_angle(this.state.gmst_rad, (this.clock.time_ms() - this.state.unix_ms) / 1000);
        const n = this.node;
        const p = item.fixed ? { latitude_deg: n.lat_deg, longitude_deg: n.lon_deg, altitude_km: n.alt_km }
            : latitude_longitude(rotate_z(item.at.map((x) => x * 6378.137), -gmst));
        const height = n.role === 'gateway' ? `${Math.round(p.altitude_km * 1000)} m` : `${p.altitude_km.toFixed(1)} km`;
        this.text('Position', `${degrees(p.latitude_deg, 'N', 'S')}, ${degrees(p.longitude_deg, 'E', 'W')}, ${height}`);
    }
}
