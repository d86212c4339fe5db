// panel_events.js - the event trace: newest first, live, by level and words.
import { $, set_class, set_text, time_text, element } from './dom.js';
import { Table } from './table.js';

const KEPT = 3000;
const LEVELS = { D: 'debug', I: 'info', W: 'warning', E: 'error' };

export class EventsPanel {
    constructor(clock_text, on_node) {
        this.events = []; // newest first
        this.levels = new Set(['I', 'W', 'E']);
        this.pending = false;
        this.clock_text = clock_text;
        this.table = new Table($('events'), {
            label: 'Events',
            header: false,
            row_height: 22,
            columns: [
                { title: 'Time', class: 'time', fill: (c, e) => set_text(c, time_text(e.time, clock_text())) },
                { title: 'Event', class: 'event', make: () => element('span'), fill: (c, e) => {
                    set_text(c.inner, e.event);
                    set_class(c.inner, `level-${e.level}`);
                    c.title = LEVELS[e.level] || '';
                } },
                { title: 'Node', class: 'node', fill: (c, e) => set_text(c, e.node) },
                { title: 'Text', class: 'text', fill: (c, e) => {
                    set_text(c, e.text);
                    c.title = e.text;
                } },
            ],
            key: (e) => e.n,
            on_open: (e) => on_node(e.node),
        });
        this.table.set_empty('No events yet.');
        $('event-filter').addEventListener('input', () => this.draw());
        for (const button of document.querySelectorAll('[data-level]'))
            button.addEventListener('click', () => this.toggle(button));
        this.draw();
    }

    toggle(button) {
        const level = button.dataset.level;
        if (!this.levels.delete(level))
            this.levels.add(level);
        button.setAttribute('aria-pressed', this.levels.has(level));
        this.draw();
    }

    // Many events may come at once: the list is drawn once per frame.
    add(event) {
        this.events.unshift(event);
        if (this.events.length > KEPT)
            this.events.length = KEPT;
        if (this.pending)
            return;
        this.pending = true;
        requestAnimationFrame(() => this.draw());
    }

    clear() {
        this.events = [];
        this.draw();
    }

    draw() {
        this.pending = false;
        const words = $('event-filter').value.trim().toLowerCase().split(/\s+/).filter(Boolean);
        const shown = this.events.filter((e) => {
            if (!this.levels.has(e.level))
                return false;
            const text = words.length ? `${e.event} ${e.node || ''} ${e.text}`.toLowerCase() : '';
            return words.every((w) => text.includes(w));
        });
        // Who reads further down keeps the place while new events come in above.
        const scroll = this.table.scroll;
        const grown = shown.length - this.table.items.length;
        if (scroll.scrollTop > 30 && grown > 0 && this.table.items.length)
            scroll.scrollTop += grown * this.table.row_height;
        this.table.set(shown);
    }
}
