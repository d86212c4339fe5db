// table.js - a table that draws only the rows in sight, so that a thousand nodes or two thousand events cost no more than
// thirty. Arrow keys move, Enter opens. Rows are reused: a redraw changes texts, not elements.
import { element, set_class } from './dom.js';

const SPARE = 4;

export class Table {
    // columns: [{ title, class, make() -> Element (optional), fill(cell, item) }]; key(item): identity for selection
    constructor(place, { columns, key, row_height = 27, on_open, row_class, label, header = true, empty = '' }) {
        Object.assign(this, { columns, key, row_height, on_open, row_class });
        this.items = [];
        this.rows = [];
        this.cursor = null;
        this.above = element('tbody', { 'aria-hidden': 'true' }, element('tr', {}, element('td', { colspan: columns.length })));
        this.below = this.above.cloneNode(true);
        this.body = element('tbody');
        const titles = element('tr', {}, ...columns.map((c) => element('th', { class: c.class, scope: 'col', text: c.title })));
        const widths = element('colgroup', {}, ...columns.map((c) => element('col', { class: c.class.split(' ').map((k, i) => (i ? k : `col-${k}`)).join(' ') })));
        this.table = element('table', { 'aria-label': label }, widths, element('thead', { class: header ? null : 'unseen' }, titles), this.above, this.body, this.below);
        this.empty = element('p', { class: 'empty', text: empty });
        this.scroll = element('div', { class: 'scroll', tabindex: '0' }, this.table, this.empty);
        this.scroll.addEventListener('scroll', () => this.draw(), { passive: true });
        this.scroll.addEventListener('keydown', (e) => this.on_key(e));
        new ResizeObserver(() => this.draw()).observe(this.scroll);
        place.append(this.scroll);
    }

    set(items) {
        this.items = items;
        this.empty.hidden = items.length > 0;
        this.table.setAttribute('aria-rowcount', items.length);
        this.draw();
    }

    set_empty(text) {
        if (this.empty.textContent !== text)
            this.empty.textContent = text;
    }

    on_key(e) {
        const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 12, PageUp: -12, Home: -Infinity, End: Infinity }[e.key];
        const index = this.items.findIndex((item) => this.key(item) === this.cursor);
        if (step !== undefined && this.items.length) {
            const next = Math.min(this.items.length - 1, Math.max(0, index < 0 ? 0 : index + step));
            this.cursor = this.key(this.items[next]);
            this.reveal(next);
            this.draw();
        } else if (e.key === 'Enter' && index >= 0) {
            this.on_open?.(this.items[index]);
        } else {
            return;
        }
        e.preventDefault();
    }

    reveal(index) {
        const top = index * this.row_height;
        const room = this.scroll.clientHeight - this.row_height * 2;
        if (top < this.scroll.scrollTop)
            this.scroll.scrollTop = top;
        else if (top > this.scroll.scrollTop + room)
            this.scroll.scrollTop = top - room;
    }

    reveal_key(key) {
        const index = this.items.findIndex((item) => this.key(item) === key);
        if (index >= 0)
            this.reveal(index);
    }

    row(i) {
        if (this.rows[i])
            return this.rows[i];
        const cells = this.columns.map((c) => {
            const cell = element('td', { class: c.class });
            if (c.make)
                cell.append((cell.inner = c.make()));
            return cell;
        });
        const row = { e: element('tr', {}, ...cells), cells, item: null };
        row.e.addEventListener('click', () => {
            this.cursor = this.key(row.item);
            this.draw();
            this.on_open?.(row.item);
        });
        this.body.append(row.e);
        this.rows[i] = row;
        return row;
    }

    draw() {
        const count = this.items.length;
        const from = Math.max(0, Math.min(count, Math.floor(this.scroll.scrollTop / this.row_height)) - SPARE);
        const to = Math.min(count, from + Math.ceil(this.scroll.clientHeight / this.row_height) + 2 * SPARE);
        this.above.firstChild.firstChild.style.height = `${from * this.row_height}px`;
        this.below.firstChild.firstChild.style.height = `${(count - to) * this.row_height}px`;
        this.above.hidden = from === 0;
        this.below.hidden = to === count;
        for (let i = 0; i < Math.max(to - from, this.rows.length); i++) {
            const shown = i < to - from;
            const row = shown ? this.row(i) : this.rows[i];
            row.e.hidden = !shown;
            if (!shown)
                continue;
            row.item = this.items[from + i];
            const chosen = this.key(row.item) === this.cursor;
            set_class(row.e, `${this.row_class ? this.row_class(row.item) : ''}${chosen ? ' cursor' : ''}`);
            for (let c = 0; c < this.columns.length; c++)
                this.columns[c].fill(row.cells[c], row.item);
        }
    }
}
