// panel_nodes.js - the table of members: state, health, battery, temperature, light, links.
import { $, bar, element, set_class, set_text } from './dom.js';
import { Table } from './table.js';

const ORDER = { quarantined: 0, convicted: 1, suspect: 2 };

export function battery_part(node) {
    return node.battery_capacity_mwh > 0 ? node.battery_mwh / node.battery_capacity_mwh : undefined;
}

function battery_kind(part) {
    return part < 0.2 ? 'bad' : part < 0.4 ? 'warn' : 'good';
}

function light(node) {
    if (node.sunlit === undefined)
        return ['', ''];
    if (node.role === 'gateway')
        return node.sunlit >= 0.5 ? ['☀', 'sunny', 'day'] : ['☾', 'shadow', 'night'];
    return node.sunlit >= 0.99 ? ['☀', 'sunny', 'in sunlight'] : node.sunlit > 0.01 ? ['◐', 'sunny', 'in penumbra'] : ['☾', 'shadow', 'in eclipse'];
}

function columns() {
    return [
        { title: 'Node', class: 'name', make: () => element('span', { class: 'node-name' }), fill: (c, n) => {
            set_text(c.inner, n.name);
            set_class(c.inner, `node-name ${n.role}`);
            c.title = `${n.name}: ${n.role}${n.self ? ', serves this page' : ''}`;
        } },
        { title: 'State', class: 'state', make: () => element('span'), fill: (c, n) => {
            set_text(c.inner, n.state);
            set_class(c.inner, `tag state-${n.state}`);
        } },
        { title: 'Health', class: 'health', make: () => element('span'), fill: (c, n) => {
            set_text(c.inner, n.health || '–');
            set_class(c.inner, `health-${n.health}`);
        } },
        { title: 'Battery', class: 'battery', make: bar_with_text, fill: (c, n) => {
            const part = n.role === 'gateway' ? undefined : battery_part(n);
            c.inner.set(part);
        } },
        { title: '°C', class: 'number', fill: (c, n) => {
            set_text(c, n.role === 'gateway' || n.core_celsius === undefined ? '–' : n.core_celsius.toFixed(0));
        } },
        { title: 'Sun', class: 'sun', make: () => element('span'), fill: (c, n) => {
            const [sign, kind, words] = light(n);
            set_text(c.inner, sign);
            set_class(c.inner, kind);
            c.title = words || '';
        } },
        { title: 'Tasks', class: 'number', fill: (c, n) => set_text(c, n.tasks_running ?? '–') },
        { title: 'Objects', class: 'number wide', fill: (c, n) => set_text(c, n.objects_held ?? '–') },
        { title: 'Links', class: 'number wide', fill: (c, n) => set_text(c, n.degree) },
    ];
}

function bar_with_text() {
    const b = bar();
    const text = element('span', { class: 'bar-text' });
    const e = element('span', { class: 'battery-cell' }, b, text);
    e.set = (part) => {
        b.hidden = part === undefined;
        set_text(text, part === undefined ? '–' : `${Math.round(part * 100)} %`);
        if (part !== undefined)
            b.set(part, battery_kind(part));
    };
    return e;
}

export class NodesPanel {
    constructor(on_open) {
        this.nodes = [];
        this.table = new Table($('nodes'), {
            label: 'Nodes',
            columns: columns(),
            key: (n) => n.id,
            on_open: (n) => on_open(n.id),
            row_class: (n) => (n.state === 'alive' || n.state === 'suspect' ? '' : 'gone'),
        });
        this.filter = $('node-filter');
        this.filter.addEventListener('input', () => this.draw());
    }

    // Trouble first, then by name as people count: sat-2 before sat-10.
    set(state) {
        const by_name = new Intl.Collator('en', { numeric: true });
        this.nodes = [...state.nodes].sort((a, b) => (ORDER[a.state] ?? 9) - (ORDER[b.state] ?? 9) || by_name.compare(a.name, b.name));
        // Room for the whole table of a small region, whatever the filter hides.
        $('nodes').style.minHeight = `${24 + 27 * Math.max(3, Math.min(this.nodes.length, 11))}px`;
        this.draw();
    }

    draw() {
        const words = this.filter.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
        const shown = words.length === 0 ? this.nodes : this.nodes.filter((n) => {
            const text = `${n.name} ${n.role} ${n.state} ${n.health || ''}`.toLowerCase();
            return words.every((w) => text.includes(w));
        });
        this.table.set_empty(this.nodes.length ? 'No node matches.' : 'Waiting for the gateway…');
        this.table.set(shown);
        set_text($('nodes-count'), shown.length === this.nodes.length ? `${this.nodes.length}` : `${shown.length} of ${this.nodes.length}`);
    }

    select(id) {
        this.table.cursor = id;
        this.table.reveal_key(id);
        this.table.draw();
    }
}
